"""Order observations, tick them off, and let time make them due, late and missed."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.orm import Session, aliased

from backend.alerts import queries as alert_queries
from backend.alerts import service as alerts
from backend.audit import service as audit
from backend.clinical import deterioration, schedule
from backend.clinical.protocol import Protocol
from backend.clinical.scale import Score
from backend.core import clock, live
from backend.core.db import table_of
from backend.protocols import queries as protocols
from backend.protocols.queries import InForce
from backend.rounds import queries
from backend.rounds.models import OPEN, ObservationOrder, Round, RoundState, RoundStep
from backend.stays.models import Stay

# Every save comes by these: put together once, and written to tables, not through entities.
_done = aliased(Round)
OPEN_ROUNDS = (
    select(
        ObservationOrder,
        Round,
        select(func.max(_done.done_at))
        .where(_done.order_id == ObservationOrder.id, _done.done_at.is_not(None))
        .scalar_subquery(),
    )
    .join(Round, (Round.order_id == ObservationOrder.id) & Round.state.in_(OPEN))
    .where(ObservationOrder.stay_id == bindparam("of_stay"), ObservationOrder.ended_at.is_(None))
    .order_by(Round.id)
    .with_for_update(of=Round)
)
MOVE_ROUND = update(table_of(Round)).where(table_of(Round).c.id == bindparam("moved_id"))
INSERT_ROUND = insert(table_of(Round))
INSERT_STEP = insert(table_of(RoundStep))


def order(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    instrument: str,
    interval_minutes: int,
    at: datetime,
    in_force: InForce,
    reason: str | None = None,
) -> ObservationOrder:
    """Order an observation; it replaces the order for the same instrument, and is due at once."""
    already = session.scalars(
        select(ObservationOrder).where(ObservationOrder.key == key)
    ).one_or_none()
    if already is not None:
        return already
    for earlier in queries.orders_on_stay(session, stay.id):
        if earlier.instrument == instrument:
            _end(session, earlier, actor_id=actor_id, at=at)
    row = ObservationOrder(
        key=key,
        stay_id=stay.id,
        patient_id=stay.patient_id,
        unit_id=stay.unit_id,
        instrument=instrument,
        interval_minutes=interval_minutes,
        starts_at=at,
        ordered_by=actor_id,
        protocol_id=in_force.id,
        reason=reason,
    )
    session.add(row)
    session.flush()
    _call_for(
        session,
        row,
        due_at=at,
        interval_minutes=interval_minutes,
        protocol=in_force.protocol,
    )
    audit.record(
        session,
        actor_id,
        "observation_order.made",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        order_id=row.id,
    )
    live.announce(session, f"stay-{stay.id}", "rounds")
    return row


def order_defaults(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    keys: Mapping[str, UUID],
    at: datetime,
    in_force: InForce,
) -> None:
    """The unit's usual orders for the instruments named in `keys`."""
    for instrument, key in keys.items():
        order(
            session,
            actor_id,
            stay,
            key=key,
            instrument=instrument,
            interval_minutes=in_force.protocol.intervals[instrument].ordered_minutes,
            at=at,
            in_force=in_force,
        )


