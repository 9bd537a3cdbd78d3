"""Machines that may post to a unit."""
