"""`vigil unit`: open a unit, put beds into it, approve its protocol."""

from datetime import time
from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from backend import tables  # noqa: F401 (deeds need every table)
from backend.accounts.permissions import Role
from backend.accounts.sign_in import service as sign_in
from backend.accounts.staff import queries as staff_queries
from backend.accounts.staff import service as staff
from backend.accounts.staff.models import Staff
from backend.accounts.units import queries as units_queries
from backend.accounts.units import service as units
from backend.accounts.units.models import Unit
from backend.cli.staff import the_unit, typed_password
from backend.clinical import scale
from backend.core import clock
from backend.core.db import console_session
from backend.core.errors import Invalid, NotAllowed
from backend.protocols import service as protocols

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Open units, add beds, approve a protocol.",
)


class Previous(StrEnum):
    """When the sheet shows what was found last."""

    AFTER = "after"
    ALWAYS = "always"


class Temperature(StrEnum):
    """The degrees that are typed."""

    CELSIUS = "C"
    FAHRENHEIT = "F"


class Pressure(StrEnum):
    """The unit in which a blood pressure is typed."""

    MMHG = "mmHg"
    KPA = "kPa"


Code = Annotated[str, typer.Argument(help="Short and lasting, e.g. `lantern`.")]
Beds = Annotated[str, typer.Option("--beds", help="Labels, e.g. `1-12,14,window`.")]


@app.command()
def new(
    code: Code,
    name: Annotated[str, typer.Option("--name", help="As people call it.")],
    time_zone: Annotated[str, typer.Option("--time-zone", help="E.g. Europe/Berlin.")],
    beds: Beds,
    shift_starts: Annotated[
        str, typer.Option("--shift-starts", help="When the shifts begin.")
    ] = "07:00,19:00",
) -> None:
    """Open a unit with its beds."""
    try:
        starts = [time.fromisoformat(start.strip()) for start in shift_starts.split(",")]
    except ValueError:
        raise typer.BadParameter("Give times of day, e.g. 07:00,15:00,23:00.") from None
    if any(start.tzinfo for start in starts):
        raise typer.BadParameter("Shifts begin on the unit's clock: leave the offset out.")
    with console_session.begin() as session:
        actor = staff.console(session)
        unit = units.create(
            session, actor.id, code=code, name=name, time_zone=time_zone, shift_starts=starts
        )
        made = units.add_beds(session, actor.id, unit, labels=units.labels_in(beds))
    typer.echo(f"{unit.name} is open with {len(made)} beds.")
    typer.echo(
        "Next: `vigil staff new` for its people, then `vigil unit approve` for its protocol."
        " Until then nothing can be recorded."
    )


@app.command(name="beds")
def beds_(code: Code, beds: Beds) -> None:
    """Add beds to a unit."""
    with console_session.begin() as session:
        unit = the_unit(session, code)
        made = units.add_beds(
            session, staff.console(session).id, unit, labels=units.labels_in(beds)
        )
    typer.echo(f"{unit.name} has {len(made)} more beds.")


@app.command()
def reserve(
    code: Code,
    scales: Annotated[
        str, typer.Option("--scales", help="E.g. `ciwa-ar,cows`; empty: none any more.")
    ],
) -> None:
    """Leave to nurses what an observer rates on these scales; technicians ask and measure."""
    wanted = [name.strip().casefold() for name in scales.split(",") if name.strip()]
    if unknown := set(wanted) - set(scale.latest()):
        known = ", ".join(scale.latest())
        raise Invalid(f"Not known here: {', '.join(sorted(unknown))}. Scales: {known}.")
    with console_session.begin() as session:
        unit = the_unit(session, code)
        units.reserve(session, staff.console(session).id, unit, scales=wanted)
    typer.echo(f"{unit.name} leaves to nurses: {', '.join(wanted) or 'nothing'}.")


@app.command()
def permit(
    code: Code,
    instrument: Annotated[str, typer.Argument(help="E.g. `poss`.")],
    ground: Annotated[str, typer.Option("--ground", help="Which permission, of when.")],
) -> None:
    """Write down that the unit has the permission that an instrument needs."""
    found = scale.asked().get(instrument)
    if found is None or not found.permission:
        needy = ", ".join(key for key, one in scale.asked().items() if one.permission)
        raise Invalid(f"Only these need a permission: {needy}.")
    if not 5 <= len(ground.strip()) <= 500 or not ground.isprintable():
        raise Invalid("Say which permission it is, in 5 to 500 characters.")
    with console_session.begin() as session:
        unit = the_unit(session, code)
        actor = staff.console(session)
        units.permit(session, actor.id, unit, scale=instrument, ground=ground.strip())
    typer.echo(f"{unit.name} has the permission {found.permission}.")


