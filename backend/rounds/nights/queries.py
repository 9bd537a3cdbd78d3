"""Questions about what is ordered for the night."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, Integer, bindparam, func, select
from sqlalchemy.orm import Session

from backend.clinical import schedule
from backend.rounds.nights.models import NightKind, NightOrder

STANDING = select(NightOrder).where(
    NightOrder.stay_id == func.any(bindparam("stay_ids", type_=ARRAY(Integer))),
    NightOrder.ended_at.is_(None),
)


def standing(session: Session, stay_id: int) -> Mapping[NightKind, NightOrder]:
    """What stands on a stay."""
    return {row.kind: row for row in session.scalars(STANDING, {"stay_ids": [stay_id]})}


def undisturbed(session: Session, stay_ids: Sequence[int]) -> Mapping[int, NightOrder]:
    """Of these stays those that have an order not to be woken."""
    rows = session.scalars(STANDING, {"stay_ids": list(stay_ids)})
    return {row.stay_id: row for row in rows if row.kind is NightKind.DO_NOT_WAKE}


def is_undisturbed(row: NightOrder | None, at: datetime, zone: ZoneInfo) -> bool:
    """Whether nobody was to be woken then."""
    if row is None or row.from_time is None or row.to_time is None or at < row.starts_at:
        return False
    return schedule.falls_between(row.from_time, row.to_time, at, zone)
