"""`vigil migrate`: bring the database up to date."""

import typer

from backend.core.errors import Unavailable
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
    from alembic.util import CommandError  # noqa: PLC0415

    from backend import tables  # noqa: F401, PLC0415 (the deeds below need every table)
    from backend.core.db import console_session  # noqa: PLC0415
    from backend.observations.definitions import service as definitions  # noqa: PLC0415

    config = Config(toml_file=ROOT / "pyproject.toml")
    try:
        alembic.command.upgrade(config, revision)
    except CommandError:
        raise Unavailable(
            "The database was prepared by a newer Vigil: start that one, or name another database."
            if revision == "head"
            else "There is no such revision, or no way to it from where the database is."
        ) from None
    with console_session.begin() as session:
        definitions.load_shipped(session)
