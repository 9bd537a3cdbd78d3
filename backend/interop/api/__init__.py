"""The JSON API under /api/v1, for machines with a token."""
