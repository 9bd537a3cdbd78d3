"""The demo's unit itself: beds, people and the protocol that Vigil ships."""

from datetime import datetime, time
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts import passwords
from backend.accounts.sign_in.service import DEMO_PASSWORD
from backend.accounts.staff.models import Posting, Staff
from backend.accounts.units.models import Bed, Unit
from backend.core.errors import Conflict
from backend.demo.people import EVENING_H, MORNING_H, STAFF
from backend.protocols import service as protocol_service

CODE = "demo"
ZONE = "Europe/Berlin"
BEDS = tuple(str(number) for number in range(1, 25))
# Keys are derived from names, so that making the unit twice makes nothing twice.
SPACE = UUID("5f0c7c1e-6f0b-4c55-9b6e-0f4f5d1c1989")


def is_made(session: Session) -> bool:
    """Whether the demo unit is there. A database that holds only other units is refused."""
    codes = set(session.scalars(select(Unit.code)))
    if codes and CODE not in codes:
        raise Conflict(
            "This database holds a real unit. The demo needs a database, or a VIGIL_DATA_DIR, of"
            " its own."
        )
    return CODE in codes


def unit_of(session: Session) -> Unit:
    """The demo unit."""
    return session.scalars(select(Unit).where(Unit.code == CODE)).one()


def open_unit(session: Session, opened_at: datetime) -> Unit:
    """The unit with its beds and its people, under the protocol that Vigil ships."""
    unit = Unit(
        code=CODE,
        name="Lantern Unit",
        time_zone=ZONE,
        shift_starts=[time(MORNING_H), time(EVENING_H)],
    )
    session.add(unit)
    session.flush()
    session.add_all(
        Bed(unit_id=unit.id, label=label, position=position) for position, label in enumerate(BEDS)
    )
    password_hash = passwords.keep(DEMO_PASSWORD)
    people = {
        login_name: Staff(login_name=login_name, name=name, password_hash=password_hash)
        for login_name, (name, _) in STAFF.items()
    }
    session.add_all(people.values())
    session.flush()
    for login_name, (_, role) in STAFF.items():
        session.add(Posting(staff_id=people[login_name].id, unit_id=unit.id, role=role))
    protocol_service.adopt_default(
        session,
        unit_id=unit.id,
        drafted_by=people["ada"].id,
        approved_by=people["vera"].id,
        effective_at=opened_at,
    )
    return unit
