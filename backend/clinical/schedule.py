"""When the next set is due, and when it is late or missed; the patient's state only shortens."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from backend.clinical.protocol import Intervals, Protocol
from backend.clinical.protocol_rounds import RoundRules
from backend.clinical.scale import Score
from backend.clinical.shift import longest_gap_minutes


@dataclass(frozen=True, kw_only=True)
class Times:
    """One round: due, late once the grace is over, missed when the next one falls due."""

    due_at: datetime
    late_at: datetime
    missed_at: datetime


@dataclass(frozen=True, kw_only=True)
class HowOften:
    """An interval or fixed times; until when, and every how many minutes it then goes on."""

    interval_minutes: int
    at_times: tuple[time, ...] = ()
    until_at: datetime | None = None
    then_minutes: int | None = None

    @classmethod
    def at(cls, times: Sequence[time]) -> "HowOften":
        """Fixed times on the unit's clock."""
        listed = tuple(sorted(set(times)))
        return cls(interval_minutes=longest_gap_minutes(listed), at_times=listed)


def grace(interval_minutes: int, protocol: Protocol) -> timedelta:
    """A share of the interval, but neither too short to be fair nor too long to be safe."""
    limits = protocol.grace
    share = timedelta(minutes=interval_minutes) * limits.percent / 100
    most = timedelta(minutes=limits.at_most_minutes)
    return max(timedelta(minutes=limits.at_least_minutes), min(share, most))


def times(due_at: datetime, interval_minutes: int, protocol: Protocol) -> Times:
    """The times of one round; no grace reaches past the round after it."""
    missed_at = due_at + timedelta(minutes=interval_minutes)
    late_at = min(due_at + grace(interval_minutes, protocol), missed_at)
    return Times(due_at=due_at, late_at=late_at, missed_at=missed_at)


def next_due(done_at: datetime, interval_minutes: int) -> datetime:
    """Counted from when it was truly done."""
    return done_at + timedelta(minutes=interval_minutes)


def interval(protocol: Protocol, key: str, score: Score | None, ordered_minutes: int) -> int:
    """Minutes to the next set: as ordered, or sooner when the score asks for it.

    An incomplete set counts at the least that it can be, which can still shorten.
    """
    table = protocol.intervals.get(key)
    if table is None or score is None or score.lowest is None:
        return ordered_minutes
    return min(ordered_minutes, _asked(table, score.lowest, red=bool(score.red)))


def merged(minutes: Mapping[str, int], rules: RoundRules) -> dict[str, int]:
    """Scales that the unit does in one round: the shortest interval wins for all of them."""
    together = [minutes[key] for key in rules.merged if key in minutes]
    return {key: min(together) if key in rules.merged else own for key, own in minutes.items()}


def at_risk_until(
    rules: RoundRules, substances: Iterable[str], *, last_use_at: datetime | None, since: datetime
) -> datetime | None:
    """The end of the risk window; a last use that nobody knows is taken to be the admission."""
    known = {one.casefold() for one in substances}
    hours = [window.hours for name, window in rules.risk_windows.items() if name in known]
    return (last_use_at or since) + timedelta(hours=max(hours)) if hours else None


def why_wake(
    protocol: Protocol,
    *,
    asleep_before: int,
    breaths_per_min: int | None,
    spo2_percent: int | None,
    alarmed: bool,
    at_risk: bool,
    undisturbed: bool = False,
    spo2_ordered: bool = False,
) -> str | None:
    """Why sleep is no reason to leave out a set; None where a sleep check may stand for it.

    `undisturbed`: a prescriber has ordered not to wake at this time, so only the count of sets in
    a row is no reason. Everything else still is.
    """
    wake = protocol.rounds.wake
    if asleep_before >= protocol.asleep_at_most and not undisturbed:
        return f"at most {protocol.asleep_at_most} sets in a row may be left out for sleep"
    if wake and (breaths_per_min is None or breaths_per_min < wake.respiratory_rate_per_min):
        return f"breathing must be {wake.respiratory_rate_per_min} a minute or more"
    if wake and spo2_percent is not None and spo2_percent < wake.spo2_percent:
        return f"SpO2 must be {wake.spo2_percent} % or more"
    if spo2_ordered and spo2_percent is None:
        return "SpO2 is ordered with each sleep check"
    if alarmed:
        return "an urgent alert is open"
    return "the risk window after the last use is not over" if at_risk else None


def falls_between(begin: time, end: time, at: datetime, zone: ZoneInfo) -> bool:
    """Whether the unit's clock stands between these times, which may lie around midnight."""
    local = at.astimezone(zone).time()
    if begin < end:
        return begin <= local < end
    return local >= begin or local < end


def _asked(table: Intervals, total: int, *, red: bool) -> int:
    minutes = next(row.minutes for row in table.rows if row.low <= total <= row.high)
    return min(minutes, table.red_minutes) if red and table.red_minutes else minutes


def state(times: Times, now: datetime, done_at: datetime | None) -> str:
    """scheduled, due, late, missed, done or done_late.

    What was done after the next one fell due does not undo that this one was missed.
    """
    if done_at is not None and done_at < times.missed_at:
        return "done" if done_at <= times.late_at else "done_late"
    if now >= times.missed_at:
        return "missed"
    if now > times.late_at:
        return "late"
    return "due" if now >= times.due_at else "scheduled"
