"""What happened in each hour of the shift, also in the hour that comes twice or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from backend.clinical.shift import Shift, is_repeated
from backend.reports.shift.census import WORST_FIRST
from backend.reports.shift.report import Bar, Chart, Tone
from backend.reports.shift.response import Answered
from backend.reports.shift.timeliness import Fate, Judged

HOUR = timedelta(hours=1)
SERIES = (Fate.ON_TIME, Fate.LATE, Fate.MISSED)


@dataclass(frozen=True, kw_only=True)
class Hour:
    """An hour of the shift from its start on, and what the clock on the wall calls it."""

    starts_at: datetime
    ends_at: datetime
    label: str

    def holds(self, moment: datetime) -> bool:
        """The moment of change belongs to the later hour."""
        return self.starts_at <= moment < self.ends_at


def hours(shift: Shift, zone: ZoneInfo) -> list[Hour]:
    """Eleven to thirteen of them in a shift of twelve; of a repeated hour `02A` and `02B`."""
    found = []
    begin = shift.starts_at
    while begin < shift.ends_at:
        end = min(begin + HOUR, shift.ends_at)
        found.append(Hour(starts_at=begin, ends_at=end, label=_label(begin, zone)))
        begin = end
    return found


def _label(begin: datetime, zone: ZoneInfo) -> str:
    local = begin.astimezone(zone)
    label = f"{local:%H:%M}" if local.minute else f"{local:%H}"
    return f"{label}{'AB'[local.fold]}" if is_repeated(begin, zone) else label


def observations(rounds: Sequence[Judged], shift: Shift, zone: ZoneInfo) -> Chart:
    """By the hour in which each fell due."""
    return Chart(
        key="observations",
        title="Observations by the hour in which they fell due",
        tones=(Tone.LIGHT, Tone.MIDDLE, Tone.DARK, Tone.OPEN),
        series=(*(fate.value for fate in SERIES), "not done, open or in part"),
        bars=tuple(
            Bar(
                label=hour.label, counts=_by_fate([r for r in rounds if hour.holds(r.round.due_at)])
            )
            for hour in hours(shift, zone)
        ),
    )


def _by_fate(rounds: Sequence[Judged]) -> tuple[int, ...]:
    counted = tuple(sum(one.fate is fate for one in rounds) for fate in SERIES)
    return (*counted, len(rounds) - sum(counted))


def alerts(answered: Sequence[Answered], shift: Shift, zone: ZoneInfo) -> Chart:
    """By the hour in which each was raised."""
    raised = [one for one in answered if one.raised_in_shift]
    return Chart(
        key="alerts",
        title="Alerts by the hour in which they were raised",
        tones=(Tone.DARK, Tone.MIDDLE, Tone.LIGHT),
        series=tuple(level.value for level in WORST_FIRST),
        bars=tuple(
            Bar(
                label=hour.label,
                counts=tuple(
                    sum(one.level is level and hour.holds(one.alert.raised_at) for one in raised)
                    for level in WORST_FIRST
                ),
            )
            for hour in hours(shift, zone)
        ),
    )
