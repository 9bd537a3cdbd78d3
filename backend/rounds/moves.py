"""Between the rows of the rounds and the machine that says how they live."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import CursorResult, bindparam, insert, update
from sqlalchemy.orm import Session

from backend.accounts.units.models import Unit
from backend.clinical.protocol import Protocol
from backend.clinical.task import Machine, Move, Ordered, RoundState, Task
from backend.core.db import table_of
from backend.rounds.models import ObservationOrder, Round, RoundStep

# Every save comes by these: put together once, and written to tables, not through entities.
MOVE_ROUND = update(table_of(Round)).where(table_of(Round).c.id == bindparam("moved_id"))
INSERT_ROUND = insert(table_of(Round))
INSERT_STEP = insert(table_of(RoundStep))
UTC = ZoneInfo("UTC")


def machine(session: Session, ordered: ObservationOrder, protocol: Protocol) -> Machine:
    """The rules of this order. Only an order at times asks what the unit's clock shows."""
    zone = UTC
    if ordered.at_times:
        zone = ZoneInfo(session.get_one(Unit, ordered.unit_id).time_zone)
    return Machine(
        ordered=Ordered(
            interval_minutes=ordered.interval_minutes,
            starts_at=ordered.starts_at,
            at_times=tuple(ordered.at_times),
            until_at=ordered.until_at,
            once=ordered.once,
        ),
        protocol=protocol,
        zone=zone,
    )


def task(row: Round) -> Task:
    """A round as the machine reads it."""
    return Task(
        interval_minutes=row.interval_minutes,
        due_at=row.due_at,
        late_at=row.late_at,
        missed_at=row.missed_at,
        state=row.state,
        refused_before=row.refused_before,
        asleep_before=row.asleep_before,
    )


def call(session: Session, ordered: ObservationOrder, its: Machine, called: Task) -> int:
    """Put down a round that has been called for; its number."""
    values = {
        "order_id": ordered.id,
        "stay_id": ordered.stay_id,
        "patient_id": ordered.patient_id,
        "unit_id": ordered.unit_id,
        "instrument": ordered.instrument,
        "interval_minutes": called.interval_minutes,
        "due_at": called.due_at,
        "late_at": called.late_at,
        "missed_at": called.missed_at,
        "state": called.state,
        "next_step_at": its.step_at(called),
        "refused_before": called.refused_before,
        "asleep_before": called.asleep_before,
    }
    inserted = cast(CursorResult[Any], session.execute(INSERT_ROUND, values))
    assert inserted.inserted_primary_key is not None  # noqa: S101 (it has just been inserted)
    return int(inserted.inserted_primary_key[0])


@dataclass(frozen=True, kw_only=True)
class By:
    """Who or what ends a round; nobody, where time does."""

    actor_id: int | None = None
    observation_id: int | None = None
    not_done_reason: str | None = None
    # Done by what is no set: a safety check.
    done: bool = False


NOBODY = By()


def apply(
    session: Session,
    ordered: ObservationOrder,
    its: Machine,
    row: Round,
    moves: Sequence[Move],
    *,
    by: By = NOBODY,
) -> int:
    """Write down what became of a round and of those that followed it. The last move is `by` them.

    Returns which round that was. The end of the order itself is written here too; what comes after
    it is for `orders` to say.
    """
    round_id, current = row.id, task(row)
    ended = round_id
    for number, made in enumerate(moves, 1):
        ended = round_id
        step_at = its.step_at(replace(current, state=made.state))
        mover = by if number == len(moves) else NOBODY
        _write(session, round_id, row.unit_id, made, next_step_at=step_at, by=mover)
        if made.following is not None:
            round_id, current = call(session, ordered, its, made.following), made.following
        else:
            current = replace(current, state=made.state)
        if made.over:
            ordered.ended_at = max(made.at, ordered.starts_at)
            ordered.ended_by = by.actor_id
    session.expire(row)
    session.flush()
    return ended


def cancel(session: Session, row: Round, *, at: datetime, by: By = NOBODY) -> None:
    """By an order: the round is no longer called for."""
    called_off = Move(state=RoundState.CANCELLED, at=at)
    _write(session, row.id, row.unit_id, called_off, next_step_at=None, by=by)
    session.expire(row)


def _write(
    session: Session,
    round_id: int,
    unit_id: int,
    made: Move,
    *,
    next_step_at: datetime | None,
    by: By,
) -> None:
    values = {
        "moved_id": round_id,
        "state": made.state,
        "next_step_at": next_step_at,
        "done_at": made.at if by.done or by.observation_id is not None else None,
        "observation_id": by.observation_id,
        "not_done_reason": by.not_done_reason,
    }
    session.execute(MOVE_ROUND, values)
    step = {"round_id": round_id, "unit_id": unit_id, "state": made.state, "at": made.at}
    session.execute(INSERT_STEP, step | {"actor_id": by.actor_id})