def stop(session: Session, actor_id: int | None, stay: Stay, *, at: datetime) -> None:
    """The stay has ended: nothing more falls due."""
    for row in queries.orders_on_stay(session, stay.id):
        _end(session, row, actor_id=actor_id, at=at)
    live.announce(session, f"stay-{stay.id}", "rounds")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the rounds need to know of a set."""

    observation_id: int
    observed_at: datetime
    actor_id: int
    outcome: str
    scores: Mapping[str, Score]


@dataclass(frozen=True, kw_only=True)
class OpenRound:
    """The open round of an order, locked, and when a set last ticked one off."""

    ordered: ObservationOrder
    round: Round
    last_done_at: datetime | None


def fulfil(session: Session, stay: Stay, seen: Seen, *, in_force: InForce) -> None:
    """Tick off what this set did, and say when each is due next.

    Due counts from the last true set. A set older than the order's last one was charted late: it
    changes the history, not the schedule.
    """
    _tick_off(session, stay, _open_rounds(session, stay), seen, in_force=in_force)


def _tick_off(
    session: Session,
    stay: Stay,
    candidates: Iterable[OpenRound],
    seen: Seen,
    *,
    in_force: InForce,
) -> None:
    ended = set()
    for one in candidates:
        done = _done_as(one.ordered, one.round, seen)
        if done is None or _before_the_last(one, seen.observed_at):
            continue
        _move(
            session,
            one.round,
            done,
            at=seen.observed_at,
            actor_id=seen.actor_id,
            observation_id=seen.observation_id,
            not_done_reason=seen.outcome if done is RoundState.NOT_DONE else None,
        )
        _call_after(session, one.ordered, done, seen, in_force=in_force)
        ended.add(one.ordered.instrument)
    if ended:
        _clear_overdue(session, stay, ended, now=clock.now())


def reconsider(
    session: Session,
    stay: Stay,
    seen: Seen,
    *,
    superseded_ids: Collection[int],
    in_force: InForce,
) -> None:
    """A set was corrected: what is due next is worked out again, as if it had been right at first.

    `superseded_ids` are all the versions before this one. The round that one of them ticked off
    keeps its row. Where the corrected set does not answer the instrument (or was taken back), the
    observation is due as it was before; where only the corrected set answers it, it ticks it off.
    """
    taken_back = seen.outcome == "entered_in_error"
    others = []
    for one in _open_rounds(session, stay):
        ordered, open_round = one.ordered, one.round
        ticked = session.scalars(
            select(Round)
            .where(Round.order_id == ordered.id, Round.done_at.is_not(None))
            .order_by(Round.done_at.desc(), Round.id.desc())
            .limit(1)
        ).first()
        if ticked is None or ticked.observation_id not in superseded_ids:
            others.append(one)
            continue
        _move(session, open_round, RoundState.CANCELLED, at=seen.observed_at)
        done = _done_as(ordered, ticked, seen)
        if done is None or taken_back:
            _call_for(
                session,
                ordered,
                due_at=ticked.due_at,
                interval_minutes=ticked.interval_minutes,
                protocol=in_force.protocol,
            )
        else:
            _call_after(session, ordered, done, seen, in_force=in_force)
    if not taken_back:
        _tick_off(session, stay, others, seen, in_force=in_force)


def _open_rounds(session: Session, stay: Stay) -> list[OpenRound]:
    rows = session.execute(OPEN_ROUNDS, {"of_stay": stay.id})
    return [
        OpenRound(ordered=ordered, round=open_round, last_done_at=last_done_at)
        for ordered, open_round, last_done_at in rows
    ]


def _done_as(ordered: ObservationOrder, open_round: Round, seen: Seen) -> RoundState | None:
    """How this set ends the round; None when it has nothing to do with it."""
    if seen.outcome == "assessed":
        score = seen.scores.get(ordered.instrument)
        if score is None:
            return None
        if score.status != "ok":
            return RoundState.PARTLY_DONE
        late = seen.observed_at > open_round.late_at
        return RoundState.DONE_LATE if late else RoundState.DONE
    return RoundState.NOT_DONE if open_round.due_at <= seen.observed_at else None


def _call_after(
    session: Session,
    ordered: ObservationOrder,
    done: RoundState,
    seen: Seen,
    *,
    in_force: InForce,
) -> None:
    """Call for the round after this one.

    The patient's state only ever shortens the interval. What was not done, or only in part, is
    offered again sooner, except to somebody asleep.
    """
    protocol = in_force.protocol
    score = seen.scores.get(ordered.instrument)
    minutes = schedule.interval(protocol, ordered.instrument, score, ordered.interval_minutes)
    wait = minutes
    if done in (RoundState.NOT_DONE, RoundState.PARTLY_DONE) and seen.outcome != "asleep":
        wait = min(protocol.reoffer_minutes, minutes)
    _call_for(
        session,
        ordered,
        due_at=seen.observed_at + timedelta(minutes=wait),
        interval_minutes=minutes,
        protocol=protocol,
    )


def _before_the_last(one: OpenRound, observed_at: datetime) -> bool:
    """Whether a newer set has already been charted, or the time is before the order began."""
    if one.round.due_at == one.ordered.starts_at:
        return False
    return one.last_done_at is not None and observed_at <= one.last_done_at


def _call_for(
    session: Session,
    ordered: ObservationOrder,
    *,
    due_at: datetime,
    interval_minutes: int,
    protocol: Protocol,
) -> None:
    times = schedule.times(due_at, interval_minutes, protocol)
    called = {
        "order_id": ordered.id,
        "stay_id": ordered.stay_id,
        "patient_id": ordered.patient_id,
        "unit_id": ordered.unit_id,
        "instrument": ordered.instrument,
        "interval_minutes": interval_minutes,
        "due_at": times.due_at,
        "late_at": times.late_at,
        "missed_at": times.missed_at,
        "state": RoundState.SCHEDULED,
        "next_step_at": times.due_at,
    }
    session.execute(INSERT_ROUND, called)


def _move(
    session: Session,
    moved: Round,
    state: RoundState,
    *,
    at: datetime,
    actor_id: int | None = None,
    observation_id: int | None = None,
    not_done_reason: str | None = None,
) -> None:
    next_step_at = {
        RoundState.DUE: moved.late_at,
        RoundState.LATE: moved.missed_at,
    }.get(state)
    ended_by_set = observation_id is not None
    round_id, unit_id = moved.id, moved.unit_id
    moves = {
        "moved_id": round_id,
        "state": state,
        "next_step_at": next_step_at,
        "done_at": at if ended_by_set else None,
        "observation_id": observation_id,
        "not_done_reason": not_done_reason,
    }
    session.execute(MOVE_ROUND, moves)
    session.expire(moved)
    step = {"round_id": round_id, "unit_id": unit_id, "state": state, "at": at}
    session.execute(INSERT_STEP, step | {"actor_id": actor_id})


def _end(session: Session, ended: ObservationOrder, *, actor_id: int | None, at: datetime) -> None:
    ended.ended_at = max(at, ended.starts_at)
    ended.ended_by = actor_id
    session.flush()
    for left in session.scalars(
        select(Round).where(Round.order_id == ended.id, Round.state.in_(OPEN)).with_for_update()
    ):
        _move(session, left, RoundState.CANCELLED, at=at, actor_id=actor_id)


def past_its_time(session: Session, now: datetime, leave: Collection[int]) -> Round | None:
    """One round whose next step has come, locked; rounds in `leave` are left alone."""
    return session.scalars(
        select(Round)
        .where(Round.next_step_at <= now, Round.id.not_in(leave))
        .order_by(Round.next_step_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()


def move_on(session: Session, moved: Round, now: datetime) -> None:
    """The watch's turn: the round moves one step.

    After an outage this is called until none is left, so that each round that fell due meanwhile
    has its row: what was missed is on record as missed.
    """
    ordered = session.get_one(ObservationOrder, moved.order_id)
    in_force = protocols.in_force(session, moved.unit_id, at=now)
    state = {RoundState.SCHEDULED: RoundState.DUE, RoundState.DUE: RoundState.LATE}.get(
        moved.state, RoundState.MISSED
    )
    at = {RoundState.DUE: moved.due_at, RoundState.LATE: moved.late_at}.get(state, moved.missed_at)
    _move(session, moved, state, at=at)
    if state is RoundState.MISSED:
        _call_for(
            session,
            ordered,
            due_at=moved.missed_at,
            interval_minutes=moved.interval_minutes,
            protocol=in_force.protocol,
        )
    if state is not RoundState.DUE:
        _raise_overdue(session, ordered, moved, state, in_force=in_force, now=now)
    audit.record(
        session,
        None,
        f"round.{state.value}",
        unit_id=moved.unit_id,
        stay_id=moved.stay_id,
    )
    live.announce(session, f"stay-{moved.stay_id}", "rounds")


def _raise_overdue(
    session: Session,
    ordered: ObservationOrder,
    moved: Round,
    state: RoundState,
    *,
    in_force: InForce,
    now: datetime,
) -> None:
    verdict = deterioration.overdue(
        in_force.protocol,
        instrument=moved.instrument,
        interval_minutes=moved.interval_minutes,
        missed_in_a_row=queries.missed_in_a_row(session, ordered.id),
        state=state.value,
        due_at=moved.due_at,
    )
    if verdict is not None:
        alerts.raise_alert(
            session,
            stay=session.get_one(Stay, moved.stay_id),
            verdict=verdict,
            protocol_id=in_force.id,
            now=now,
            actor_id=None,
        )


def _clear_overdue(session: Session, stay: Stay, instruments: set[str], *, now: datetime) -> None:
    """The set has come: what was raised because it had not is over."""
    rules = {deterioration.overdue_rule(instrument) for instrument in instruments}
    for alert in alert_queries.open_on_stay(session, stay.id):
        if alert.rule in rules:
            alerts.clear(session, alert, sentence="The set has been made.", now=now)
