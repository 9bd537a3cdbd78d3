"""`vigil report`: a report into a file, on record like one that leaves through the screen."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from backend import tables  # noqa: F401 (deeds need every table)
from backend.accounts.staff import service as staff
from backend.cli.staff import the_unit
from backend.core import clock
from backend.core.db import console_session
from backend.core.errors import Invalid, UserError
from backend.reports.shift import service, windows
from backend.reports.shift.report import Detail
from backend.reports.shift.service import File, Format

app = typer.Typer(no_args_is_help=True)


@app.callback()
def report() -> None:
    """Write a report to a file."""


@app.command()
def shift(
    unit: Annotated[str, typer.Option("--unit", help="The unit's code.")],
    start: Annotated[
        str,
        typer.Option(
            "--start", help="When the shift starts, e.g. 2026-11-17T07:00 on the unit's clock."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.PDF,
    *,
    identified: Annotated[
        bool, typer.Option("--identified", help="With names: a disclosure, which is logged.")
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", help="Who needs the names, and what for.")
    ] = "",
) -> None:
    """The report of one shift: by bed and code, or with names where a reason is given."""
    try:
        file = _exported(unit, start, form, reason=reason, identified=identified)
    except UserError as refused:
        typer.echo(refused.sentence, err=True)
        raise typer.Exit(2) from None
    try:
        _write(out, file.body)
    except OSError as error:
        typer.echo(f"{out} cannot be written: {error.strerror}.", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{out}: {len(file.body)} bytes")


def _exported(unit: str, start: str, form: Format, *, reason: str, identified: bool) -> File:
    if reason and not identified:
        raise Invalid("A reason is for names: say --identified too.")
    now = clock.now()
    with console_session.begin() as session:
        home = the_unit(session, unit)
        actor = staff.console(session)
        made = service.prepare(
            session,
            home,
            windows.shift_starting(home, start, now),
            detail=Detail.IDENTIFIED if identified else Detail.CODED,
            prepared_by=actor.name,
            now=now,
            reason=service.stated(reason) if identified else None,
        )
        # A nightly script may write a month at once; it is on record all the same.
        return service.export(session, actor.id, home, made, form, most_an_hour=None)


def _write(path: Path, body: bytes) -> None:
    """Whole or not at all, and for nobody else on this machine to read."""
    if path.exists() and not path.is_file():  # a pipe, or standard output
        path.write_bytes(body)
        return
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
