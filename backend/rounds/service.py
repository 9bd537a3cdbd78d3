"""Tick rounds off, put them right after a correction, and let time make them due, late, missed."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session, aliased

from backend.accounts.units.models import Unit
from backend.alerts import queries as alert_queries
from backend.alerts import service as alerts
from backend.audit import service as audit
from backend.clinical import deterioration, refusal, schedule, task
from backend.clinical.protocol import Protocol
from backend.clinical.scale import SAFETY, Score
from backend.clinical.task import Answer, RoundState
from backend.core import clock, live
from backend.protocols import queries as protocols
from backend.protocols.queries import InForce
from backend.rounds import moves, queries
from backend.rounds.models import OPEN, ObservationOrder, Round
from backend.rounds.moves import By
from backend.rounds.nights import queries as nights
from backend.rounds.nights.models import NightKind
from backend.rounds.orders import service as orders
from backend.stays.leave.models import Absence
from backend.stays.models import Stay

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


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the rounds need to know of a set."""

    observation_id: int
    observed_at: datetime
    actor_id: int
    outcome: str
    scores: Mapping[str, Score]
    breaths_per_min: int | None = None
    spo2_percent: int | None = None


@dataclass(frozen=True, kw_only=True)
class OpenRound:
    """The open round of an order, locked, and when a set last ticked one off.

    `every_minutes` is how often it was due before the set that is looked at now.
    """

    ordered: ObservationOrder
    round: Round
    last_done_at: datetime | None
    every_minutes: int


def fulfil(session: Session, stay: Stay, seen: Seen, *, in_force: InForce) -> None:
    """Tick off what this set did, and say when each is due next.

    Due counts from the last true set. A set older than the order's last one was charted late: it
    changes the history, not the schedule.
    """
    found = _until_then(session, stay, _observed(session, stay), seen.observed_at)
    _tick_off(
        session, stay, found, seen, waits=_waits(stay, found, seen, in_force), in_force=in_force
    )


def _tick_off(
    session: Session,
    stay: Stay,
    candidates: Iterable[OpenRound],
    seen: Seen,
    *,
    waits: Mapping[int, int],
    in_force: InForce,
) -> None:
    answered, assessed = set(), set()
    for one in candidates:
        its = moves.machine(session, one.ordered, in_force.protocol)
        answer = _answer(session, stay, one, seen, wait=waits[one.ordered.id], in_force=in_force)
        came = its.came(moves.task(one.round), answer, last_done_at=one.last_done_at)
        if not came:
            continue
        made, refused = came[-1], one.round.refused_before + 1
        not_done = made.state is RoundState.NOT_DONE
        by_set = By(
            actor_id=seen.actor_id,
            observation_id=seen.observation_id,
            not_done_reason=seen.outcome if not_done else None,
        )
        moves.apply(session, one.ordered, its, one.round, came, by=by_set)
        answered.add(one.ordered.instrument)
        if not not_done:
            assessed.add(one.ordered.instrument)
        if made.goes_up:
            _goes_up(session, stay, one, seen, refused, in_force=in_force)
    if answered:
        _clear(session, stay, answered, assessed, now=clock.now())


def _until_then(
    session: Session, stay: Stay, found: list[OpenRound], at: datetime
) -> list[OpenRound]:
    """An order that reached its end before the set, while the watch slept, gives way first."""
    over = [one for one in found if one.ordered.until_at and one.ordered.until_at <= at]
    for one in over:
        _let_pass(session, one, at)
    return _observed(session, stay) if over else found


def _let_pass(session: Session, one: OpenRound, until: datetime) -> None:
    passing: Round | None = one.round
    while passing is not None and passing.next_step_at and passing.next_step_at <= until:
        move_on(session, passing, until)
        passing = queries.open_of(session, one.ordered.id)


def let_pass(session: Session, stay: Stay, *, until: datetime) -> None:
    """What the watch would have done by then, if it sleeps; before somebody leaves."""
    for one in _open_rounds(session, stay):
        _let_pass(session, one, until)


