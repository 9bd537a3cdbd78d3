"""The unit, its beds, and its board."""
