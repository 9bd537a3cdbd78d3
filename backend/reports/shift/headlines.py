"""The figures that are read first."""

from zoneinfo import ZoneInfo

from backend.reports.shift import response, tables, timeliness
from backend.reports.shift.census import census
from backend.reports.shift.queries import Stored
from backend.reports.shift.report import Headline, written
from backend.reports.shift.response import Answered
from backend.reports.shift.timeliness import Fate, Judged


def headlines(
    stored: Stored, rounds: list[Judged], answered: list[Answered]
) -> tuple[Headline, ...]:
    """Five of them; each note says what the figure is of."""
    found, counted, fast = (
        census(stored),
        timeliness.timeliness(rounds),
        response.response(answered),
    )
    on_time = tables.on_time_percent(counted)
    zone = ZoneInfo("UTC")
    return (
        Headline(
            label="Patients at the end",
            value=str(found.at_end),
            note=f"{found.admitted} in, {found.discharges} out, {found.capacity} beds",
        ),
        Headline(
            label="Observations on time",
            value="none due" if on_time is None else f"{on_time:.0f} %",
            note=f"{counted.by_fate[Fate.ON_TIME]} of {counted.due} due",
        ),
        Headline(
            label="Missed",
            value=str(counted.by_fate[Fate.MISSED]),
            note=f"{counted.by_fate[Fate.LATE]} done late",
        ),
        Headline(
            label="Alerts raised",
            value=str(fast.raised),
            note=f"{fast.acknowledged} acknowledged, median after"
            f" {written(fast.median_acknowledged_minutes, zone)} min"
            if fast.acknowledged
            else "none acknowledged",
        ),
        Headline(
            label="Alerts open at the end",
            value=str(fast.open_at_end),
            note="also those of earlier shifts",
        ),
    )
