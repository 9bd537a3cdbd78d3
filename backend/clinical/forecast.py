"""What the next hours will ask of whom: visits to patients, not single observations."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.clinical.task import ASSESSED, Answer, Machine, Task

HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Coming:
    """An open round with the rules of its order, and whose patient it is."""

    stay_id: int
    owner: int | None
    its: Machine
    task: Task


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One time at a patient's bed, with everything that is due then."""

    stay_id: int
    owner: int | None
    at: datetime
    tasks: int


def dues(its: Machine, task: Task, *, start: datetime, end: datetime) -> Iterator[datetime]:
    """When an order falls due until then, if each round is done at its time."""
    current: Task | None = task
    while current is not None:
        at = max(current.due_at, start)
        until = its.ordered.until_at
        if at >= end or (until is not None and at >= until):
            return
        yield at
        done = Answer(at=at, outcome=ASSESSED, complete=True, wait_minutes=current.interval_minutes)
        move = its.answered(current, done)
        current = move.following if move else None


def visits(
    coming: Iterable[Coming], *, start: datetime, hours: int, together: timedelta
) -> list[Visit]:
    """What falls due at one bed soon after another is one visit. What is overdue is due now."""
    end = start + hours * HOUR
    by_stay: dict[int, list[tuple[datetime, Coming]]] = {}
    for one in coming:
        found = by_stay.setdefault(one.stay_id, [])
        found += [(at, one) for at in dues(one.its, one.task, start=start, end=end)]
    made = []
    for stay_id, falling_due in by_stay.items():
        open_at: datetime | None = None
        for at, one in sorted(falling_due, key=lambda pair: pair[0]):
            if open_at is None or at > open_at + together:
                open_at = at
                made.append(Visit(stay_id=stay_id, owner=one.owner, at=at, tasks=1))
            else:
                last = made[-1]
                made[-1] = Visit(
                    stay_id=stay_id, owner=last.owner, at=last.at, tasks=last.tasks + 1
                )
    return sorted(made, key=lambda visit: visit.at)


def by_hour(
    found: Iterable[Visit], *, start: datetime, hours: int
) -> dict[int | None, tuple[int, ...]]:
    """Of each owner (None: nobody has the patient) the visits in each hour from now on."""
    counts: dict[int | None, list[int]] = {}
    for visit in found:
        hour = int((visit.at - start) / HOUR)
        counts.setdefault(visit.owner, [0] * hours)[hour] += 1
    return {owner: tuple(row) for owner, row in counts.items()}
