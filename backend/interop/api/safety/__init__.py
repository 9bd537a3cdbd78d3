"""Safety checks, for machines: read, and nothing else."""
