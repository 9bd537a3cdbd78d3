"""Who was on the unit: at the start, in, out, and at the end; start + in - out = end."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from backend.alerts.models import Alert, Level
from backend.reports.shift.queries import Stored
from backend.stays.models import DischargeReason, Placement, Stay

WORST_FIRST = (Level.EMERGENCY, Level.URGENT, Level.ADVISORY)


@dataclass(frozen=True, kw_only=True)
class Census:
    """Counts of patients, and of beds."""

    at_start: int
    admitted: int
    discharged: Mapping[DischargeReason, int]
    moved_bed: int
    at_end: int
    without_bed_at_end: int
    away_at_end: int
    capacity: int

    @property
    def discharges(self) -> int:
        """Whatever the reason."""
        return sum(self.discharged.values())


@dataclass(frozen=True, kw_only=True)
class Acuity:
    """Patients at the end: by the worst alert that was open, and who carried a risk."""

    by_level: Mapping[Level, int]
    nothing_open: int
    # A patient whom nobody assessed is not known to be well.
    not_assessed: int
    with_risk_flag: int


def census(stored: Stored) -> Census:
    """Counted from the admissions, discharges and placements as they stand now."""
    start, until = stored.shift.starts_at, stored.until
    left = Counter(
        stay.discharge_reason
        for stay in stored.stays
        if stay.discharged_at is not None
        and stay.discharge_reason is not None
        and stored.in_shift(stay.discharged_at)
    )
    staying = at_end(stored)
    in_bed = {place.stay_id for place in stored.placements if _lies_there(place, until)}
    return Census(
        at_start=sum(stay.admitted_at < start for stay in stored.stays),
        admitted=sum(stored.in_shift(stay.admitted_at) for stay in stored.stays),
        discharged={reason: left[reason] for reason in DischargeReason},
        moved_bed=_moves(stored),
        at_end=len(staying),
        without_bed_at_end=sum(stay.id not in in_bed for stay in staying),
        away_at_end=sum(stored.is_away(stay.id, until) for stay in staying),
        capacity=sum(bed.retired_at is None or bed.retired_at >= until for bed in stored.beds),
    )


def acuity(stored: Stored) -> Acuity:
    """Of each patient who was still there at the end."""
    staying = at_end(stored)
    worst = worst_open(stored)
    levels = Counter(worst[stay.id] for stay in staying if stay.id in worst)
    assessed = {
        row.stay_id
        for row in stored.sets.values()
        if stored.in_shift(row.observed_at)
        and row.id not in stored.corrected_by
        and row.outcome == "assessed"
    }
    quiet = [stay for stay in staying if stay.id not in worst]
    return Acuity(
        by_level={level: levels[level] for level in WORST_FIRST},
        nothing_open=sum(stay.id in assessed for stay in quiet),
        not_assessed=sum(stay.id not in assessed for stay in quiet),
        with_risk_flag=sum(stay.patient_id in stored.flagged_patients for stay in staying),
    )


def at_end(stored: Stored) -> list[Stay]:
    """The stays that had not ended."""
    return [
        stay
        for stay in stored.stays
        if stay.discharged_at is None or stay.discharged_at >= stored.until
    ]


def open_at_end(alert: Alert, until: datetime) -> bool:
    """Whether it still needed somebody."""
    return alert.closed_at is None or alert.closed_at >= until


def level_at(stored: Stored, alert: Alert, moment: datetime) -> Level:
    """How high it stood then: it may have worsened since."""
    levels = [step.level for step in stored.steps[alert.id] if step.at < moment]
    return levels[-1] if levels else alert.level


def worst_open(stored: Stored) -> dict[int, Level]:
    """By stay: the highest level that was open at the end."""
    found: dict[int, Level] = {}
    for alert in stored.alerts:
        if open_at_end(alert, stored.until):
            levels = {level_at(stored, alert, stored.until), found.get(alert.stay_id)}
            found[alert.stay_id] = next(level for level in WORST_FIRST if level in levels)
    return found


def _lies_there(place: Placement, moment: datetime) -> bool:
    return place.from_at < moment and (place.until_at is None or place.until_at >= moment)


def _moves(stored: Stored) -> int:
    """Placements that began in the shift where another ended."""
    ends = {(place.stay_id, place.until_at) for place in stored.placements}
    return sum(
        stored.in_shift(place.from_at) and (place.stay_id, place.from_at) in ends
        for place in stored.placements
    )
