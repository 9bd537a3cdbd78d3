"""What is not known about a patient, and why. Unknown is never normal, and never silent."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from backend.board.queries import LastSet, Lying
from backend.board.statements import NEWS2
from backend.clinical import scale
from backend.core import local_time
from backend.observations.models import Outcome, ScoreStatus
from backend.rounds.nights import queries as nights
from backend.stays.leave import words as leave

NOT_ASSESSED = {
    Outcome.REFUSED: "refused",
    Outcome.UNABLE: "could not be assessed",
    Outcome.STAFF_UNAVAILABLE: "nobody was free",
}


@dataclass(frozen=True, kw_only=True)
class Note:
    """A state that is not an alert."""

    level: str  # "unknown" or "plain"
    glyph: str
    title: str
    sentence: str


def unknown(lying: Lying, *, asleep_at_most: int, zone: ZoneInfo) -> Note | None:
    """The first reason why this patient's state is not known; None when it is known."""
    found = _nowhere(lying) or (None if lying.away else _unwatched(lying, asleep_at_most, zone))
    if found is None:
        return None
    glyph = "refused" if lying.last and lying.last.outcome is Outcome.REFUSED else "unknown"
    return Note(level="unknown", glyph=glyph, title=found[0], sentence=found[1])


def _unwatched(lying: Lying, asleep_at_most: int, zone: ZoneInfo) -> "Reason | None":
    return (
        _nothing_to_come(lying)
        or _never_seen(lying, zone)
        or _not_assessed(lying, zone)
        or _asleep_unchecked(lying, asleep_at_most, zone)
        or _no_total(lying, zone)
    )


def calm(lying: Lying, zone: ZoneInfo, now: datetime) -> Note | None:
    """Why somebody who is well was not scored: on leave, asleep and checked, or off the unit."""
    if lying.away is not None:
        seen = leave.seen(lying.away, zone, now)
        words = leave.since(lying.away, zone, now)
        return Note(
            level="plain",
            glyph="person",
            title=leave.why(lying.away).state,
            sentence=f"{words}; {seen}." if seen else f"{words}.",
        )
    if lying.last is None:
        return None
    if lying.last.outcome is Outcome.ASLEEP:
        title = f"asleep · breathing {lying.last.respiratory_rate_per_min}"
        return Note(level="plain", glyph="asleep", title=title, sentence="")
    if lying.last.outcome is Outcome.OFF_UNIT:
        return Note(level="plain", glyph="person", title="off unit", sentence="")
    return None


Reason = tuple[str, str]


def _nowhere(lying: Lying) -> Reason | None:
    if lying.bed is not None:
        return None
    return "Admitted, no bed", "Where is this patient? Give a bed."


def _nothing_to_come(lying: Lying) -> Reason | None:
    # To look whether somebody is safe does not say how they are.
    if any(row.instrument != scale.SAFETY for row in lying.rounds):
        return None
    return "Nothing ordered", "No observation will ever fall due. Order what is needed."


def _never_seen(lying: Lying, zone: ZoneInfo) -> Reason | None:
    if lying.last is not None:
        return None
    at = local_time.clock_time(lying.stay.admitted_at, zone)
    return "No set yet", f"Nothing has been observed since the admission at {at}."


def _not_assessed(lying: Lying, zone: ZoneInfo) -> Reason | None:
    if lying.last is None or lying.last.outcome not in NOT_ASSESSED:
        return None
    at = local_time.clock_time(lying.last.observed_at, zone)
    return "Not assessed", f"{NOT_ASSESSED[lying.last.outcome]} at {at}.".capitalize()


def _asleep_unchecked(lying: Lying, asleep_at_most: int, zone: ZoneInfo) -> Reason | None:
    last = lying.last
    if last is None or last.outcome is not Outcome.ASLEEP:
        return None
    if last.respiratory_rate_per_min is None:
        return "Asleep, not checked", "Breathing was not counted."
    left_alone = nights.is_undisturbed(lying.night, last.observed_at, zone)
    if last.asleep_in_a_row > asleep_at_most and not left_alone:
        return (
            f"Asleep {last.asleep_in_a_row} times running",
            f"At most {asleep_at_most} sets in a row may be left out for sleep.",
        )
    return None


def _no_total(lying: Lying, zone: ZoneInfo) -> Reason | None:
    for key, course in sorted(lying.courses.items()):
        if course.interval_minutes is None or (key == NEWS2 and _is_away(lying.last)):
            continue
        name = scale.latest()[key].name
        if course.point is None:
            return f"No {name} yet", "It is ordered and has never been done."
        if course.point.status is not ScoreStatus.OK:
            at = local_time.clock_time(course.point.observed_at, zone)
            return f"{name}: no total", f"Items missing at {at}. {_at_least(course.point.lowest)}"
    return None


def _is_away(last: LastSet | None) -> bool:
    """A sleep check measures less than a set, and nobody can be measured off the unit."""
    return last is not None and last.outcome in (Outcome.ASLEEP, Outcome.OFF_UNIT)


def _at_least(lowest: int | None) -> str:
    if not lowest:
        return "What is known adds nothing."
    return f"What is known adds up to {lowest} or more."
