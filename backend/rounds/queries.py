"""Questions about what is due."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.clinical.scale import SAFETY
from backend.rounds.models import OPEN, ObservationOrder, Round, RoundState


def orders_on_stay(session: Session, stay_id: int) -> Sequence[ObservationOrder]:
    """What is to be observed on this stay now."""
    return session.scalars(
        select(ObservationOrder)
        .where(ObservationOrder.stay_id == stay_id, ObservationOrder.ended_at.is_(None))
        .order_by(ObservationOrder.id)
    ).all()


def standing(session: Session, stay_id: int, instrument: str) -> ObservationOrder | None:
    """The order by which this is observed again and again, if there is one."""
    return session.scalars(
        select(ObservationOrder).where(
            ObservationOrder.stay_id == stay_id,
            ObservationOrder.instrument == instrument,
            ObservationOrder.ended_at.is_(None),
            ~ObservationOrder.once,
        )
    ).one_or_none()


def open_of(session: Session, order_id: int) -> Round | None:
    """The open round of an order."""
    return session.scalars(
        select(Round).where(Round.order_id == order_id, Round.state.in_(OPEN))
    ).one_or_none()


def last_done_at(session: Session, order_id: int) -> datetime | None:
    """When a set last ended a round of this order."""
    return session.scalars(
        select(func.max(Round.done_at)).where(
            Round.order_id == order_id, Round.done_at.is_not(None)
        )
    ).one()


def open_on_stay(session: Session, stay_id: int) -> Sequence[Round]:
    """The open round of each order, next due first."""
    return session.scalars(
        select(Round)
        .where(Round.stay_id == stay_id, Round.state.in_(OPEN))
        .order_by(Round.due_at, Round.id)
    ).all()


def observed_on_stay(session: Session, stay_id: int) -> Sequence[Round]:
    """The same without the safety rounds: what a set can answer."""
    return [row for row in open_on_stay(session, stay_id) if row.instrument != SAFETY]


def open_on_unit(session: Session, unit_id: int) -> Sequence[Round]:
    """Every open round on the unit, next due first."""
    return session.scalars(
        select(Round)
        .where(Round.unit_id == unit_id, Round.state.in_(OPEN))
        .order_by(Round.due_at, Round.id)
    ).all()


def missed_in_a_row(session: Session, order_id: int) -> int:
    """How many of the order's last rounds were missed, one after the other.

    What was called off on the way was never to be done, and changes nothing.
    """
    states = session.scalars(
        select(Round.state)
        .where(
            Round.order_id == order_id,
            Round.state.not_in((*OPEN, RoundState.CANCELLED)),
        )
        .order_by(Round.due_at.desc(), Round.id.desc())
        .limit(10)
    ).all()
    count = 0
    for state in states:
        if state is not RoundState.MISSED:
            break
        count += 1
    return count


def due_between(session: Session, unit_id: int, start: datetime, end: datetime) -> Sequence[Round]:
    """Every round that fell due in this time."""
    return session.scalars(
        select(Round)
        .where(Round.unit_id == unit_id, Round.due_at >= start, Round.due_at < end)
        .order_by(Round.due_at, Round.id)
    ).all()
