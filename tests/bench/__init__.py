"""Measures how fast Vigil is, as ratios of one run: `python -m tests.bench`."""
