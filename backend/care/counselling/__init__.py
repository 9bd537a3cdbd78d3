"""Counselling notes, kept apart from the record (42 CFR 2.11)."""
