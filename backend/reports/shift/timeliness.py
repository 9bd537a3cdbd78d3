"""What became of each observation that fell due, and how long patients went without one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise

from backend.clinical import schedule
from backend.observations.models import Observation, Outcome, ScoreStatus
from backend.reports.shift.centiles import median, minutes, ninetieth
from backend.reports.shift.queries import Stored
from backend.rounds.models import Round, RoundState


class Fate(StrEnum):
    """How a round that fell due ended; in the order in which a report lists them."""

    ON_TIME = "on time"
    LATE = "late"
    PARTLY = "partly done"
    MISSED = "missed"
    ASLEEP = "asleep"
    REFUSED = "refused"
    OFF_UNIT = "off unit"
    UNABLE = "unable to assess"
    STAFF_UNAVAILABLE = "staff unavailable"
    TAKEN_BACK = "taken back"
    CALLED_OFF = "called off"
    STILL_OPEN = "still open"


BY_OUTCOME = {
    Outcome.ASLEEP: Fate.ASLEEP,
    Outcome.REFUSED: Fate.REFUSED,
    Outcome.OFF_UNIT: Fate.OFF_UNIT,
    Outcome.UNABLE: Fate.UNABLE,
    Outcome.STAFF_UNAVAILABLE: Fate.STAFF_UNAVAILABLE,
    Outcome.ENTERED_IN_ERROR: Fate.TAKEN_BACK,
}


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A round that fell due, what became of it and, where it was done, how long after."""

    round: Round
    fate: Fate
    late_by_minutes: float | None


@dataclass(frozen=True, kw_only=True)
class Timeliness:
    """Counts of rounds, and the lateness in minutes of those that were done."""

    due: int
    by_fate: Mapping[Fate, int]
    median_late_minutes: float | None
    ninetieth_late_minutes: float | None


def judged(stored: Stored) -> list[Judged]:
    """Every round that fell due in the shift, as its set reads now."""
    found = [one for row in stored.rounds if (one := _judge(stored, row)) is not None]
    # A set that is taken back leaves its round, and the schedule calls for the same one anew.
    again = {
        (one.round.order_id, one.round.due_at): one.round.id
        for one in sorted(found, key=lambda one: one.round.id)
    }
    return [
        one
        for one in found
        if one.fate is not Fate.TAKEN_BACK
        or again[one.round.order_id, one.round.due_at] == one.round.id
    ]


def _judge(stored: Stored, row: Round) -> Judged | None:
    if row.state is RoundState.CANCELLED:
        # By a correction, or before it fell due: then there was nothing to do.
        called_off_at = stored.called_off_at.get(row.id)
        if called_off_at is None or called_off_at <= row.due_at:
            return None
        return Judged(round=row, fate=Fate.CALLED_OFF, late_by_minutes=None)
    if row.observation_id is None:
        return Judged(round=row, fate=_unanswered(stored, row), late_by_minutes=None)
    current = stored.current(row.observation_id)
    fate = _answered(stored, row, current)
    late_by = None
    if fate in (Fate.ON_TIME, Fate.LATE):
        late_by = minutes(max(timedelta(), current.observed_at - row.due_at))
    return Judged(round=row, fate=fate, late_by_minutes=late_by)


def _unanswered(stored: Stored, row: Round) -> Fate:
    """Worked out by the clock, for a watch that was silent has marked nothing.

    While somebody is off the unit nothing is missed.
    """
    if row.state is RoundState.MISSED:
        return Fate.MISSED
    if row.state is RoundState.NOT_DONE or _fell_to_a_leave(stored, row):
        return Fate.OFF_UNIT
    times = schedule.Times(due_at=row.due_at, late_at=row.late_at, missed_at=row.missed_at)
    return Fate.MISSED if schedule.state(times, stored.now, None) == "missed" else Fate.STILL_OPEN


def _fell_to_a_leave(stored: Stored, row: Round) -> bool:
    """Open, of somebody who left before it was missed and is not back."""
    return any(
        one.stay_id == row.stay_id and one.left_at < row.missed_at and one.returned_at is None
        for one in stored.leaves
    )


def _answered(stored: Stored, row: Round, current: Observation) -> Fate:
    if current.outcome is not Outcome.ASSESSED:
        return BY_OUTCOME[current.outcome]
    score = stored.scores.get(current.id, {}).get(row.instrument)
    if score is None:
        return Fate.TAKEN_BACK
    if score.status is ScoreStatus.INCOMPLETE:
        return Fate.PARTLY
    return Fate.LATE if current.observed_at > row.late_at else Fate.ON_TIME


def timeliness(rounds: list[Judged]) -> Timeliness:
    """Missed rounds have no lateness: they are counted beside it, never in it."""
    late_by = [one.late_by_minutes for one in rounds if one.late_by_minutes is not None]
    return Timeliness(
        due=len(rounds),
        by_fate={fate: sum(one.fate is fate for one in rounds) for fate in Fate},
        median_late_minutes=median(late_by),
        ninetieth_late_minutes=ninetieth(late_by),
    )


def longest_gap_minutes(stored: Stored, stay_id: int) -> float | None:
    """The longest time in the shift without an assessed set.

    Counted from the last one before it (or the admission) to the end of the shift or the stay,
    so that a gap that reaches in from the shift before is seen whole.
    """
    stay = next(stay for stay in stored.stays if stay.id == stay_id)
    begin = stored.earlier_assessed_at.get(stay_id, stay.admitted_at)
    end = min(stored.until, stored.now, stay.discharged_at or stored.until)
    assessed = sorted(
        row.observed_at
        for row in stored.sets.values()
        if row.stay_id == stay_id
        and row.outcome is Outcome.ASSESSED
        and row.id not in stored.corrected_by
        and stored.in_shift(row.observed_at)
    )
    marks = [begin, *assessed, end]
    return max(minutes(later - earlier) for earlier, later in pairwise(marks))
