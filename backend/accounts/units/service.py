"""Open a unit and put beds into it."""

import re
from collections.abc import Sequence
from datetime import time
from zoneinfo import available_timezones

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.units.models import Bed, Unit
from backend.audit import service as audit
from backend.core import live
from backend.core.db import unit_on_duty
from backend.core.errors import Conflict, Invalid

_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
MOST_SHIFTS = 6


def labels_in(text: str) -> list[str]:
    """`1-3,9,window` -> 1, 2, 3, 9, window."""
    found: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, dash, last = part.partition("-")
        if dash and first.isdecimal() and last.isdecimal():
            if not 0 <= int(last) - int(first) < 200:
                raise Invalid("A run of beds goes upwards, and not over 200 beds.")
            found += [str(number) for number in range(int(first), int(last) + 1)]
        else:
            found.append(part)
    return found


def create(
    session: Session,
    actor_id: int,
    *,
    code: str,
    name: str,
    time_zone: str,
    shift_starts: Sequence[time],
) -> Unit:
    """A unit on its own clock. Until a protocol is approved nothing can be recorded on it."""
    code, name = code.strip().casefold(), " ".join(name.split())
    wrong = {}
    if not _CODE.fullmatch(code):
        wrong["code"] = "A code has 1 to 40 letters, digits or dashes."
    if not 1 <= len(name) <= 100 or not name.isprintable():
        wrong["name"] = "A name has 1 to 100 letters."
    if time_zone not in available_timezones():
        wrong["time_zone"] = "Name a zone of the IANA list, such as Europe/Berlin."
    starts = sorted(set(shift_starts))
    if not 1 <= len(starts) <= MOST_SHIFTS or len(starts) != len(shift_starts):
        wrong["shift_starts"] = f"Give 1 to {MOST_SHIFTS} different times of day."
    if wrong:
        raise Invalid("This unit cannot be made as described.", wrong)
    unit = Unit(code=code, name=name, time_zone=time_zone, shift_starts=starts)
    try:
        with session.begin_nested():
            session.add(unit)
    except IntegrityError as error:
        raise Conflict("There is a unit with this code already.") from error
    session.execute(select(unit_on_duty(unit.id)))  # whoever opens a unit is on duty there
    audit.record(session, actor_id, "unit.created", unit_id=unit.id)
    return unit


def reserve(session: Session, actor_id: int, unit: Unit, *, scales: Sequence[str]) -> None:
    """From now on only nurses score what an observer rates on these; an empty list frees all."""
    unit.reserved_scales = list(dict.fromkeys(scales))
    session.flush()
    audit.record(session, actor_id, "unit.scales_reserved", unit_id=unit.id, scales=list(scales))


def permit(session: Session, actor_id: int, unit: Unit, *, scale: str, ground: str) -> None:
    """The unit has the permission that this instrument needs; the trail keeps which."""
    unit.permitted_scales = list(dict.fromkeys([*unit.permitted_scales, scale]))
    session.flush()
    audit.record(
        session, actor_id, "unit.scale_permitted", unit_id=unit.id, reason=ground, scale=scale
    )


def sedate_by(session: Session, actor_id: int, unit: Unit, *, scale: str) -> None:
    """From now on sedation is scored by this one scale; what was scored before stays."""
    unit.sedation_scale = scale
    session.flush()
    audit.record(session, actor_id, "unit.sedation_scale_chosen", unit_id=unit.id, scale=scale)


def require_door_tags(session: Session, actor_id: int, unit: Unit, *, required: bool) -> None:
    """Whether a safety check without the tag of the door must say why there is none."""
    unit.door_tags_required = required
    session.flush()
    audit.record(session, actor_id, "unit.door_tags_chosen", unit_id=unit.id, required=required)


def set_up_sheet(
    session: Session,
    actor_id: int,
    unit: Unit,
    *,
    previous_values: str,
    temperature_unit: str,
    pressure_unit: str,
) -> None:
    """How the record sheet of the unit stands when it is opened; what is stored stays the same."""
    unit.previous_values = previous_values
    unit.temperature_unit = temperature_unit
    unit.pressure_unit = pressure_unit
    session.flush()
    audit.record(
        session,
        actor_id,
        "unit.sheet_set_up",
        unit_id=unit.id,
        previous_values=previous_values,
        temperature_unit=temperature_unit,
        pressure_unit=pressure_unit,
    )


def add_beds(
    session: Session, actor_id: int, unit: Unit, *, labels: Sequence[str], room: str | None = None
) -> list[Bed]:
    """Beds behind those that are there, in this order."""
    labels = [" ".join(label.split()) for label in labels]
    if any(not 1 <= len(label) <= 20 or not label.isprintable() for label in labels):
        raise Invalid("A bed's label has 1 to 20 letters or digits.", {"labels": "Check them."})
    last = session.scalars(
        select(func.coalesce(func.max(Bed.position), 0)).where(Bed.unit_id == unit.id)
    ).one()
    beds = [
        Bed(unit_id=unit.id, label=label, room=room, position=last + place)
        for place, label in enumerate(labels, 1)
    ]
    try:
        with session.begin_nested():
            session.add_all(beds)
    except IntegrityError as error:
        raise Conflict("One of these beds is there already. Nothing was added.") from error
    audit.record(session, actor_id, "bed.added", unit_id=unit.id, bed_ids=[bed.id for bed in beds])
    live.announce(session, "board")
    return beds
