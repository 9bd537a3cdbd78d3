"""Somebody leaves the unit and comes back: what that does to the rounds, and who is told."""
