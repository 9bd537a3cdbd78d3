"""The ward that tests happen on: two units, twelve beds, and who works there."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, object_session

from backend.accounts import passwords
from backend.accounts.permissions import Role
from backend.accounts.sign_in.models import TWO_FACTORS, SignIn
from backend.accounts.sign_in.service import token_hash
from backend.accounts.staff.models import Posting, Staff
from backend.accounts.units.models import Bed, Unit
from backend.core import clock
from backend.protocols import service as protocols

PASSWORD = "correct horse battery"  # noqa: S105 (opens nothing but tests)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

# nora and the others work on the lantern unit; olga works elsewhere and must see nothing of it;
# dana has been disabled.
PEOPLE = {
    "nora": Role.NURSE,
    "tess": Role.TECHNICIAN,
    "chen": Role.CHARGE_NURSE,
    "priya": Role.PHYSICIAN,
    "theo": Role.THERAPIST,
    "ada": Role.ADMINISTRATOR,
    "vera": Role.APPROVER,
    "pavel": Role.PRIVACY_OFFICER,
    "monty": Role.DEVICE,
    "iris": Role.INTERFACE,
    "olga": Role.NURSE,
    "dana": Role.NURSE,
}


@dataclass(frozen=True)
class Ward:
    """What is there before a test begins."""

    unit: Unit
    elsewhere: Unit
    beds: dict[str, Bed]
    staff: dict[str, Staff]


def open_ward(session: Session) -> None:
    """Make the two units, once per database."""
    lantern = Unit(
        code="lantern",
        name="Lantern Unit",
        time_zone="Europe/Berlin",
        shift_starts=[time(7), time(19)],
    )
    harbour = Unit(
        code="harbour",
        name="Harbour Unit",
        time_zone="America/New_York",
        shift_starts=[time(7), time(15), time(23)],
    )
    session.add_all([lantern, harbour])
    session.flush()
    for unit in (lantern, harbour):
        session.add_all(
            Bed(unit_id=unit.id, label=str(number), position=number) for number in range(1, 13)
        )
    password_hash = passwords.keep(PASSWORD)
    machines = (Role.DEVICE, Role.INTERFACE)
    staff = {}
    for name, role in PEOPLE.items():
        staff[name] = Staff(
            login_name=name,
            name=f"{name.title()} {role.value.replace('_', ' ').title()}",
            password_hash=None if role in machines else password_hash,
            disabled_at=LONG_AGO if name == "dana" else None,
        )
    session.add_all(staff.values())
    session.flush()
    for name, role in PEOPLE.items():
        unit = harbour if name == "olga" else lantern
        session.add(Posting(staff_id=staff[name].id, unit_id=unit.id, role=role))
    for unit in (lantern, harbour):
        protocols.adopt_default(
            session,
            unit_id=unit.id,
            drafted_by=staff["ada"].id,
            approved_by=staff["vera"].id,
            effective_at=LONG_AGO,
        )


def the_ward(session: Session) -> Ward:
    """The ward as loaded rows."""
    units = {unit.code: unit for unit in session.scalars(select(Unit))}
    beds = session.scalars(select(Bed).where(Bed.unit_id == units["lantern"].id))
    staff = session.scalars(select(Staff))
    return Ward(
        unit=units["lantern"],
        elsewhere=units["harbour"],
        beds={bed.label: bed for bed in beds},
        staff={person.login_name: person for person in staff},
    )


def opens(person: Staff) -> dict[str, str]:
    """What a form carries that this person opened, in the browser they signed in at last.

    Where they have none yet, it is the one that `browses` hands out next.
    """
    session = object_session(person)
    assert session is not None
    newest = select(func.max(SignIn.id)).where(SignIn.staff_id == person.id)
    if session.scalars(newest).one() is None:
        session.info[person.login_name] = sign_in(session, person)
    return {"opened_by": str(person.id), "opened_in": str(session.scalars(newest).one())}


def browses(session: Session, person: Staff) -> str:
    """The token of this person's browser."""
    return session.info.pop(person.login_name, None) or sign_in(session, person)


def sign_in(
    session: Session,
    person: Staff,
    *,
    now: datetime | None = None,
    assurance: int = TWO_FACTORS,
    stepped_up: bool = False,
) -> str:
    """A sign-in of this person, without the password's deliberate slowness; the token."""
    token = secrets.token_urlsafe(32)
    now = now or clock.now()
    posting = session.scalars(select(Posting).where(Posting.staff_id == person.id)).one()
    session.add(
        SignIn(
            token_sha256=token_hash(token),
            staff_id=person.id,
            unit_id=posting.unit_id,
            created_at=now,
            last_active_at=now,
            expires_at=now + timedelta(hours=12),
            assurance=assurance,
            stepped_up_until=now + timedelta(minutes=5) if stepped_up else None,
        )
    )
    session.flush()
    return token
