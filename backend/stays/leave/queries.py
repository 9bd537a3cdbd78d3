"""Questions about who is away, and who was."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session, aliased

from backend.stays.leave.models import Absence, Leave, LeaveChange

# A stay has a handful; a page shows no more than this.
MOST = 500
AWAY = (
    select(Leave)
    .join(Absence, and_(Absence.leave_id == Leave.id, Absence.ended_at.is_(None)))
    .where(Absence.stay_id == func.any(bindparam("stay_ids", type_=ARRAY(Integer))))
)
ABSENCE = select(Absence).where(Absence.stay_id == bindparam("of_stay"), Absence.ended_at.is_(None))


def by_key(session: Session, key: UUID) -> Leave | None:
    """The row that this deed has already stored, if it has."""
    return session.scalars(select(Leave).where(Leave.key == key)).one_or_none()


def absence(session: Session, stay_id: int) -> Absence | None:
    """The state of somebody who is away."""
    return session.scalars(ABSENCE, {"of_stay": stay_id}).one_or_none()


def away(session: Session, stay_ids: Sequence[int]) -> Mapping[int, Leave]:
    """Of these stays those who are away: stay -> what is known of it."""
    return {row.stay_id: row for row in session.scalars(AWAY, {"stay_ids": list(stay_ids)})}


def one(session: Session, stay_id: int, leave_id: int) -> Leave | None:
    """One row of this stay."""
    return session.scalars(
        select(Leave).where(Leave.stay_id == stay_id, Leave.id == leave_id)
    ).one_or_none()


def is_superseded(session: Session, leave_id: int) -> bool:
    """Whether a later row took its place."""
    later = select(Leave.id).where(Leave.supersedes_id == leave_id)
    return session.scalars(later).first() is not None


def chain(session: Session, stay_id: int) -> Sequence[Leave]:
    """Every row of a stay, oldest first."""
    return session.scalars(
        select(Leave).where(Leave.stay_id == stay_id).order_by(Leave.id).limit(MOST)
    ).all()


def _standing() -> Select[Leave]:
    newer = aliased(Leave)
    return (
        select(Leave)
        .outerjoin(newer, newer.supersedes_id == Leave.id)
        .where(newer.id.is_(None), Leave.change != LeaveChange.TAKEN_BACK)
        .order_by(Leave.left_at, Leave.id)
    )


def standing(session: Session, stay_id: int) -> Sequence[Leave]:
    """When a patient was away, as it is known now, oldest first."""
    return session.scalars(_standing().where(Leave.stay_id == stay_id)).all()


def between(session: Session, unit_id: int, start: datetime, end: datetime) -> Sequence[Leave]:
    """Every absence on a unit that touches this time, as it is known now."""
    return session.scalars(
        _standing().where(
            Leave.unit_id == unit_id,
            Leave.left_at < end,
            or_(Leave.returned_at.is_(None), Leave.returned_at > start),
        )
    ).all()
