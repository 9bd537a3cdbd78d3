"""`vigil report`: a report into a file, on record like one that leaves through the screen."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from backend import tables  # noqa: F401 (deeds need every table)
from backend.accounts.staff import service as staff
from backend.care.disclosures.models import Basis
from backend.care.disclosures.service import Grounds
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
    basis: Annotated[
        Basis, typer.Option("--basis", help="On what ground the names leave.")
    ] = Basis.TREATMENT,
    recipient: Annotated[str, typer.Option("--to", help="Who gets the names.")] = "",
    affiliation: Annotated[str, typer.Option("--of", help="Of what organisation.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="What the names are needed for.")] = "",
) -> None:
    """The report of one shift: by bed and code, or with names where a reason is given."""
    try:
        if (reason or recipient or affiliation) and not identified:
            raise Invalid("A reason and a recipient are for names: say --identified too.")
        grounds = _grounds(basis, recipient, affiliation, reason) if identified else None
        file = _exported(unit, start, form, grounds)
    except UserError as refused:
        typer.echo(refused.sentence, err=True)
        raise typer.Exit(2) from None
    try:
        _write(out, file.body)
    except OSError as error:
        typer.echo(f"{out} cannot be written: {error.strerror}.", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{out}: {len(file.body)} bytes")


def _grounds(basis: Basis, recipient: str, affiliation: str, reason: str) -> Grounds:
    return Grounds(
        basis=basis,
        recipient=recipient.strip(),
        affiliation=affiliation.strip(),
        purpose=service.stated(reason),
    )


def _exported(unit: str, start: str, form: Format, grounds: Grounds | None) -> File:
    """A refusal is on record too, so it is raised only after the commit."""
    now = clock.now()
    with console_session.begin() as session:
        home = the_unit(session, unit)
        by = staff.console(session)
        shift = windows.shift_starting(home, start, now)
        try:
            return service.export(
                session,
                home,
                shift,
                form,
                by=by.id,
                actor=None,
                prepared_by=by.name,
                detail=Detail.CODED,
                now=now,
                grounds=grounds,
            )
        except UserError as error:
            refused = error
    raise refused


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
