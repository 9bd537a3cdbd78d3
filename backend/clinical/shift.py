"""Shift windows in a unit's own time, right on the days of 23 and 25 hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

INSTANT = timedelta(microseconds=1)
MINUTES_A_DAY = 24 * 60


class LocalTimeError(ValueError):
    """A local time that never was, or was twice; `choices` are the two moments it may mean."""

    def __init__(self, sentence: str, choices: tuple[datetime, ...] = ()) -> None:
        super().__init__(sentence)
        self.choices = choices


@dataclass(frozen=True, kw_only=True)
class Shift:
    """One shift: from a moment (UTC) up to, and not including, another."""

    name: str
    starts_at: datetime
    ends_at: datetime

    @property
    def hours(self) -> float:
        """How long it truly lasts: 11 or 13 for a night on which the clocks change."""
        return (self.ends_at - self.starts_at) / timedelta(hours=1)


def local_to_utc(naive: datetime, zone: ZoneInfo) -> datetime:
    """The moment of a local time that was typed; raises LocalTimeError where it is none or two."""
    first, second = _readings(naive, zone)
    if first == second:
        return first
    at = f"{naive:%H:%M} on {naive:%d %b %Y}"
    if first > second:
        raise LocalTimeError(f"{at} did not exist: the clocks went forward past it.")
    raise LocalTimeError(
        f"{at} was twice: the clocks went back. Say which one is meant.", (first, second)
    )


def is_repeated(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock showed this local time twice, so that the offset must be shown."""
    first, second = _readings(moment.astimezone(zone).replace(tzinfo=None), zone)
    return first < second


def _readings(naive: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The local time read with the offset before a change of clocks, and with the one after."""
    first, second = (naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, second


def _begins(day: date, start: time, zone: ZoneInfo) -> datetime:
    """When a shift begins: at the first of two readings, or right after the gap it falls into."""
    first, second = _readings(datetime.combine(day, start), zone)
    if first <= second:
        return first
    return _end_of_gap(second, first, zone)


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the offset changes, somewhere between two others."""
    old = before.astimezone(zone).utcoffset()
    while after - before > INSTANT:
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def shifts_on(day: date, starts: Sequence[time], zone: ZoneInfo) -> list[Shift]:
    """The shifts that begin on a local day, in order; `starts` are local times."""
    if not starts:
        raise ValueError("A unit needs at least one time at which a shift starts.")
    ordered = sorted(set(starts))
    begins = [_begins(day, start, zone) for start in ordered]
    begins.append(_begins(day + timedelta(days=1), ordered[0], zone))
    ends = [*ordered[1:], ordered[0]]
    return [
        Shift(name=f"{start:%H:%M}-{end:%H:%M}", starts_at=begin, ends_at=until)
        for start, end, begin, until in zip(ordered, ends, begins, begins[1:], strict=False)
        if begin < until
    ]


def next_of(times: Sequence[time], after: datetime, zone: ZoneInfo) -> datetime:
    """The first of these local times after a moment; one that the clocks skip is right after."""
    day = after.astimezone(zone).date()
    begins = (
        _begins(day + timedelta(days=days), start, zone) for days in (0, 1, 2) for start in times
    )
    return min(moment for moment in begins if moment > after)


def longest_gap_minutes(times: Sequence[time]) -> int:
    """The longest that two of these local times lie apart, on a day without a change of clocks."""
    minutes = sorted({one.hour * 60 + one.minute for one in times})
    return max(
        (later - earlier) % MINUTES_A_DAY or MINUTES_A_DAY
        for earlier, later in zip(minutes, [*minutes[1:], minutes[0]], strict=True)
    )


def shift_at(moment: datetime, starts: Sequence[time], zone: ZoneInfo) -> Shift:
    """The shift that a moment belongs to; the moment of change belongs to the later one."""
    day = moment.astimezone(zone).date()
    near = [
        shift
        for days in (-1, 0, 1)
        for shift in shifts_on(day + timedelta(days=days), starts, zone)
    ]
    return next(shift for shift in near if shift.starts_at <= moment < shift.ends_at)


def ends(moment: datetime, starts: Sequence[time], zone: ZoneInfo) -> dict[str, datetime]:
    """When this shift ends, and the next."""
    current = shift_at(moment, starts, zone)
    return {
        "this shift": current.ends_at,
        "next shift": shift_at(current.ends_at, starts, zone).ends_at,
    }


def previous(shift: Shift, starts: Sequence[time], zone: ZoneInfo) -> Shift:
    """The shift before this one."""
    return shift_at(shift.starts_at - INSTANT, starts, zone)


def following(shift: Shift, starts: Sequence[time], zone: ZoneInfo) -> Shift:
    """The shift after this one."""
    return shift_at(shift.ends_at, starts, zone)
