"""Proving once more who is at the keys, before what must not be done by a passer-by."""
