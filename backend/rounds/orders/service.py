"""Order observations, replace and end orders, and go on when one has reached its end."""

from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.clinical import schedule
from backend.clinical.scale import SAFETY
from backend.clinical.schedule import HowOften
from backend.clinical.task import Task
from backend.core import live
from backend.core.errors import Conflict, Invalid
from backend.protocols.queries import InForce
from backend.rounds import moves, queries
from backend.rounds.models import OPEN, ObservationOrder, Round
from backend.stays.models import Stay


def order(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    instrument: str,
    how_often: HowOften,
    at: datetime,
    in_force: InForce,
    reason: str | None = None,
    one_to_one: bool = False,
) -> ObservationOrder:
    """Order an observation in place of the order for the same instrument.

    It is due at once, or counted from the last true set where an earlier order has one.
    """
    already = session.scalars(
        select(ObservationOrder).where(ObservationOrder.key == key)
    ).one_or_none()
    if already is not None:
        return already
    earlier = queries.standing(session, stay.id, instrument)
    last_done_at, instead = None, None
    if earlier is not None:
        if (open_round := queries.open_of(session, earlier.id)) is not None:
            instead = moves.task(open_round)
        last_done_at = queries.last_done_at(session, earlier.id)
        _end(session, earlier, actor_id=actor_id, at=at)
    row = ObservationOrder(
        key=key,
        stay_id=stay.id,
        patient_id=stay.patient_id,
        unit_id=stay.unit_id,
        instrument=instrument,
        interval_minutes=how_often.interval_minutes,
        at_times=list(how_often.at_times),
        until_at=how_often.until_at,
        then_minutes=how_often.then_minutes,
        starts_at=at,
        ordered_by=actor_id,
        protocol_id=in_force.id,
        reason=reason,
        one_to_one=one_to_one,
    )
    session.add(row)
    session.flush()
    its = moves.machine(session, row, in_force.protocol)
    moves.call(session, row, its, its.first(last_done_at=last_done_at, instead=instead))
    written_down(session, actor_id, row, "made")
    return row


def replace(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    instrument: str,
    how_often: HowOften,
    at: datetime,
    in_force: InForce,
    reason: str | None,
) -> ObservationOrder:
    """What a person orders on a stay that goes on: never less often inside the risk window."""
    goes_on(stay)
    if instrument not in in_force.protocol.intervals:
        raise Invalid("Not ordered.", {"instrument": "Choose what is to be observed."})
    risk_until = at_risk_until(stay, in_force)
    earlier = queries.standing(session, stay.id, instrument)
    if earlier is not None and earlier.key != key and risk_until is not None and at < risk_until:
        open_round = queries.open_of(session, earlier.id)
        now_every = open_round.interval_minutes if open_round else earlier.interval_minutes
        after = how_often.then_minutes if how_often.until_at else None
        lengthened = (
            how_often.until_at is not None
            and how_often.until_at < risk_until
            and (after is None or after > now_every)
        )
        if how_often.interval_minutes > now_every or lengthened:
            raise Invalid(
                "Not less often while the risk window after the last use is open.",
                {"every": f"At least every {now_every} minutes until it is over."},
            )
    return order(
        session,
        actor_id,
        stay,
        key=key,
        instrument=instrument,
        how_often=how_often,
        at=at,
        in_force=in_force,
        reason=reason,
    )


def end(
    session: Session,
    actor_id: int,
    stay: Stay,
    ended: ObservationOrder,
    *,
    reason: str,
    at: datetime,
    in_force: InForce,
) -> None:
    """By a person, with a reason; not inside the risk window. Twice is once."""
    if ended.ended_at is not None:
        return
    risk_until = at_risk_until(stay, in_force)
    # Withdrawal is what the window is about: how safe somebody is, is another question.
    regular = not ended.once and ended.instrument != SAFETY
    if regular and risk_until is not None and at < risk_until:
        raise Conflict(
            "The risk window after the last use is still open, so this goes on. Order it more"
            " often or at other times instead."
        )
    _end(session, ended, actor_id=actor_id, at=at)
    written_down(session, actor_id, ended, "ended", reason=reason)


