"""Definitions of instruments: what Vigil ships, and files that a site loads."""
