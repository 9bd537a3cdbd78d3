"""The way to everything that is administered."""
