"""Who waits behind the lock of a machine."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.permissions import Role
from backend.accounts.pins.models import MOST_FAILURES, Pin
from backend.accounts.sign_in.models import TWO_FACTORS, SignIn
from backend.accounts.staff.models import Posting, Staff
from backend.accounts.workstations.models import Workstation


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """One person whose shift at this machine goes on."""

    sign_in_id: int
    staff_id: int
    name: str
    role: Role
    has_pin: bool


def waiting(session: Session, workstation: Workstation, *, now: datetime) -> list[Waiting]:
    """Everybody with a sign-in at this machine that still holds, by name."""
    rows = session.execute(
        select(SignIn.id, Staff.id, Staff.name, Posting.role, Pin.failures)
        .join(Staff, Staff.id == SignIn.staff_id)
        .join(
            Posting,
            (Posting.staff_id == Staff.id)
            & (Posting.unit_id == SignIn.unit_id)
            & Posting.until_at.is_(None),
        )
        .outerjoin(Pin, Pin.staff_id == Staff.id)
        .where(
            SignIn.workstation_id == workstation.id,
            SignIn.assurance == TWO_FACTORS,
            SignIn.ended_at.is_(None),
            SignIn.expires_at > now,
            Staff.disabled_at.is_(None),
        )
        .order_by(Staff.name, SignIn.id)
    )
    return [
        Waiting(
            sign_in_id=sign_in_id,
            staff_id=staff_id,
            name=name,
            role=role,
            has_pin=failures is not None and failures < MOST_FAILURES,
        )
        for sign_in_id, staff_id, name, role, failures in rows
    ]
