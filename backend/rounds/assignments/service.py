"""Give patients into somebody's hands for the shift."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.core import live
from backend.core.errors import Invalid
from backend.rounds.assignments import queries
from backend.rounds.assignments.models import Assignment
from backend.stays import queries as stays


def assign(
    session: Session,
    actor_id: int,
    *,
    key: UUID,
    unit_id: int,
    stay_ids: Sequence[int],
    staff_id: int | None,
    from_at: datetime,
    until_at: datetime,
) -> None:
    """Each of these patients is theirs from now on, or nobody's. Sent twice is once."""
    chosen = set(stay_ids)
    if not chosen:
        raise Invalid("Nobody was assigned.", {"stays": "Tick at least one patient."})
    if not chosen <= {stay.id for stay in stays.current(session, unit_id)}:
        raise Invalid("Nobody was assigned.", {"stays": "One of them is not on the unit any more."})
    if staff_id is not None and staff_id not in queries.who_can(session, unit_id):
        raise Invalid("Nobody was assigned.", {"staff_id": "Choose somebody of this unit."})
    for stay_id in sorted(chosen):
        _one(
            session,
            actor_id,
            key=uuid5(key, str(stay_id)),
            unit_id=unit_id,
            stay_id=stay_id,
            staff_id=staff_id,
            from_at=from_at,
            until_at=until_at,
        )
    live.announce(session, "rounds")


def _one(
    session: Session,
    actor_id: int,
    *,
    key: UUID,
    unit_id: int,
    stay_id: int,
    staff_id: int | None,
    from_at: datetime,
    until_at: datetime,
) -> None:
    if session.scalars(select(Assignment.id).where(Assignment.key == key)).one_or_none():
        return
    session.execute(
        update(Assignment)
        .where(Assignment.stay_id == stay_id, Assignment.ended_at.is_(None))
        .values(ended_at=from_at)
    )
    if staff_id is not None:
        session.add(
            Assignment(
                key=key,
                stay_id=stay_id,
                unit_id=unit_id,
                staff_id=staff_id,
                from_at=from_at,
                until_at=until_at,
                assigned_by=actor_id,
            )
        )
        session.flush()
    audit.record(
        session,
        actor_id,
        "assignment.made" if staff_id is not None else "assignment.ended",
        unit_id=unit_id,
        stay_id=stay_id,
        staff_id=staff_id,
    )