@app.command()
def sedation(
    code: Code,
    instrument: Annotated[str, typer.Argument(help="`rass`, `poss`, or one that you loaded.")],
) -> None:
    """Choose the one sedation scale of a unit."""
    known = {key: one for key, one in scale.asked().items() if one.one_of == scale.SEDATION}
    found = known.get(instrument)
    if found is None:
        raise Invalid(f"There are these sedation scales: {', '.join(known)}.")
    with console_session.begin() as session:
        unit = the_unit(session, code)
        if found.permission and instrument not in unit.permitted_scales:
            raise NotAllowed(
                f"{found.name} needs the permission {found.permission}. Write it down first:"
                f" `vigil unit permit {unit.code} {instrument} --ground ...`."
            )
        units.sedate_by(session, staff.console(session).id, unit, scale=instrument)
    typer.echo(f"{unit.name} scores sedation by {found.name}.")


@app.command(name="door-tags")
def door_tags(
    code: Code,
    wanted: Annotated[str, typer.Argument(help="`required` or `optional`.")],
) -> None:
    """Say whether a safety check needs the tag of the door, or else a reason why there is none."""
    if wanted not in {"required", "optional"}:
        raise Invalid("Say `required` or `optional`.")
    required = wanted == "required"
    with console_session.begin() as session:
        unit = the_unit(session, code)
        units.require_door_tags(session, staff.console(session).id, unit, required=required)
    words = "need the tag of the door, or a reason" if required else "may go without a tag"
    typer.echo(f"Safety checks on {unit.name} {words}.")


def the_approver(session: Session, unit: Unit, login_name: str) -> Staff:
    """Who approves, in person: by their password, and with the role for it."""
    person = staff_queries.by_login_name(session, login_name)
    if not sign_in.proves(person, typed_password()) or person is None:
        raise NotAllowed("This name and password do not go together.")
    posting = staff_queries.posting_on(session, person.id, unit.id)
    if posting is None or posting.role not in {Role.APPROVER, Role.PHYSICIAN}:
        raise NotAllowed("Only the unit's clinical approver or a physician may approve.")
    return person


@app.command()
def sheet(
    code: Code,
    previous: Annotated[
        Previous | None,
        typer.Option("--previous", help="When values of before are shown: after the own, always."),
    ] = None,
    temperature: Annotated[
        Temperature | None, typer.Option("--temperature", help="What is typed: C or F.")
    ] = None,
    pressure: Annotated[
        Pressure | None, typer.Option("--pressure", help="What is typed: mmHg or kPa.")
    ] = None,
) -> None:
    """Say how the record sheet of a unit opens; what is left out stays as it is."""
    with console_session.begin() as session:
        unit = the_unit(session, code)
        degrees = f"°{temperature.value}" if temperature else unit.temperature_unit
        units.set_up_sheet(
            session,
            staff.console(session).id,
            unit,
            previous_values=previous.value if previous else unit.previous_values,
            temperature_unit=degrees,
            pressure_unit=pressure.value if pressure else unit.pressure_unit,
        )
        when = "always" if unit.previous_values == "always" else "after the own value is set"
        said = f"{unit.temperature_unit} and {unit.pressure_unit}; values of before show {when}"
    typer.echo(f"{unit.name} types {said}.")


@app.command()
def approve(
    code: Code,
    by: Annotated[str, typer.Option("--by", help="Login name of the approver or physician.")],
) -> None:
    """Put the protocol that Vigil ships into force, approved by a clinician with their password."""
    with console_session.begin() as session:
        unit = the_unit(session, code)
        person = the_approver(session, unit, by)
        protocols.adopt_default(
            session,
            unit_id=unit.id,
            drafted_by=staff.console(session).id,
            approved_by=person.id,
            effective_at=clock.now(),
        )
    typer.echo(f"The shipped protocol is in force on {unit.name}, approved by {person.name}.")


@app.command(name="list")
def list_() -> None:
    """Every unit."""
    with console_session() as session:
        for unit in units_queries.every(session):
            starts = ",".join(f"{start:%H:%M}" for start in unit.shift_starts)
            beds = len(units_queries.beds(session, unit.id))
            typer.echo(f"{unit.code}\t{unit.time_zone}\t{starts}\t{beds} beds\t{unit.name}")
