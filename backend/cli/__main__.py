"""`python -m backend.cli` is the `vigil` command."""

from backend.cli import app

app(prog_name="vigil")
