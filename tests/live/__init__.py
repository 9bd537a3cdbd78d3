"""Tests of what reaches other screens."""
