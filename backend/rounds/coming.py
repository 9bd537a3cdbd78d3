"""What truly falls due next. A round that its order's end comes before never will."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.clinical.task import Machine, Ordered, Task
from backend.protocols import queries as protocols
from backend.rounds import moves, queries
from backend.rounds.models import OPEN, ObservationOrder, Round, RoundState
from backend.rounds.orders import service as orders
from backend.stays.models import Stay


@dataclass(frozen=True, kw_only=True)
class Falling:
    """What is or will be due by one order."""

    order_id: int
    instrument: str
    due_at: datetime
    late_at: datetime
    state: RoundState


def on_stay(session: Session, stay_id: int) -> Sequence[Falling]:
    """Of each order that stands, or that follows one, what falls due next; the first first."""
    rows = session.execute(
        select(ObservationOrder, Round)
        .join(Round, Round.order_id == ObservationOrder.id)
        .where(Round.stay_id == stay_id, Round.state.in_(OPEN))
    )
    found = [_falling(session, ordered, row) for ordered, row in rows]
    return sorted(
        (one for one in found if one is not None), key=lambda one: (one.due_at, one.order_id)
    )


def _falling(session: Session, ordered: ObservationOrder, row: Round) -> Falling | None:
    task: Task | None = moves.task(row)
    if gives_way(row.state, row.due_at, ordered.until_at):
        task = instead_of(session, ordered.id)
    if task is None:
        return None
    return Falling(
        order_id=ordered.id,
        instrument=ordered.instrument,
        due_at=task.due_at,
        late_at=task.late_at,
        state=task.state,
    )


def gives_way(state: RoundState, due_at: datetime, until_at: datetime | None) -> bool:
    """Whether the order ends before this falls due."""
    return state is RoundState.SCHEDULED and until_at is not None and until_at <= due_at


def instead_of(session: Session, order_id: int) -> Task | None:
    """What the order's end will call for, as the watch will do it; None where nothing follows."""
    ordered = session.get_one(ObservationOrder, order_id)
    stay = session.get_one(Stay, ordered.stay_id)
    until_at, open_round = ordered.until_at, queries.open_of(session, order_id)
    if until_at is None or open_round is None:
        return None
    in_force = protocols.in_force(session, ordered.unit_id, at=until_at)
    often = orders.then(ordered, stay, in_force)
    if often is None:
        return None
    its = Machine(
        ordered=Ordered(interval_minutes=often.interval_minutes, starts_at=until_at),
        protocol=in_force.protocol,
        zone=moves.UTC,
    )
    last = orders.counts_from(session, order_id)
    return its.first(last_done_at=last, instead=moves.task(open_round))
