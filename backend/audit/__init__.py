"""Who did what, and who saw whom."""
