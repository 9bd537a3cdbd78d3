"""Questions about who has which patient."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.permissions import Role
from backend.accounts.staff.models import Posting, Staff
from backend.rounds.assignments.models import Assignment

AT_THE_BEDSIDE = (Role.NURSE, Role.CHARGE_NURSE, Role.TECHNICIAN)


def holders(session: Session, unit_id: int, now: datetime) -> dict[int, int]:
    """Of each patient who is somebody's now: stay -> staff."""
    rows = session.execute(
        select(Assignment.stay_id, Assignment.staff_id).where(
            Assignment.unit_id == unit_id,
            Assignment.ended_at.is_(None),
            Assignment.until_at > now,
        )
    )
    return {row.stay_id: row.staff_id for row in rows}


def who_can(session: Session, unit_id: int) -> dict[int, str]:
    """Everybody of the unit who goes to bedsides, by name."""
    rows = session.execute(
        select(Staff.id, Staff.name)
        .join(Posting, Posting.staff_id == Staff.id)
        .where(
            Posting.unit_id == unit_id,
            Posting.until_at.is_(None),
            Posting.role.in_(AT_THE_BEDSIDE),
            Staff.disabled_at.is_(None),
        )
        .order_by(Staff.name, Staff.id)
    )
    return {row.id: row.name for row in rows}
