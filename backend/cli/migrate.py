"""`vigil migrate`: bring the database up to date."""

import typer

from backend.core.web import ROOT

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def migrate(revision: str = typer.Argument("head", help="How far; the newest by default.")) -> None:
    """Run the migrations that are missing, and load the instrument definitions."""
    upgrade(revision)
    typer.echo("The database is up to date.")


def upgrade(revision: str = "head") -> None:
    """Migrate the configured database, then put the shipped instruments into it."""
    import alembic.command  # noqa: PLC0415 (slow to load, and rarely needed)
    from alembic.config import Config  # noqa: PLC0415

    from backend import tables  # noqa: F401, PLC0415 (the deeds below need every table)
    from backend.core.db import console_session  # noqa: PLC0415
    from backend.observations import service as observations  # noqa: PLC0415

    config = Config(toml_file=ROOT / "pyproject.toml")
    alembic.command.upgrade(config, revision)
    with console_session.begin() as session:
        observations.load_definitions(session)
