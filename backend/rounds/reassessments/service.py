"""Let a deed elsewhere ask for a reassessment: it appears by itself, and falls due once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.core import live
from backend.protocols.queries import InForce
from backend.rounds import moves
from backend.rounds.models import ObservationOrder
from backend.rounds.orders.service import goes_on
from backend.stays.models import Stay


def ask(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    instrument: str,
    due_at: datetime,
    because: str,
    in_force: InForce,
    within_minutes: int | None = None,
) -> ObservationOrder:
    """A reassessment, once, at a time: because of a dose, say. It falls due by itself.

    `within_minutes` is how long it may stay undone before it counts as missed.
    """
    already = session.scalars(
        select(ObservationOrder).where(ObservationOrder.key == key)
    ).one_or_none()
    if already is not None:
        return already
    goes_on(stay)
    row = ObservationOrder(
        key=key,
        stay_id=stay.id,
        patient_id=stay.patient_id,
        unit_id=stay.unit_id,
        instrument=instrument,
        interval_minutes=within_minutes or in_force.protocol.reoffer_minutes,
        starts_at=due_at,
        ordered_by=actor_id,
        protocol_id=in_force.id,
        reason=because,
        once=True,
    )
    session.add(row)
    session.flush()
    its = moves.machine(session, row, in_force.protocol)
    moves.call(session, row, its, its.first())
    audit.record(
        session,
        actor_id,
        "observation_order.asked",
        unit_id=row.unit_id,
        stay_id=row.stay_id,
        order_id=row.id,
    )
    live.announce(session, f"stay-{row.stay_id}", "rounds")
    return row
