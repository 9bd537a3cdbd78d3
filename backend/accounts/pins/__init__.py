"""The six digits that unlock a screen inside a shift, and nothing else."""