def resume(session: Session, actor_id: int, stay: Stay, *, at: datetime) -> None:
    """Somebody is back: what fell due meanwhile was not done for that reason, and is due now."""
    in_force = protocols.in_force(session, stay.unit_id, at=at)
    for one in _open_rounds(session, stay):
        until_at = one.ordered.until_at
        if until_at is not None and until_at <= at:
            if one.round.due_at < until_at:
                _back(session, actor_id, one, at, in_force)
            if (left := queries.open_of(session, one.ordered.id)) is not None:
                move_on(session, left, at)
    for one in _open_rounds(session, stay):
        if one.round.due_at < at:
            _back(session, actor_id, one, at, in_force)


def _back(session: Session, actor_id: int, one: OpenRound, at: datetime, in_force: InForce) -> None:
    its = moves.machine(session, one.ordered, in_force.protocol)
    if (made := its.back(moves.task(one.round), at)) is not None:
        by = By(actor_id=actor_id, not_done_reason=task.AWAY)
        moves.apply(session, one.ordered, its, one.round, [made], by=by)


def _answer(
    session: Session, stay: Stay, one: OpenRound, seen: Seen, *, wait: int, in_force: InForce
) -> Answer:
    score = seen.scores.get(one.ordered.instrument)
    excused = seen.outcome != task.ASLEEP or (
        why_wake(session, stay, seen, one.round.asleep_before, in_force=in_force) is None
    )
    return Answer(
        at=seen.observed_at,
        outcome=seen.outcome,
        complete=None if score is None else score.status == "ok",
        wait_minutes=wait,
        excused=excused,
    )


def _waits(
    stay: Stay, found: Collection[OpenRound], seen: Seen, in_force: InForce
) -> dict[int, int]:
    """Minutes until the next round of each order.

    The patient's state only shortens them, the risk window keeps what it has shortened, and what
    is done in one round goes by the shortest.
    """
    rules = in_force.protocol.rounds
    risk_until = orders.at_risk_until(stay, in_force)
    held = risk_until is not None and seen.observed_at < risk_until
    waits = {one.ordered.id: _own_wait(one, seen, in_force.protocol, held=held) for one in found}
    regular = {one.ordered.instrument: one.ordered.id for one in found if not _is_fixed(one)}
    shared = schedule.merged({name: waits[of] for name, of in regular.items()}, rules)
    return waits | {regular[name]: minutes for name, minutes in shared.items()}


def _own_wait(one: OpenRound, seen: Seen, protocol: Protocol, *, held: bool) -> int:
    ordered, score = one.ordered, seen.scores.get(one.ordered.instrument)
    if score is None and seen.outcome == task.ASSESSED:
        return one.every_minutes
    minutes = schedule.interval(protocol, ordered.instrument, score, ordered.interval_minutes)
    return min(minutes, one.every_minutes) if held else minutes


def _is_fixed(one: OpenRound) -> bool:
    return one.ordered.once or bool(one.ordered.at_times)


def why_wake(
    session: Session, stay: Stay, seen: Seen, asleep_before: int, *, in_force: InForce
) -> str | None:
    """Why this sleep check does not stand for a set; None where it does."""
    risk_until = orders.at_risk_until(stay, in_force)
    ordered = nights.standing(session, stay.id)
    zone = ZoneInfo(session.get_one(Unit, stay.unit_id).time_zone)
    return schedule.why_wake(
        in_force.protocol,
        asleep_before=asleep_before,
        breaths_per_min=seen.breaths_per_min,
        spo2_percent=seen.spo2_percent,
        alarmed=alert_queries.is_alarmed(session, stay.id),
        at_risk=risk_until is not None and seen.observed_at < risk_until,
        undisturbed=nights.is_undisturbed(
            ordered.get(NightKind.DO_NOT_WAKE), seen.observed_at, zone
        ),
        spo2_ordered=NightKind.SPO2 in ordered,
    )


