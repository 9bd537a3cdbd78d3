"""Who comes and who goes: admissions, discharges, and a nurse for each patient every shift."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid5

from sqlalchemy.orm import Session

from backend.accounts.units.models import Bed
from backend.care.admission import service as admission
from backend.clinical.protocol_rounds import Template
from backend.demo.life import look
from backend.demo.people import Kind, Person, person
from backend.demo.unit import SPACE
from backend.demo.ward import Ward, dice
from backend.patients import service as patients
from backend.protocols import queries as protocols
from backend.rounds.assignments import service as assignments
from backend.rounds.templates import service as templates
from backend.stays import queries as stay_queries
from backend.stays import service as stays
from backend.stays.models import DischargeReason, Stay

AGAINST_ADVICE = 0.12


def admit(ward: Ward, bed_id: int, session: Session, at: datetime) -> None:
    """The next invented patient, into this bed; and what the unit usually orders for their kind."""
    if session.get_one(Bed, bed_id).id not in {
        bed.id for bed in stay_queries.free_beds(session, ward.unit_id)
    }:
        ward.plan(at + timedelta(hours=3), partial(admit, ward, bed_id), now=at)
        return
    someone = person(ward.next_number)
    leaves_at = at + someone.stays
    if (kept := ward.kept_free.get(bed_id)) is not None:
        leaves_at = min(leaves_at, kept)
        if leaves_at - at < timedelta(days=2):
            return
    ward.next_number += 1
    by = ward.staff["chen"]
    patient = patients.register(
        session,
        by,
        unit_id=ward.unit_id,
        family_name=someone.family_name,
        given_name=someone.given_name,
        born_on=someone.born_on,
        allergies=someone.allergies,
        risks=someone.risks,
        code=someone.code,
        source="demo",
        source_id=str(someone.number),
    )
    key = uuid5(SPACE, f"stay {someone.number}")
    stay = stays.admit(
        session,
        by,
        key=key,
        patient_id=patient.id,
        unit_id=ward.unit_id,
        at=at,
        bed_id=bed_id,
        substances=tuple(someone.kind.value.split()),
        use_history=someone.use_history,
        last_use_at=at - someone.last_use_before,
        source="demo",
    )
    in_force = protocols.in_force(session, ward.unit_id, at=at)
    templates.from_templates(
        session,
        ward.staff["priya"],
        stay,
        key=key,
        templates=_usual(someone.kind, in_force.protocol.rounds.templates),
        at=at,
        in_force=in_force,
    )
    ward.persons[stay.id] = someone
    ward.plan(leaves_at, partial(discharge, ward, stay.id, bed_id), now=at)
    look(ward, stay.id, session, at)


def _usual(kind: Kind, known: Sequence[Template]) -> list[Template]:
    return [one for one in known if one.id in kind.value.split()]


def discharge(ward: Ward, stay_id: int, bed_id: int, session: Session, at: datetime) -> None:
    """Home, or away; the bed is made, and somebody else comes some hours later."""
    rng = dice("leaves", stay_id)
    reason = (
        DischargeReason.AGAINST_ADVICE
        if rng.random() < AGAINST_ADVICE
        else DischargeReason.COMPLETED
    )
    stay = session.get_one(Stay, stay_id)
    admission.discharge(session, ward.staff["chen"], stay, at=at, reason=reason)
    ward.persons.pop(stay_id, None)
    ward.plan(at + timedelta(hours=rng.uniform(3, 20)), partial(admit, ward, bed_id), now=at)


def hand_over(ward: Ward, session: Session, at: datetime) -> None:
    """A shift begins: each patient has a nurse. And so it goes on, twelve hours later."""
    here = [stay.id for stay in stay_queries.current(session, ward.unit_id)]
    until = at + timedelta(hours=12)
    for nurse in {ward.nurse(stay_id, at) for stay_id in here}:
        assignments.assign(
            session,
            ward.staff["chen"],
            key=uuid5(SPACE, f"assignments {nurse} {at}"),
            unit_id=ward.unit_id,
            stay_ids=[stay_id for stay_id in here if ward.nurse(stay_id, at) == nurse],
            staff_id=nurse,
            from_at=at,
            until_at=until,
        )
    # Shifts are by the clock, however fast the staff lives.
    ward.plan(at + (until - at) * ward.speed, partial(hand_over, ward), now=at)


def person_of(source_id: str, stay_id: int) -> Person:
    """The one that the number says; somebody of this night's lives on as one of their kind."""
    return person(int(source_id) if source_id.isdecimal() else 10_000 + stay_id)
