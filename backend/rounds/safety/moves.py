"""What a look makes of the round that was open, and what taking it back does."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.clinical import safety, task
from backend.clinical.task import Answer
from backend.core import clock
from backend.protocols.queries import InForce
from backend.rounds import moves as round_moves
from backend.rounds import queries as rounds
from backend.rounds.models import ObservationOrder, Round
from backend.rounds.moves import By
from backend.rounds.safety.models import SafetyCheck
from backend.stays.leave import queries as leave


def tick_off(
    session: Session,
    ordered: ObservationOrder,
    look: SafetyCheck,
    *,
    in_force: InForce,
    draw: float,
) -> int | None:
    """The round that this look has ended; what time made of it before is written down too.

    Of somebody who is off the unit none: their rounds rest until they are back.
    """
    if leave.absence(session, look.stay_id) is not None:
        return None
    open_round = session.scalars(
        select(Round)
        .where(Round.order_id == ordered.id, Round.state.in_(task.OPEN))
        .with_for_update()
    ).one_or_none()
    if open_round is None:
        return None
    its = round_moves.machine(session, ordered, in_force.protocol)
    minutes = ordered.interval_minutes
    answer = Answer(
        at=look.observed_at,
        outcome=task.ASSESSED if look.not_seen is None else task.AWAY,
        complete=True if look.not_seen is None else None,
        wait_minutes=minutes,
        sooner=safety.sooner(in_force.protocol.rounds.jitter, minutes, draw),
    )
    last_done_at = rounds.last_done_at(session, ordered.id)
    came = its.came(round_moves.task(open_round), answer, last_done_at=last_done_at)
    if not came:
        return None
    by = By(
        actor_id=look.recorded_by,
        not_done_reason=look.not_seen.value if look.not_seen else None,
        done=look.not_seen is None,
    )
    return round_moves.apply(session, ordered, its, open_round, came, by=by)


def call_again(session: Session, taken_back: SafetyCheck, in_force: InForce) -> None:
    """What the last look had ended is due as it was before."""
    ticked = session.get(Round, taken_back.round_id) if taken_back.round_id else None
    if ticked is None or ticked.done_at is None:
        return
    ordered = session.get_one(ObservationOrder, ticked.order_id)
    open_round = rounds.open_of(session, ordered.id)
    is_last = ticked.done_at == rounds.last_done_at(session, ordered.id)
    if ordered.ended_at is not None or open_round is None or not is_last:
        return
    its = round_moves.machine(session, ordered, in_force.protocol)
    round_moves.cancel(session, open_round, at=clock.now())
    round_moves.call(session, ordered, its, its.again(round_moves.task(ticked)))
