"""Where safety checks look alike: a reason to ask how they were made, never a verdict."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from backend.clinical.protocol_rounds import Patterns
from backend.clinical.safety import ASLEEP

OWN_ROOM = "R"
V = TypeVar("V")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check as the patterns read it."""

    stay_id: int
    recorder: int
    observed_at: datetime
    entered_at: datetime
    place: str
    doing: str
    words: str = ""
    # A scanned tag says where somebody stood.
    tagged: bool = False


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """What looks alike: how many checks, of whom, of which patient (None: of several)."""

    kind: str
    recorder: int
    stay_id: int | None
    checks: int
    since: datetime


def patterns(checks: Iterable[Check], limits: Patterns) -> list[Pattern]:
    """Every pattern in these checks, oldest first; in whatever order they come."""
    by_person: dict[int, list[Check]] = defaultdict(list)
    by_both: dict[tuple[int, int], list[Check]] = defaultdict(list)
    for check in sorted(checks, key=lambda one: (one.observed_at, one.stay_id)):
        by_person[check.recorder].append(check)
        by_both[check.recorder, check.stay_id].append(check)
    found = [one for own in by_person.values() for one in batches(own, limits)]
    for own in by_both.values():
        found += same_gaps(own, limits)
        found += same_words(own, limits)
    return sorted(found, key=lambda one: (one.since, one.kind, one.recorder, one.stay_id or 0))


def same_gaps(own: Sequence[Check], limits: Patterns) -> list[Pattern]:
    """Gaps that are the same to a few seconds, one after the other. One person, one patient."""
    gaps = [later.observed_at - check.observed_at for check, later in pairwise(own)]
    near = timedelta(seconds=limits.same_gap_within_s)
    return [
        _pattern("same gaps", own[first : last + 2], whose=own[0].stay_id)
        for first, last in _runs(gaps, lambda run, gap: _spread([*run, gap]) <= near)
        if last - first + 1 >= limits.same_gaps
    ]


def _spread(gaps: Sequence[timedelta]) -> timedelta:
    return max(gaps) - min(gaps)


def batches(own: Sequence[Check], limits: Patterns) -> list[Pattern]:
    """Checks of several patients entered faster than anybody walks. One person; tags excuse."""
    entered = sorted((one for one in own if not one.tagged), key=lambda one: one.entered_at)
    most = timedelta(seconds=limits.batch_within_s)
    runs = _runs(entered, lambda run, one: one.entered_at - run[0].entered_at <= most)
    found = []
    for first, last in runs:
        run = entered[first : last + 1]
        if len({one.stay_id for one in run}) >= limits.batch_checks:
            found.append(_pattern("batch", run, whose=None))
    return found


def same_words(own: Sequence[Check], limits: Patterns) -> list[Pattern]:
    """The same answers again and again. Asleep in one's own room is what a night is like."""
    said = [(one.place, one.doing, one.words) for one in own]
    return [
        _pattern("same words", own[first : last + 1], whose=own[0].stay_id)
        for first, last in _runs(said, lambda run, one: one == run[0])
        if last - first + 1 >= limits.same_words and said[first] != (OWN_ROOM, ASLEEP, "")
    ]


def _runs(values: Sequence[V], goes_on: Callable[[Sequence[V], V], bool]) -> list[tuple[int, int]]:
    """Stretches, from first to last, in which each goes on with those before it."""
    runs: list[tuple[int, int]] = []
    first = 0
    for place in range(1, len(values) + 1):
        if place == len(values) or not goes_on(values[first:place], values[place]):
            runs.append((first, place - 1))
            first = place
    return runs if values else []


def _pattern(kind: str, run: Sequence[Check], *, whose: int | None) -> Pattern:
    return Pattern(
        kind=kind,
        recorder=run[0].recorder,
        stay_id=whose,
        checks=len(run),
        since=min(one.observed_at for one in run),
    )
