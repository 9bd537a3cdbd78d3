"""Whose patient is whose this shift."""
