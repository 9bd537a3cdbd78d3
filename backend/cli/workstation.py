"""`vigil workstation`: make a shared machine of the ward, and take it away."""

from typing import Annotated

import typer

from backend import tables  # noqa: F401 (deeds need every table)
from backend.accounts.staff import service as staff
from backend.accounts.workstations import queries, service
from backend.accounts.workstations.models import Kind, Workstation
from backend.cli.staff import the_unit
from backend.core import clock, local_time
from backend.core.db import console_session
from backend.core.errors import NotFound

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Shared machines of a ward, on which people unlock with a PIN.",
)

UnitCode = Annotated[str, typer.Option("--unit", help="The unit it stands on.")]


@app.command()
def new(
    unit: UnitCode,
    label: Annotated[str, typer.Option("--label", help='Where it is, e.g. "Nurses\' station".')],
    kind: Annotated[Kind, typer.Option("--kind", help="Decides how soon it locks.")],
) -> None:
    """A code, alone on standard output. Typed at the machine's /workstation page, it works once."""
    with console_session.begin() as session:
        home = the_unit(session, unit)
        code, row = service.prepare(
            session, staff.console(session).id, unit_id=home.id, label=label, kind=kind
        )
    typer.echo(
        f"Workstation {row.id} for {home.name}. Open /workstation at the machine and type:",
        err=True,
    )
    typer.echo(code)


@app.command()
def revoke(
    workstation_id: Annotated[int, typer.Argument(help="As `vigil workstation list` shows it.")],
) -> None:
    """It forgets its PINs at once, and everybody at it is signed out."""
    with console_session.begin() as session:
        row = session.get(Workstation, workstation_id)
        if row is None:
            raise NotFound("There is no such workstation.")
        service.revoke(session, staff.console(session).id, row, now=clock.now())
    typer.echo(f"Workstation {workstation_id} is one no longer.")


@app.command(name="list")
def list_(unit: UnitCode) -> None:
    """Every workstation that was ever enrolled on a unit."""
    with console_session() as session:
        for one in queries.on_unit(session, the_unit(session, unit).id):
            row, state = one.workstation, "waits for its code"
            if row.revoked_at:
                state = f"revoked {local_time.machine(row.revoked_at)}"
            elif row.claimed_at:
                state = f"{one.people} signed in"
            typer.echo(f"{row.id}\t{row.kind.value}\t{state}\t{row.label}")
