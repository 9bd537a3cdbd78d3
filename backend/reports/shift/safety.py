"""Safety rounds of a shift: what was due, done, late and missed, and the longest gap."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from backend.clinical import schedule
from backend.clinical.safety import NotSeenKind
from backend.reports.shift.centiles import median, minutes, ninetieth
from backend.reports.shift.patient_tables import Whose
from backend.reports.shift.queries import Stored
from backend.reports.shift.report import Column, Kind, Table, Value
from backend.rounds.models import Round, RoundState


class Fate(StrEnum):
    """How a safety round that fell due ended; in the order in which a report lists them."""

    ON_TIME = "on time"
    LATE = "late"
    MISSED = "missed"
    NOT_FOUND = "not found"
    OFF_UNIT = "off unit"
    NOBODY_FREE = "nobody free"
    CALLED_OFF = "called off"
    STILL_OPEN = "still open"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A safety round that fell due, and what became of it."""

    stay_id: int
    fate: Fate
    late_by_minutes: float | None = None


def judged(stored: Stored) -> list[Judged]:
    """Every safety round that fell due in the shift, as its look reads now."""
    return [one for row in stored.safety.rounds if (one := _judge(stored, row)) is not None]


def _judge(stored: Stored, row: Round) -> Judged | None:
    if row.state is RoundState.CANCELLED:
        called_off_at = stored.called_off_at.get(row.id)
        if called_off_at is None or called_off_at <= row.due_at:
            return None  # before it fell due there was nothing to do
        return Judged(stay_id=row.stay_id, fate=Fate.CALLED_OFF)
    if row.state in (RoundState.DONE, RoundState.DONE_LATE, RoundState.NOT_DONE):
        look = stored.safety.ended_by.get(row.id)
        if look is None:
            return None  # taken back: the same round was called for again, and is judged instead
        if look.not_seen is not None:
            return Judged(stay_id=row.stay_id, fate=BY_REASON[look.not_seen])
        late_by = minutes(max(timedelta(), look.observed_at - row.due_at))
        fate = Fate.LATE if row.state is RoundState.DONE_LATE else Fate.ON_TIME
        return Judged(stay_id=row.stay_id, fate=fate, late_by_minutes=late_by)
    times = schedule.Times(due_at=row.due_at, late_at=row.late_at, missed_at=row.missed_at)
    missed = row.state is RoundState.MISSED or schedule.state(times, stored.now, None) == "missed"
    return Judged(stay_id=row.stay_id, fate=Fate.MISSED if missed else Fate.STILL_OPEN)


BY_REASON = {
    NotSeenKind.NOT_FOUND: Fate.NOT_FOUND,
    NotSeenKind.OFF_UNIT: Fate.OFF_UNIT,
    NotSeenKind.NOBODY_FREE: Fate.NOBODY_FREE,
}


def longest_gap_minutes(stored: Stored, stay_id: int) -> float | None:
    """The longest time in which somebody on safety rounds was not seen; None without rounds.

    A gap that reaches in from the shift before is seen whole. Time without an order is none.
    """
    start, end = stored.shift.starts_at, min(stored.until, stored.now)
    seen = sorted(
        row.observed_at
        for row in stored.safety.checks
        if row.stay_id == stay_id and row.not_seen is None
    )
    gaps = []
    for began, ended in _spans(stored, stay_id, end):
        first = began
        if began < start:
            first = max(began, stored.safety.earlier_seen_at.get(stay_id, began))
        marks = [first, *(at for at in seen if first <= at <= ended), ended]
        gaps += [minutes(later - earlier) for earlier, later in pairwise(marks)]
    return max(gaps, default=None)


def _spans(stored: Stored, stay_id: int, end: datetime) -> list[tuple[datetime, datetime]]:
    """When somebody was on safety rounds; one order that takes the place of another is one span."""
    spans: list[tuple[datetime, datetime]] = []
    for order in stored.safety.orders:
        if order.stay_id != stay_id:
            continue
        until = min(order.ended_at or end, end)
        if spans and order.starts_at <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], until))
        else:
            spans.append((order.starts_at, until))
    return spans


def _watched(stored: Stored) -> list[int]:
    """Whoever was on safety rounds for a part of the shift."""
    return list(dict.fromkeys(order.stay_id for order in stored.safety.orders))


def safety_table(stored: Stored) -> Table:
    """Counts in which nobody can be found."""
    found, checks = judged(stored), stored.safety.checks
    late_by = [one.late_by_minutes for one in found if one.late_by_minutes is not None]
    gaps = [longest_gap_minutes(stored, stay_id) for stay_id in _watched(stored)]
    rows: list[tuple[str, Value]] = [
        ("patients on safety rounds", len(_watched(stored))),
        ("checks due", len(found)),
        *((fate.value, sum(one.fate is fate for one in found)) for fate in Fate),
        ("lateness of those done, median, min", median(late_by)),
        ("lateness, 90th centile, min", ninetieth(late_by)),
        ("longest gap, min", max((gap for gap in gaps if gap is not None), default=None)),
        ("checks made", len(checks)),
        ("of these with the tag of the door", sum(row.tag_id is not None for row in checks)),
        ("of these late entries", sum(row.late_entry for row in checks)),
    ]
    return Table(
        key="safety",
        title="Safety rounds",
        note="As the checks read now. A gap counts while somebody was on safety rounds.",
        columns=(Column(title="", kind=Kind.SUBJECT), Column(title="count")),
        rows=tuple(rows),
        half=True,
    )


def safety_list(stored: Stored, told: Whose) -> Table:
    """The same of each patient who was on safety rounds."""
    stays = {stay.id: stay for stay in stored.stays}
    found = judged(stored)
    return Table(
        key="safety-list",
        title="Safety rounds by patient",
        columns=(
            *told.columns,
            Column(title="due"),
            Column(title="on time"),
            Column(title="late"),
            Column(title="missed"),
            Column(title="not seen"),
            Column(title="longest gap", unit="min"),
        ),
        rows=tuple(
            (
                *told.cells(stays[stay_id]),
                *_counts([one for one in found if one.stay_id == stay_id]),
                longest_gap_minutes(stored, stay_id),
            )
            for stay_id in _watched(stored)
            if stay_id in stays
        ),
        empty="Nobody was on safety rounds.",
    )


def _counts(own: Sequence[Judged]) -> tuple[int, ...]:
    fates = [one.fate for one in own]
    told = (Fate.ON_TIME, Fate.LATE, Fate.MISSED)
    not_seen = sum(fate in BY_REASON.values() for fate in fates)
    return (len(fates), *(fates.count(fate) for fate in told), not_seen)
