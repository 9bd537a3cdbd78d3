"""Who comes, lies where, and goes."""
