"""`vigil protocols`: what a unit has decided, version by version; compare, check, put in force."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.orm import Session

from backend import tables  # noqa: F401 (deeds need every table)
from backend.accounts.staff import queries as staff_queries
from backend.accounts.staff import service as staff
from backend.accounts.units.models import Unit
from backend.cli.staff import the_unit
from backend.cli.unit import Code, the_approver
from backend.clinical import protocol, protocol_diff
from backend.clinical.protocol import Protocol, Rule
from backend.clinical.scale import latest
from backend.core.db import console_session
from backend.core.errors import Invalid, NotFound
from backend.protocols import queries, service
from backend.protocols.models import UnitProtocol

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Show, compare and check protocols, and put a version into force.",
)

# The shipped protocol has some 20 kB: what is far longer is no protocol.
LARGEST_BYTES = 500_000

File = Annotated[Path, typer.Argument(help="A protocol as TOML, or as JSON.")]
Version = Annotated[int | None, typer.Option("--version", min=1, help="Instead of the newest.")]


@app.command()
def shipped() -> None:
    """Print the protocol that Vigil ships, as TOML, to begin from."""
    typer.echo(service.DEFAULT.read_text("utf-8"), nl=False)


@app.command(name="list")
def list_(code: Code) -> None:
    """Every version of a unit, with who approved it and from when it is in force."""
    with console_session() as session:
        unit = the_unit(session, code)
        for row in queries.versions(session, unit.id):
            who = staff_queries.names(session, [row.approved_by])[row.approved_by]
            at = _time(row.effective_at, unit)
            typer.echo(f"{row.version}\t{row.name}\tfrom {at}\tapproved by {who}")


@app.command()
def show(
    code: Code,
    version: Version = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The whole document.")] = False,
) -> None:
    """What a version says: rules with source, intervals, ladders."""
    with console_session() as session:
        row = _version(session, the_unit(session, code), version)
    if as_json:
        typer.echo(json.dumps(row.document, indent=2, ensure_ascii=False))
        return
    typer.echo(f"{row.name}, version {row.version}")
    for line in in_words(protocol.parse(row.document)):
        typer.echo(line)


@app.command()
def diff(code: Code, file: File, version: Version = None) -> None:
    """What a file says differently from a unit's version; ends with 1 where anything differs."""
    document = _read(file)
    with console_session() as session:
        row = _version(session, the_unit(session, code), version)
    found = protocol_diff.changes(row.document, document)
    for line in found or [f"The same as version {row.version}."]:
        typer.echo(line)
    raise typer.Exit(1 if found else 0)


@app.command()
def check(file: File) -> None:
    """Whether a file can be used; every reason why not. Asks no database."""
    document = _read(file)
    service.check(document, before=None)
    typer.echo(f"This protocol can be used: {len(document['rules'])} rules.")


@app.command()
def load(
    code: Code,
    file: File,
    by: Annotated[str, typer.Option("--by", help="Login name of the approver or physician.")],
    effective: Annotated[
        str | None, typer.Option("--from", help="2026-11-24T07:00 on the unit's clock; else now.")
    ] = None,
) -> None:
    """Put a file into force as the unit's next version, approved by a clinician's password."""
    document = _read(file)
    with console_session.begin() as session:
        unit = the_unit(session, code)
        effective_at = _moment(effective, unit) if effective else None
        person = the_approver(session, unit, by)
        row = service.adopt(
            session,
            unit_id=unit.id,
            document=document,
            drafted_by=staff.console(session).id,
            approved_by=person.id,
            effective_at=effective_at,
        )
    at = _time(row.effective_at, unit)
    typer.echo(
        f"Version {row.version} is in force on {unit.name} from {at}, approved by {person.name}."
    )


def _version(session: Session, unit: Unit, version: int | None) -> UnitProtocol:
    rows = queries.versions(session, unit.id)
    found = [row for row in rows if version in (None, row.version)]
    if not found:
        among = ", ".join(str(row.version) for row in rows) or "none yet"
        raise NotFound(f"There is no such version. Versions: {among}.")
    return found[-1]


def _read(file: Path) -> dict[str, Any]:
    """The document in a file; Invalid with what is wrong with it."""
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise Invalid("This file is far too long for a protocol.")
        text = file.read_text("utf-8")
        found = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise Invalid(f"This file cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise Invalid(f"This is neither TOML nor, as .json, JSON: {str(error)[:200]}.") from error
    if not isinstance(found, dict):
        raise Invalid("A protocol is a table, not a list or a value.")
    return found


def _moment(text: str, unit: Unit) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("Write the time as 2026-11-24T07:00.") from None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(unit.time_zone))


def _time(at: datetime, unit: Unit) -> str:
    return at.astimezone(ZoneInfo(unit.time_zone)).isoformat(sep=" ", timespec="minutes")


def in_words(said: Protocol) -> Iterator[str]:
    """A protocol as lines: bands, rules, intervals, ladders."""
    yield "Bands: " + ", ".join(f"{key} {name}" for key, name in said.band_systems.items())
    yield "Rules:"
    for rule in said.rules:
        yield f"  {_rule(rule)}"
        yield f"      {rule.source.text} [{rule.source.mark}]"
    yield "Usual orders:"
    for key, table in said.intervals.items():
        yield f"  {latest()[key].name} every {table.ordered_minutes} min [{table.source.mark}]"
    yield "Who is told when nobody acknowledges:"
    for level, rungs in said.ladder.items():
        steps = " · ".join(f"{rung.after_minutes} min {rung.role_words}" for rung in rungs)
        put_off = said.close[level].snooze_minutes
        yield f"  {level}: {steps}; can be put off {put_off} min"


def _rule(rule: Rule) -> str:
    said: Mapping[str, Any] = {**rule.numbers, **rule.limits, **rule.words}
    numbers = ", ".join(f"{name} {value}" for name, value in said.items())
    about = " ".join(part for part in (rule.instrument, *rule.instruments) if part)
    waits = [
        f"{word} after {sets} sets"
        for word, sets in (("raises", rule.raise_after_sets), ("clears", rule.clear_after_sets))
        if sets > 1
    ]
    words = "; ".join(part for part in (about, numbers, *waits) if part)
    level = rule.level if rule.on else "OFF"
    return f"{rule.id} version {rule.version}, {level}: {rule.title} ({rule.kind}: {words})"
