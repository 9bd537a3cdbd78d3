"""Questions about what happened."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from backend.observations.events.models import Event, EventChange, EventKind

# A stay has a handful; a page shows no more than this.
MOST = 500


def by_key(session: Session, key: UUID) -> Event | None:
    """The row that this deed has already stored, if it has."""
    return session.scalars(select(Event).where(Event.key == key)).one_or_none()


def one(session: Session, stay_id: int, event_id: int) -> Event | None:
    """One row of this stay."""
    return session.scalars(
        select(Event).where(Event.stay_id == stay_id, Event.id == event_id)
    ).one_or_none()


def is_superseded(session: Session, event_id: int) -> bool:
    """Whether a later row took its place."""
    later = select(Event.id).where(Event.supersedes_id == event_id)
    return session.scalars(later).first() is not None


def chain(session: Session, stay_id: int) -> Sequence[Event]:
    """Every row of a stay, oldest first."""
    return session.scalars(
        select(Event).where(Event.stay_id == stay_id).order_by(Event.id).limit(MOST)
    ).all()


def chains(session: Session, stay_id: int, kind: EventKind) -> list[list[Event]]:
    """Every event of this kind that stands, each from its first row to its last."""
    rows = {row.id: row for row in chain(session, stay_id)}
    found = []
    for last in standing(session, stay_id):
        if last.kind is kind:
            one = [last]
            while (before := one[0].supersedes_id) is not None:
                one.insert(0, rows[before])
            found.append(one)
    return found


def _standing() -> Select[Event]:
    newer = aliased(Event)
    return (
        select(Event)
        .outerjoin(newer, newer.supersedes_id == Event.id)
        .where(newer.id.is_(None), Event.change != EventChange.TAKEN_BACK)
        .order_by(Event.started_at, Event.id)
    )


def standing(session: Session, stay_id: int) -> Sequence[Event]:
    """What happened on a stay, as it is known now, oldest first."""
    return session.scalars(_standing().where(Event.stay_id == stay_id).limit(MOST)).all()


def between(session: Session, unit_id: int, start: datetime, end: datetime) -> Sequence[Event]:
    """What began on a unit in this time, as it is known now."""
    return session.scalars(
        _standing().where(
            Event.unit_id == unit_id, Event.started_at >= start, Event.started_at < end
        )
    ).all()
