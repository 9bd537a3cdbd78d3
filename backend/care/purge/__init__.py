"""Deleting for good what is past its time: one person asks, another agrees, a log remains."""
