"""Order something for the night, and end it. Only a prescriber may."""

from datetime import datetime, time
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.alerts import queries as alert_queries
from backend.audit import service as audit
from backend.core import live
from backend.core.errors import Conflict
from backend.protocols.queries import InForce
from backend.rounds.nights import queries
from backend.rounds.nights.models import NightKind, NightOrder
from backend.rounds.orders.service import at_risk_until, goes_on
from backend.stays.models import Stay


def order(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    kind: NightKind,
    at: datetime,
    in_force: InForce,
    between: tuple[time, time] | None = None,
    reason: str | None = None,
) -> NightOrder:
    """It stands from now on, in place of one of its kind. Sent twice is once."""
    # Two who order at once take turns, and one order takes the other's place.
    stay = session.scalars(
        select(Stay).where(Stay.id == stay.id).with_for_update(key_share=True)
    ).one()
    already = session.scalars(select(NightOrder).where(NightOrder.key == key)).one_or_none()
    if already is not None:
        return already
    goes_on(stay)
    if kind is NightKind.DO_NOT_WAKE:
        _may_be_left_alone(session, stay, at, in_force)
    if (earlier := queries.standing(session, stay.id).get(kind)) is not None:
        _end(session, earlier, actor_id, at)
    row = NightOrder(
        key=key,
        stay_id=stay.id,
        patient_id=stay.patient_id,
        unit_id=stay.unit_id,
        kind=kind,
        starts_at=at,
        ordered_by=actor_id,
        from_time=between[0] if between else None,
        to_time=between[1] if between else None,
        reason=reason,
    )
    session.add(row)
    session.flush()
    _written_down(session, actor_id, row, "made", reason)
    return row


def end(
    session: Session, actor_id: int, stay: Stay, *, kind: NightKind, at: datetime, reason: str
) -> None:
    """It no longer stands. Twice is once."""
    row = queries.standing(session, stay.id).get(kind)
    if row is not None:
        _end(session, row, actor_id, at)
        _written_down(session, actor_id, row, "ended", reason)


def _may_be_left_alone(session: Session, stay: Stay, at: datetime, in_force: InForce) -> None:
    if alert_queries.is_alarmed(session, stay.id):
        raise Conflict("An urgent alert is open: this patient must be woken. Answer it first.")
    risk_until = at_risk_until(stay, in_force)
    if risk_until is not None and at < risk_until:
        raise Conflict(
            "The risk window after the last use is still open: this patient must be woken."
        )


def _end(session: Session, row: NightOrder, actor_id: int, at: datetime) -> None:
    row.ended_at = max(at, row.starts_at)
    row.ended_by = actor_id
    session.flush()


def _written_down(
    session: Session, actor_id: int, row: NightOrder, what: str, reason: str | None
) -> None:
    audit.record(
        session,
        actor_id,
        f"night_order.{what}",
        unit_id=row.unit_id,
        stay_id=row.stay_id,
        reason=reason,
        night_order_id=row.id,
    )
    live.announce(session, f"stay-{row.stay_id}", "rounds")
