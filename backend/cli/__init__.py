"""The `vigil` command: one file per noun; each parses, then calls a service."""

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

from backend.core.errors import Invalid, UserError

# A noun's file is read when the noun is typed: serving need not wait for the report to load.
NOUNS = {
    "demo": "demo",
    "serve": "serve",
    "watch": "watch",
    "migrate": "migrate",
    "unit": "unit",
    "staff": "staff",
    "token": "token",
    "workstation": "workstation",
    "score": "score",
    "instruments": "instruments",
    "protocols": "protocols",
    "alerts": "alerts",
    "import": "importing",
    "replay": "replay",
    "report": "report",
    "retention": "retention",
    "audit": "audit",
}


class _Nouns(TyperGroup):
    """Finds a noun by its file. A refusal ends any command with its sentence and status 1."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (the library passes it)
        return list(NOUNS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in NOUNS:
            return None
        command = typer.main.get_command(
            importlib.import_module(f"backend.cli.{NOUNS[cmd_name]}").app
        )
        command.name = cmd_name
        return command

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            words = error.fields.values() if isinstance(error, Invalid) else ()
            typer.echo(" ".join(["Error:", *dict.fromkeys([error.sentence, *words])]), err=True)
            raise typer.Exit(1) from error
        except Exception as error:
            if not _is_silence(error):
                raise
            typer.echo("Error: The database does not answer. Is it frozen, or full?", err=True)
            raise typer.Exit(1) from None


def _is_silence(error: Exception) -> bool:
    from psycopg import OperationalError as NoAnswer  # noqa: PLC0415 (only who asked one needs it)
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415

    return isinstance(error, NoAnswer | OperationalError)


app = typer.Typer(
    name="vigil",
    cls=_Nouns,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def vigil() -> None:
    """Vigil: a 24/7 monitoring dashboard for detox units."""
