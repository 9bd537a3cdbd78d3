"""Sets of observations, in and out."""
