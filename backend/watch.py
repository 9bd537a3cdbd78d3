"""Turns time into facts: due, late, missed, lapsed, climbed. Any number of watches may run."""

import os
import signal
import threading
import time
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol

import structlog
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from backend import tables
from backend.alerts import service as alerts
from backend.alerts.ladder import service as ladder
from backend.audit import keeper
from backend.clinical import deterioration
from backend.core import clock
from backend.core.db import watch_session
from backend.core.errors import UserError
from backend.core.models import Beat
from backend.protocols import queries as protocols
from backend.rounds import service as rounds
from backend.rounds.leave.overdue import service as leaves
from backend.stays.models import Stay

__all__ = ["run", "tables", "turn"]

PAUSE_S = 1.0
# Between two heartbeats, so that a long backlog is not taken for death.
BEAT_S = 3.0

log = structlog.get_logger()


class Row(Protocol):
    """A row with a deadline, on a stay."""

    id: int
    stay_id: int


# Each finds and locks one row whose time has come, and moves it on, in one transaction.
Find = Callable[[Session, datetime, Collection[int]], Row | None]
Move = Callable[[Session, Row, datetime], None]
JOBS: dict[str, tuple[Find, Move]] = {
    "rounds": (rounds.past_its_time, rounds.move_on),  # type: ignore[dict-item]  # a Round is a Row
    "leave": (leaves.past_its_time, leaves.move_on),  # type: ignore[dict-item]  # an Absence is one
    "alerts": (ladder.past_its_time, ladder.move_on),  # type: ignore[dict-item]  # an Alert is a Row
}


def beat() -> None:
    """Say that the watch is awake. The database's clock decides when that was."""
    with watch_session.begin() as session:
        session.execute(
            insert(Beat)
            .values(process="watch", beat_at=func.clock_timestamp())
            .on_conflict_do_update(
                index_elements=[Beat.process], set_={"beat_at": func.clock_timestamp()}
            )
        )


def turn() -> int:
    """Move everything whose time has come; returns how many rows moved."""
    moved = 0
    beaten = time.monotonic()
    for name, (find, move) in JOBS.items():
        failed: set[int] = set()
        while (done := _one(name, find, move, failed)) is not None:
            moved += done
            if time.monotonic() - beaten > BEAT_S:
                beat()
                beaten = time.monotonic()
    return moved


def _one(name: str, find: Find, move: Move, failed: set[int]) -> int | None:
    """Move one row: 1 if it moved, 0 if it cannot be evaluated, None when none is past its time."""
    now = clock.now()
    with watch_session.begin() as session:
        row = find(session, now, failed)
        if row is None:
            return None
        row_id, stay_id = row.id, row.stay_id
        try:
            with session.begin_nested():
                move(session, row, now)
        except OperationalError:
            raise
        except Exception:
            # One poisoned row must not stop the others: it becomes an alarm of its own.
            log.exception("watch_cannot_evaluate", job=name, row_id=row_id)
            failed.add(row_id)
            _cannot_evaluate(session, name, stay_id, now)
            return 0
    return 1


def _cannot_evaluate(session: Session, name: str, stay_id: int, now: datetime) -> None:
    """Somebody must look: the watch can no longer tell how this patient's matters stand."""
    stay = session.get_one(Stay, stay_id)
    alerts.raise_alert(
        session,
        stay=stay,
        verdict=deterioration.cannot_evaluate(name),
        protocol_id=protocols.in_force(session, stay.unit_id, at=now).id,
        now=now,
        actor_id=None,
    )


def run(*, beside: int | None = None) -> None:
    """Watch until told to stop. While the database is away we wait; nothing is kept in memory.

    `beside`: the process that started us; where that one was killed, nobody is left to tell us.
    """
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
    log.info("watch_started")
    keeping = threading.Thread(target=keeper.run, args=(stop,), name="audit", daemon=True)
    keeping.start()
    while not stop.is_set() and beside in {None, os.getppid()}:
        try:
            turn()
            beat()
        except (SQLAlchemyError, UserError, OSError) as error:
            log.warning("watch_cannot_reach_database", kind=type(error).__name__)
        stop.wait(PAUSE_S)
    stop.set()
    keeping.join(5)
    log.info("watch_stopped")
