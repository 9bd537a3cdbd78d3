"""`vigil staff`: take people on, post them to units, change passwords, let them go."""

import sys
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from backend import tables  # noqa: F401 (deeds need every table)
from backend.accounts.links import service as links
from backend.accounts.links.models import LinkKind
from backend.accounts.permissions import MACHINES, Permission, Role
from backend.accounts.staff import queries as staff_queries
from backend.accounts.staff import service as staff
from backend.accounts.staff.models import Staff
from backend.accounts.units import queries as units
from backend.accounts.units.models import Unit
from backend.core import clock
from backend.core.db import console_session
from backend.core.errors import NotFound

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Take people on, post them, let them go.",
)

Login = Annotated[str, typer.Argument(help="The login name.")]
UnitCode = Annotated[str, typer.Option("--unit", help="The unit's code.")]
RoleName = Annotated[Role, typer.Option("--role", help="The part they play on the unit.")]


def typed_password() -> str:
    """Asked twice at a terminal, read once from a pipe; never an argument that `ps` shows."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def the_unit(session: Session, code: str) -> Unit:
    """The unit, or a sentence that lists those there are."""
    unit = units.by_code(session, code)
    if unit is None:
        there = ", ".join(unit.code for unit in units.every(session)) or "none yet"
        raise NotFound(f"There is no such unit. Units: {there}.")
    return unit


def _the_person(session: Session, login_name: str) -> Staff:
    person = staff_queries.by_login_name(session, login_name)
    if person is None:
        raise NotFound("There is nobody with this login name.")
    return person


@app.command()
def new(
    login_name: Login,
    name: Annotated[str, typer.Option("--name", help="As colleagues know them.")],
    unit: UnitCode,
    role: RoleName,
) -> None:
    """An account with a role on a unit, and a link to hand over: it opens once, within three days.

    Whoever has it chooses a password that nobody else sees. The link is alone on standard output.
    """
    if role in MACHINES:
        raise typer.BadParameter("Machines get a token: see `vigil token new`.")
    now = clock.now()
    with console_session.begin() as session:
        home = the_unit(session, unit)
        actor = staff.console(session)
        person = staff.create(
            session, actor.id, login_name=login_name, name=name, password=None, invited=True
        )
        staff.post(session, actor.id, person, unit_id=home.id, role=role, now=now)
        token = links.make(session, actor.id, LinkKind.INVITATION, person, now=now)
    typer.echo(
        f"{person.login_name} is {role.value} on {home.name}. Hand over this link:", err=True
    )
    typer.echo(links.address(token))


@app.command()
def post(login_name: Login, unit: UnitCode, role: RoleName) -> None:
    """Give a person a role on a unit, in place of the one they have there."""
    with console_session.begin() as session:
        home = the_unit(session, unit)
        person = _the_person(session, login_name)
        actor = staff.console(session)
        staff.post(session, actor.id, person, unit_id=home.id, role=role, now=clock.now())
    typer.echo(f"{person.login_name} is {role.value} on {home.name}.")


@app.command()
def password(login_name: Login) -> None:
    """A new password; every browser of this person is signed out."""
    with console_session.begin() as session:
        person = _the_person(session, login_name)
        staff.change_password(
            session,
            staff.console(session).id,
            person,
            password=typed_password(),
            now=clock.now(),
        )
    typer.echo(f"{person.login_name} has a new password and must sign in again.")


@app.command()
def disable(login_name: Login) -> None:
    """End the account at once. What the person recorded keeps their name."""
    with console_session.begin() as session:
        person = _the_person(session, login_name)
        staff.disable(session, staff.console(session).id, person, now=clock.now())
    typer.echo(f"{person.login_name} can no longer sign in.")


PermissionName = Annotated[Permission, typer.Option("--permission", help="What they may not do.")]


@app.command()
def restrict(
    login_name: Login,
    unit: UnitCode,
    permission: PermissionName,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")],
) -> None:
    """Forbid somebody one thing on a unit, whatever their role there allows."""
    with console_session.begin() as session:
        home = the_unit(session, unit)
        staff.restrict(
            session,
            staff.console(session).id,
            _the_person(session, login_name),
            unit_id=home.id,
            permission=permission,
            reason=reason,
        )
    typer.echo(f"{login_name} may not {permission.value} on {home.name}, from the next request on.")


@app.command()
def lift(login_name: Login, unit: UnitCode, permission: PermissionName) -> None:
    """End such a restriction."""
    with console_session.begin() as session:
        home = the_unit(session, unit)
        staff.lift(
            session,
            staff.console(session).id,
            _the_person(session, login_name),
            unit_id=home.id,
            permission=permission,
            now=clock.now(),
        )
    typer.echo(f"{login_name} may {permission.value} on {home.name} again, if the role allows it.")


@app.command(name="list")
def list_() -> None:
    """Everybody who is posted somewhere."""
    with console_session() as session:
        for person, role in staff_queries.with_roles(session):
            typer.echo(f"{person.login_name}\t{role.value}\t{person.name}")
