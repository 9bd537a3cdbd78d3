"""The watch's part of a leave: raise what is overdue. The ladder of alerts does the rest."""

from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.units.models import Unit
from backend.alerts import service as alerts
from backend.clinical import absence
from backend.core import live, local_time
from backend.protocols import queries as protocols
from backend.stays.leave import words
from backend.stays.leave.models import Absence, Leave
from backend.stays.models import Stay


def past_its_time(session: Session, now: datetime, leave_alone: Collection[int]) -> Absence | None:
    """Somebody who should have been back, locked; rows in `leave_alone` are left alone."""
    return session.scalars(
        select(Absence)
        .where(Absence.next_step_at <= now, Absence.id.not_in(leave_alone))
        .order_by(Absence.next_step_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()


def move_on(session: Session, state: Absence, now: datetime) -> None:
    """The watch's turn: they were expected, and are not back. Somebody is told, and then others."""
    row = session.get_one(Leave, state.leave_id)
    stay = session.get_one(Stay, state.stay_id)
    in_force = protocols.in_force(session, state.unit_id, at=now)
    state.next_step_at = None
    zone = ZoneInfo(session.get_one(Unit, state.unit_id).time_zone)
    if in_force.protocol.rounds.leave is not None:
        alerts.raise_alert(
            session,
            stay=stay,
            verdict=absence.overdue(
                in_force.protocol,
                words.why(row),
                expected_at=row.expected_at,
                at_words=local_time.day_and_time(row.expected_at, zone, now),
            ),
            protocol_id=in_force.id,
            now=now,
            actor_id=None,
        )
    live.announce(session, f"stay-{state.stay_id}", "board")
