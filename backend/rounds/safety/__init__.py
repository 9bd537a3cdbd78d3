"""Whoever is on safety rounds: where they are, what they are doing, and that they breathe."""
