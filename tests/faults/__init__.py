"""Tests that kill and freeze real processes."""
