"""Break-glass: a record read without the right to it, for an hour, with a reason and a review."""
