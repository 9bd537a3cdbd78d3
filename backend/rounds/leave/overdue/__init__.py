"""Somebody was expected and is not back: the watch notices, and tells."""
