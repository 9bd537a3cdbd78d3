"""`vigil instruments`: what can be scored, by which definition; and a site's own definitions."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.clinical import scale
from backend.clinical.definition import as_text
from backend.core.errors import Invalid, UserError
from backend.core.settings import settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, with every item.")]


@app.callback(invoke_without_command=True, context_settings={"allow_interspersed_args": True})
def instruments(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the instruments, shipped and loaded; the first band system of each is the default."""
    if ctx.invoked_subcommand:
        return
    learn()
    found = scale.instruments().values()
    if as_json:
        typer.echo(json.dumps([_as_json(instrument) for instrument in found], indent=2))
        return
    for instrument in found:
        bands = ", ".join(_default_first(instrument))
        typer.echo(f"{instrument.key}\t{instrument.id}\t{instrument.measures}\tbands: {bands}")


def learn() -> None:
    """Know what the site has loaded, where it has a database."""
    if settings().database_url is None and not (settings().data_dir / "postgres").is_dir():
        return
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 (a list need not load the database)

    from backend import tables  # noqa: F401, PLC0415 (questions need every table)
    from backend.core.db import console_session  # noqa: PLC0415
    from backend.observations.definitions import queries as definitions  # noqa: PLC0415

    try:
        with console_session() as session:
            definitions.keep_up(session)
    except (SQLAlchemyError, UserError, OSError):
        typer.echo("The database does not answer: only what Vigil brings is known.", err=True)


@app.command()
def load(file: Annotated[Path, typer.Argument(help="A definition, .toml.")]) -> None:
    """Load a definition file, or refuse it with every reason. Once loaded it never changes."""
    from backend import tables  # noqa: F401, PLC0415 (deeds need every table)
    from backend.accounts.staff import service as staff  # noqa: PLC0415
    from backend.core.db import console_session  # noqa: PLC0415
    from backend.observations.definitions import service as definitions  # noqa: PLC0415

    try:
        text = file.read_text("utf-8")
    except (OSError, ValueError):
        raise Invalid(f"{file.name} cannot be read as a text.") from None
    with console_session.begin() as session:
        instrument, new = definitions.load(session, staff.console(session).id, text)
    typer.echo(f"{instrument.id} is loaded." if new else f"{instrument.id} was loaded already.")


def _default_first(instrument: scale.Instrument) -> list[str]:
    return sorted(instrument.band_systems, key=lambda name: name != instrument.default_bands)


def _as_json(instrument: scale.Instrument) -> dict[str, Any]:
    return {
        "key": instrument.key,
        "id": instrument.id,
        "name": instrument.name,
        "measures": instrument.measures,
        "citation": instrument.citation,
        "terms": instrument.terms,
        "band_systems": _default_first(instrument),
        "items": [_item(item) for item in instrument.items],
        "unscored": [entry.id for entry in instrument.unscored],
    }


def _item(item: scale.Item) -> dict[str, Any]:
    told: dict[str, Any] = {"id": item.also or item.id, "label": item.label, "rater": item.rater}
    if item.vital and item.vital.possible:
        limits = item.vital.possible
        told |= {"unit": item.vital.ucum, "low": float(limits.low), "high": float(limits.high)}
    else:
        told["legal"] = list(item.legal)
        told["anchors"] = {as_text(value): words for value, words in item.anchors.items()}
    return told
