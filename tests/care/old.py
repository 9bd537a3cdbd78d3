"""Records of years ago: made now, and then aged as nobody who serves could."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.care.retention import service as retention
from backend.care.retention.models import Kept
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.observations.events import service as events
from backend.observations.events.models import EventKind
from backend.protocols import queries as protocols
from backend.rounds.assignments import service as assignments
from backend.rounds.leave import service as leaves
from backend.rounds.nights import service as nights
from backend.rounds.nights.models import NightKind
from backend.rounds.safety import service as safety
from backend.stays import service as stays
from backend.stays.leave.facts import Facts
from backend.stays.leave.models import Away
from backend.stays.models import DischargeReason, Stay
from backend.tables import metadata
from tests import build
from tests.people import Ward

ILL = Vitals(respiratory_rate_per_min=28, spo2_percent=88, pulse_per_min=128)
LONG = timedelta(days=366 * 8)
# What was written when these rows were made is of today: here it is made as old as the stay.
AGED = {
    "disclosure": ("at", "told_at"),
    "consent": ("recorded_at",),
    "consent_end": ("ended_at",),
    "restriction": ("asked_at",),
    "restriction_answer": ("decided_at",),
    "glass": ("opened_at",),
    "glass_review": ("reviewed_at",),
    "audit_entry": ("at",),
}


def aged(session: Session) -> None:
    """As the owner, with the triggers off: nobody who serves could."""
    session.flush()
    session.execute(text("SET LOCAL ROLE vigil_owner"))
    for table, times in AGED.items():
        older = {at: metadata.tables[table].c[at] - timedelta(days=366 * 9) for at in times}
        session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {table}_is_append_only"))
        session.execute(metadata.tables[table].update().values(older))
        session.execute(text(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_is_append_only"))
    session.execute(text("SET LOCAL ROLE vigil_console"))


def rules(session: Session, ward: Ward) -> None:
    """One of each kind."""
    for kept, years in ((Kept.RECORD, 7), (Kept.SHARING, 3), (Kept.AUDIT, 6)):
        retention.set_rule(
            session,
            ward.staff["pavel"].id,
            unit_id=ward.unit.id,
            kept=kept,
            years=years,
            source="45 CFR 164.316",
        )


def _left(session: Session, ward: Ward, stay: Stay, at: datetime) -> Stay:
    nora = ward.staff["nora"].id
    stays.discharge(session, nora, stay, at=at, reason=DischargeReason.COMPLETED)
    return stay


def gone(session: Session, ward: Ward, ago: timedelta = LONG, **fields: Any) -> Stay:
    """Somebody who was here for three days, with something in every table, and went home."""
    at = clock.now() - ago
    stay = build.stay(session, ward, bed="12", admitted_at=at, orders={"news2": 240}, **fields)
    with clock.as_if(at + timedelta(minutes=5)):
        build.recorded(session, ward, stay, vitals=ILL)
        look = safety.Look(answers={"place": "D", "doing": "A"})
        safety.record(session, ward.staff["nora"].id, stay, key=uuid4(), look=look)
    nora = ward.staff["nora"].id
    assignments.assign(
        session,
        nora,
        key=uuid4(),
        unit_id=stay.unit_id,
        stay_ids=[stay.id],
        staff_id=nora,
        from_at=at,
        until_at=at + timedelta(hours=12),
    )
    events.record(
        session, nora, stay, key=uuid4(), kind=EventKind.FALL, started_at=at + timedelta(hours=5)
    )
    safety.record(
        session,
        nora,
        stay,
        key=uuid4(),
        look=safety.Look(answers={"place": "D", "doing": "A"}),
        observed_at=at + timedelta(hours=5),
    )
    leaves.leave(
        session,
        nora,
        stay,
        key=uuid4(),
        facts=Facts(
            why=Away.PASS,
            left_at=at + timedelta(hours=6),
            expected_at=at + timedelta(hours=8),
        ),
    )
    leaves.come_back(session, nora, stay, key=uuid4(), returned_at=at + timedelta(hours=7))
    nights.order(
        session,
        ward.staff["priya"].id,
        stay,
        key=uuid4(),
        kind=NightKind.SPO2,
        at=at,
        in_force=protocols.in_force(session, stay.unit_id, at=at),
    )
    return _left(session, ward, stay, at + timedelta(days=3))
