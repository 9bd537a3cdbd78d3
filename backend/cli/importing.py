"""`vigil import`: take in records from elsewhere as history."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import OperationalError

from backend import tables  # noqa: F401 (deeds need every table)
from backend.core import log, postgres
from backend.core.db import console_session
from backend.core.schema import is_current
from backend.core.settings import settings
from backend.interop.csv_import import mapping as mappings
from backend.interop.csv_import.run import Progress
from backend.interop.csv_import.service import import_file
from backend.interop.csv_import.tally import Summary

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="A long-format CSV file, packed by gzip or not.")]
MappingFile = Annotated[
    Path, typer.Option("--mapping", help="What its columns, codes and units mean (TOML).")
]
UnitCode = Annotated[str, typer.Option("--unit", help="The unit's code; opened if not there.")]
TimeZone = Annotated[
    str, typer.Option("--time-zone", help="The clock of the unit, if it must be opened.")
]


@app.callback()
def records() -> None:
    """Take in records from elsewhere."""


@app.command()
def observations(
    file: File,
    mapping: MappingFile,
    unit: UnitCode,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Where rejected rows go, with their reasons.")
    ] = None,
    time_zone: TimeZone = "UTC",
) -> None:
    """Store what a file holds as history: it raises nothing now, and can be run again."""
    log.configure("warning")
    with interruptions():
        read_mapping = mappings.read(mapping)
        prepare_database()
        with progress() as tell:
            summary = import_file(
                console_session,
                file,
                read_mapping,
                unit,
                tell,
                rejects=rejects,
                time_zone=time_zone,
            )
    typer.echo(json.dumps(summary.as_json()) if as_json else in_words(summary))


def prepare_database() -> None:
    """Start it, and bring our own up to date; a database of the deployer's is left to them."""
    postgres.url()
    if settings().database_url is None and not is_current():
        from backend.cli.migrate import upgrade  # noqa: PLC0415 (slow to load, and rarely needed)

        typer.echo("Preparing the database …", err=True)
        upgrade()


@contextmanager
def interruptions() -> Iterator[None]:
    """What stops an import half-way ends it with a sentence: it can always be run again."""
    try:
        yield
    except OperationalError:
        typer.echo(
            "vigil: The database went away. What was stored stays; run the same command again.",
            err=True,
        )
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo(
            "\nvigil: Stopped. What was stored stays; the same command goes on from there.",
            err=True,
        )
        raise typer.Exit(130) from None


@contextmanager
def progress() -> Iterator[Progress]:
    """One line that counts while a person watches; a line now and then for a log."""
    watched = sys.stderr.isatty()
    started = told = time.monotonic()

    def tell(stage: str, rows: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < (0.2 if watched else 5):
            return
        told = now
        line = f"{rows:,} {stage}, {now - started:.0f} s"
        typer.echo(f"\r\033[K{line}" if watched else line, err=True, nl=not watched)

    yield tell
    if watched:
        typer.echo("\r\033[K", err=True, nl=False)


def in_words(summary: Summary) -> str:
    """The summary for a person."""
    counts = f"{summary.stored:,} stored, {summary.duplicate:,} known already"
    lines = [f"{summary.read:,} rows read: {counts}, {summary.rejected:,} rejected."]
    if summary.rejected:
        lines += [f"  {count:>8,}  {reason}" for reason, count in summary.reasons.items()]
        lines.append(f"Every rejected row, with its reason: {summary.rejects}")
    for name, found in summary.as_json()["instruments"].items():
        lines.append(f"{name}: {found['complete']:,} complete, {found['incomplete']:,} incomplete.")
    if not summary.flags:
        lines.append("Nothing would have been flagged.")
        return "\n".join(lines)
    lines.append(f"Would have been flagged, {len(summary.flags):,} times; nothing is raised now:")
    by_title: dict[str, list[str]] = {}
    for flag in summary.flags:
        by_title.setdefault(f"{flag.title} ({flag.level})", []).append(
            f"{flag.at:%Y-%m-%d %H:%M}Z, {flag.patient}"
        )
    for title, places in by_title.items():
        shown = "; ".join(places[:3]) + (f"; and {len(places) - 3} more" if places[3:] else "")
        lines.append(f"  {len(places):>6,} x {title}: {shown}")
    return "\n".join(lines)
