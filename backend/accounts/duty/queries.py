"""Questions about duties."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.permissions import Role
from backend.accounts.staff.models import Duty, Posting, Staff


def on_unit(session: Session, unit_id: int, now: datetime) -> Sequence[tuple[Duty, str]]:
    """The duties that stand or are to come, each with the person's name."""
    rows = session.execute(
        select(Duty, Staff.name)
        .join(Staff, Staff.id == Duty.staff_id)
        .where(Duty.unit_id == unit_id, Duty.ended_at.is_(None), Duty.until_at > now)
        .order_by(Duty.from_at, Duty.id)
    )
    return [(duty, name) for duty, name in rows]


def posted(session: Session, unit_id: int) -> Sequence[tuple[Staff, Role]]:
    """Everybody who works on the unit, by name."""
    rows = session.execute(
        select(Staff, Posting.role)
        .join(Posting, Posting.staff_id == Staff.id)
        .where(Posting.unit_id == unit_id, Posting.until_at.is_(None), Staff.disabled_at.is_(None))
        .order_by(Staff.name, Staff.id)
    )
    return [(person, role) for person, role in rows]
