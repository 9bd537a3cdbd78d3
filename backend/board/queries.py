"""Everything that the ward board shows, in a handful of questions, however long the history is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from backend.accounts.units.models import Bed
from backend.alerts import queries as alerts
from backend.alerts.models import Alert
from backend.board.statements import COURSES, DUE, LAST_SETS, PEOPLE
from backend.observations.models import Outcome, ScoreStatus
from backend.patients import queries as patients
from backend.patients.models import Patient
from backend.rounds import coming
from backend.rounds.models import RoundState
from backend.rounds.nights import queries as nights
from backend.rounds.nights.models import NightOrder
from backend.stays.leave import queries as leave
from backend.stays.leave.models import Leave
from backend.stays.models import Stay


@dataclass(frozen=True, kw_only=True)
class LastSet:
    """The newest set of a stay, of whatever outcome."""

    outcome: Outcome
    observed_at: datetime
    respiratory_rate_per_min: int | None
    consciousness: str | None
    # How many of the newest sets, up to a few, were left out for sleep.
    asleep_in_a_row: int


@dataclass(frozen=True, kw_only=True)
class Point:
    """The newest score of one instrument; `total` is None when items are missing."""

    observed_at: datetime
    status: ScoreStatus
    total: int | None
    lowest: int | None
    value: str | None
    band: str | None
    band_system: str
    severity: int | None
    definition: str


@dataclass(frozen=True, kw_only=True)
class Course:
    """One instrument on one stay; `earlier` is (observed_at, total), newest first, Point included.

    `point` is None when it is ordered and was never done.
    """

    point: Point | None
    earlier: tuple[tuple[datetime, int | None], ...] = ()
    # As ordered; None for an instrument that is not ordered.
    interval_minutes: int | None = None
    # Of the last two scores: by what definition, and the points of each part.
    parts: tuple[tuple[str, Mapping[str, int]], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Due:
    """An open round. `since` is when it fell due, or the first missed round before it did."""

    instrument: str
    due_at: datetime
    late_at: datetime
    state: RoundState
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Lying:
    """One stay with everything its place on the board needs."""

    stay: Stay
    patient: Patient
    bed: Bed | None
    risks: tuple[str, ...]
    courses: Mapping[str, Course]  # by instrument: what is ordered, and NEWS2
    last: LastSet | None
    alerts: tuple[Alert, ...]  # worst first
    # Longest overdue first, then next due; none while somebody is away.
    rounds: tuple[Due, ...]
    away: Leave | None = None
    # A prescriber's order not to wake them.
    night: NightOrder | None = None


NOTHING: Mapping[str, Course] = MappingProxyType({})


def lying(session: Session, unit_id: int) -> list[Lying]:
    """Everybody on the unit; nobody is left out for lack of a bed."""
    people = session.execute(PEOPLE, {"unit_id": unit_id}).all()
    stay_ids = [stay.id for stay, _, _ in people]
    risks = patients.risks(session, [patient.id for _, patient, _ in people])
    courses = _courses(session, stay_ids)
    last = _last_sets(session, stay_ids)
    due = _due(session, stay_ids)
    away = leave.away(session, stay_ids)
    undisturbed = nights.undisturbed(session, stay_ids)
    open_alerts: dict[int, list[Alert]] = {}
    for alert in alerts.open_on_unit(session, unit_id):
        open_alerts.setdefault(alert.stay_id, []).append(alert)
    return [
        Lying(
            stay=stay,
            patient=patient,
            bed=bed,
            risks=risks.get(patient.id, ()),
            courses=courses.get(stay.id, NOTHING),
            last=last.get(stay.id),
            alerts=tuple(open_alerts.get(stay.id, ())),
            rounds=() if stay.id in away else due.get(stay.id, ()),
            away=away.get(stay.id),
            night=undisturbed.get(stay.id),
        )
        for stay, patient, bed in people
    ]


def _courses(session: Session, stay_ids: Sequence[int]) -> dict[int, dict[str, Course]]:
    found: dict[int, dict[str, Course]] = {}
    for row in session.execute(COURSES, {"stay_ids": stay_ids}):
        found.setdefault(row.stay_id, {})[row.instrument] = _course(row)
    return found


def _course(row: Any) -> Course:
    if row.definition is None:
        return Course(point=None, interval_minutes=row.interval_minutes)
    return Course(
        point=Point(
            observed_at=row.times[0],
            total=row.totals[0],
            status=ScoreStatus(row.status),
            lowest=row.lowest,
            value=row.value,
            band=row.band,
            band_system=row.band_system,
            severity=row.severity,
            definition=row.definition,
        ),
        earlier=tuple(zip(row.times, row.totals, strict=True)),
        interval_minutes=row.interval_minutes,
        parts=tuple(zip(row.definitions, row.points, strict=True)),
    )


def _last_sets(session: Session, stay_ids: Sequence[int]) -> dict[int, LastSet]:
    by_stay: dict[int, list[Any]] = {}
    for row in session.execute(LAST_SETS, {"stay_ids": stay_ids}):
        by_stay.setdefault(row.stay_id, []).append(row)
    return {stay_id: _last_set(sets) for stay_id, sets in by_stay.items()}


def _last_set(sets: list[Any]) -> LastSet:
    newest, asleep = sets[0], 0
    for one in sets:
        if one.outcome is not Outcome.ASLEEP:
            break
        asleep += 1
    return LastSet(
        outcome=newest.outcome,
        observed_at=newest.observed_at,
        respiratory_rate_per_min=newest.respiratory_rate_per_min,
        consciousness=newest.consciousness,
        asleep_in_a_row=asleep,
    )


def _due(session: Session, stay_ids: Sequence[int]) -> dict[int, tuple[Due, ...]]:
    found: dict[int, list[Due]] = {}
    for row in session.execute(DUE, {"stay_ids": stay_ids}).all():
        due = Due(
            instrument=row.instrument,
            due_at=row.due_at,
            late_at=row.late_at,
            state=row.state,
            since=row.since,
        )
        if coming.gives_way(row.state, row.due_at, row.until_at):
            task = coming.instead_of(session, row.order_id)
            if task is None:
                continue
            since = min(row.since, task.due_at)
            due = replace(due, due_at=task.due_at, late_at=task.late_at, since=since)
        found.setdefault(row.stay_id, []).append(due)
    return {
        stay_id: tuple(sorted(rows, key=lambda due: due.since)) for stay_id, rows in found.items()
    }