def why_not_asleep(session: Session, stay: Stay, *, now: datetime, in_force: InForce) -> str | None:
    """Why even a calm sleep check would not stand for what is due; None where it would."""
    wake = in_force.protocol.rounds.wake
    calm = Seen(
        observation_id=0,
        observed_at=now,
        actor_id=0,
        outcome=task.ASLEEP,
        scores={},
        breaths_per_min=wake.respiratory_rate_per_min if wake else None,
        spo2_percent=wake.spo2_percent if wake else 100,
    )
    most = max((row.asleep_before for row in queries.observed_on_stay(session, stay.id)), default=0)
    return why_wake(session, stay, calm, most, in_force=in_force)


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
    found, ticked_off = [], {}
    for one in _observed(session, stay):
        ticked = _last_ticked(session, one.ordered.id)
        if ticked is not None and ticked.observation_id in superseded_ids:
            ticked_off[one.ordered.id] = ticked
            found.append(replace(one, every_minutes=ticked.interval_minutes))
        else:
            found.append(one)
    waits = _waits(stay, found, seen, in_force)
    for one in found:
        if (ticked := ticked_off.get(one.ordered.id)) is None:
            continue
        its = moves.machine(session, one.ordered, in_force.protocol)
        moves.cancel(session, one.round, at=seen.observed_at)
        answer = _answer(session, stay, one, seen, wait=waits[one.ordered.id], in_force=in_force)
        follows = None if taken_back else its.after_correction(moves.task(ticked), answer)
        following = its.again(moves.task(ticked)) if follows is None else follows
        moves.call(session, one.ordered, its, following)
    if not taken_back:
        others = [one for one in found if one.ordered.id not in ticked_off]
        _tick_off(session, stay, others, seen, waits=waits, in_force=in_force)


def _last_ticked(session: Session, order_id: int) -> Round | None:
    return session.scalars(
        select(Round)
        .where(Round.order_id == order_id, Round.done_at.is_not(None))
        .order_by(Round.done_at.desc(), Round.id.desc())
        .limit(1)
    ).first()


def _observed(session: Session, stay: Stay) -> list[OpenRound]:
    """What a set can answer; safety rounds have checks of their own."""
    found = _open_rounds(session, stay)
    return [one for one in found if one.ordered.instrument != SAFETY]


def _open_rounds(session: Session, stay: Stay) -> list[OpenRound]:
    rows = session.execute(OPEN_ROUNDS, {"of_stay": stay.id})
    return [
        OpenRound(
            ordered=ordered,
            round=open_round,
            last_done_at=last_done_at,
            every_minutes=open_round.interval_minutes,
        )
        for ordered, open_round, last_done_at in rows
    ]


def past_its_time(session: Session, now: datetime, leave: Collection[int]) -> Round | None:
    """One round whose next step has come, locked; rounds in `leave` are left alone.

    So are those of whoever is off the unit: nothing falls due there.
    """
    away = select(Absence.id).where(Absence.stay_id == Round.stay_id, Absence.ended_at.is_(None))
    return session.scalars(
        select(Round)
        .where(Round.next_step_at <= now, Round.id.not_in(leave), ~away.exists())
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
    its = moves.machine(session, ordered, in_force.protocol)
    before = moves.task(moved)
    made = its.by_time(before, now)
    if made is None:
        raise ValueError("Its time had come, and the rules make nothing of it.")
    moves.apply(session, ordered, its, moved, [made])
    if made.over:
        stay = session.get_one(Stay, moved.stay_id)
        orders.go_on(session, ordered, stay, instead=before, in_force=in_force)
    if made.state in (RoundState.LATE, RoundState.MISSED):
        _raise_overdue(session, ordered, moved, made.state, in_force=in_force, now=now)
    audit.record(
        session,
        None,
        f"round.{made.state.value}",
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


def _goes_up(
    session: Session, stay: Stay, one: OpenRound, seen: Seen, times: int, *, in_force: InForce
) -> None:
    verdict = refusal.refused(
        in_force.protocol,
        instrument=one.ordered.instrument,
        times=times,
        refused_at=seen.observed_at,
        observation_id=seen.observation_id,
    )
    if verdict is not None:
        alerts.raise_alert(
            session,
            stay=stay,
            verdict=verdict,
            protocol_id=in_force.id,
            now=clock.now(),
            actor_id=seen.actor_id,
        )


def _clear(
    session: Session, stay: Stay, answered: set[str], assessed: set[str], *, now: datetime
) -> None:
    """The set has come: what was raised because it had not is over."""
    rules = {deterioration.overdue_rule(instrument) for instrument in answered}
    rules |= {refusal.rule_of(instrument) for instrument in assessed}
    for alert in alert_queries.open_on_stay(session, stay.id):
        if alert.rule in rules:
            alerts.clear(session, alert, sentence="The set has been made.", now=now)
