"""The intervals that can be chosen; anything else is ordered as times."""

EVERY_MINUTES = (15, 30, 60, 120, 240, 360, 480, 720, 1440)
