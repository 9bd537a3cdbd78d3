"""The ward at a glance, on every screen at once, for as long as somebody is awake."""
