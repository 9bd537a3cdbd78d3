"""`vigil token`: give a machine its token, and take it away."""

from typing import Annotated

import typer

from backend import tables  # noqa: F401 (deeds need every table)
from backend.accounts.devices import queries as devices_queries
from backend.accounts.devices import service as devices
from backend.accounts.permissions import Role
from backend.accounts.staff import service as staff
from backend.cli.staff import the_unit
from backend.core import clock, local_time
from backend.core.db import console_session
from backend.core.errors import NotFound

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Give machines their tokens, and take them away.",
)

UnitCode = Annotated[str, typer.Option("--unit", help="The one unit it may act on.")]


@app.command()
def new(
    unit: UnitCode,
    name: Annotated[str, typer.Option("--name", help='What it is, e.g. "Monitor bed 7".')],
    role: Annotated[
        Role,
        typer.Option("--role", help="`device` posts observations; `interface` also reads."),
    ],
) -> None:
    """Make a token. It is printed once, alone on standard output, and cannot be shown again."""
    with console_session.begin() as session:
        home = the_unit(session, unit)
        token, device = devices.enrol(
            session,
            staff.console(session).id,
            unit_id=home.id,
            name=name,
            role=role,
            now=clock.now(),
        )
    typer.echo(
        f"Token {device.id} for {home.name}, {role.value}. Keep it: only its hash is stored.",
        err=True,
    )
    typer.echo(token)


@app.command()
def revoke(
    token_id: Annotated[int, typer.Argument(help="As `vigil token list` shows it.")],
) -> None:
    """Make a token worthless from the next request on."""
    with console_session.begin() as session:
        device = devices_queries.by_id(session, token_id)
        if device is None:
            raise NotFound("There is no such token.")
        devices.revoke(session, staff.console(session).id, device, now=clock.now())
    typer.echo(f"Token {token_id} opens nothing any more.")


@app.command(name="list")
def list_(unit: UnitCode) -> None:
    """Every token that was made for a unit; never the tokens themselves."""
    with console_session() as session:
        for machine in devices_queries.on_unit(session, the_unit(session, unit).id):
            device = machine.device
            revoked = device.revoked_at
            state = f"revoked {local_time.machine(revoked)}" if revoked else "valid"
            role = machine.role.value if machine.role else "no role"
            typer.echo(f"{device.id}\t{role}\t{state}\t{machine.name}")