def then(over: ObservationOrder, stay: Stay, in_force: InForce) -> HowOften | None:
    """How often it goes on after its `until`; None where it does not.

    Not less often than before while the risk window is open.
    """
    if over.then_minutes is None or over.until_at is None:
        return None
    risk_until = at_risk_until(stay, in_force)
    if (
        risk_until is not None
        and over.instrument != SAFETY
        and over.until_at < risk_until
        and over.interval_minutes < over.then_minutes
    ):
        return HowOften(
            interval_minutes=over.interval_minutes,
            until_at=risk_until,
            then_minutes=over.then_minutes,
        )
    return HowOften(interval_minutes=over.then_minutes)


def counts_from(session: Session, order_id: int) -> datetime | None:
    """The set that what comes then counts from.

    What was missed last is not put off by an order that was made hours ago.
    """
    missed = queries.missed_in_a_row(session, order_id) > 0
    return None if missed else queries.last_done_at(session, order_id)


def go_on(
    session: Session,
    over: ObservationOrder,
    stay: Stay,
    *,
    instead: Task,
    in_force: InForce,
) -> None:
    """An order has reached its `until`: what it says comes then is ordered, by whom it was."""
    often = then(over, stay, in_force)
    if often is None or over.ended_at is None or over.until_at is None:
        return
    if over.ended_at < over.until_at or stay.discharged_at is not None:
        return
    row = ObservationOrder(
        key=uuid5(over.key, "then"),
        stay_id=over.stay_id,
        patient_id=over.patient_id,
        unit_id=over.unit_id,
        instrument=over.instrument,
        interval_minutes=often.interval_minutes,
        until_at=often.until_at,
        then_minutes=often.then_minutes,
        starts_at=over.ended_at,
        ordered_by=over.ordered_by,
        protocol_id=in_force.id,
        reason=over.reason,
    )
    session.add(row)
    session.flush()
    its = moves.machine(session, row, in_force.protocol)
    last = counts_from(session, over.id)
    moves.call(session, row, its, its.first(last_done_at=last, instead=instead))
    audit.record(
        session,
        None,
        "round.order_gone_on",
        unit_id=row.unit_id,
        stay_id=row.stay_id,
        order_id=row.id,
    )
    live.announce(session, f"stay-{row.stay_id}", "rounds")


def stop(session: Session, actor_id: int | None, stay: Stay, *, at: datetime) -> None:
    """The stay has ended: nothing more falls due."""
    for row in queries.orders_on_stay(session, stay.id):
        _end(session, row, actor_id=actor_id, at=at)
    live.announce(session, f"stay-{stay.id}", "rounds")


def at_risk_until(stay: Stay, in_force: InForce) -> datetime | None:
    """Until when nothing on this stay is observed less often than it is."""
    return schedule.at_risk_until(
        in_force.protocol.rounds,
        stay.substances,
        last_use_at=stay.last_use_at,
        since=stay.admitted_at,
    )


def in_turn(session: Session, stay: Stay) -> Stay:
    """The stay as it is now, locked: two who change its rounds at once take turns."""
    return session.scalars(
        select(Stay).where(Stay.id == stay.id).with_for_update(key_share=True)
    ).one()


def goes_on(stay: Stay) -> None:
    """Refuse to order anything on a stay that has ended."""
    if stay.discharged_at is not None:
        raise Conflict("This stay has ended. Nothing more can be ordered on it.")


def _end(session: Session, ended: ObservationOrder, *, actor_id: int | None, at: datetime) -> None:
    ended.ended_at = max(at, ended.starts_at)
    ended.ended_by = actor_id
    session.flush()
    for left in session.scalars(
        select(Round).where(Round.order_id == ended.id, Round.state.in_(OPEN)).with_for_update()
    ):
        moves.cancel(session, left, at=at, by=moves.By(actor_id=actor_id))


def written_down(
    session: Session,
    actor_id: int,
    row: ObservationOrder,
    what: str,
    *,
    reason: str | None = None,
) -> None:
    """On the trail, and to the screens."""
    audit.record(
        session,
        actor_id,
        f"observation_order.{what}",
        unit_id=row.unit_id,
        stay_id=row.stay_id,
        reason=reason,
        order_id=row.id,
    )
    live.announce(session, f"stay-{row.stay_id}", "rounds")
