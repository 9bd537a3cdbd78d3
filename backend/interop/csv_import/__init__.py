"""Records from elsewhere, in long-format CSV files: taken in as history, or played as if now."""
