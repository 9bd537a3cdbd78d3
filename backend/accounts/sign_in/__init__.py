"""Who is at the keys."""
