"""The strips of a chart: what happened, and each scale on its bands, over one time axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from backend.clinical import happening, scale
from backend.clinical.definition import BandSystem, totals
from backend.core import local_time
from backend.observations import words
from backend.observations.chart.plot import (
    LEFT,
    RIGHT,
    WIDTH,
    Axis,
    Drawing,
    Glyph,
    Label,
    Path,
    Rect,
    Value,
    figures,
    grid,
    line,
    scaled,
    times,
)
from backend.observations.chart.queries import Course
from backend.observations.events.models import Event
from backend.observations.models import Outcome, Score

# Without an order nothing says how long is too long; a line is not drawn through a shift.
LONGEST_UNORDERED = timedelta(hours=8)
CHARACTER = 7.4
# Labels nearer to each other than this would stand in each other.
LINE = 15
MARKS = {
    Outcome.ASLEEP: "asleep",
    Outcome.REFUSED: "refused",
    Outcome.OFF_UNIT: "person",
    Outcome.UNABLE: "unknown",
    Outcome.STAFF_UNAVAILABLE: "unknown",
}


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What every strip is drawn from."""

    course: Course
    axis: Axis
    shift_starts: Sequence[time]
    intervals: Mapping[str, timedelta]

    def longest(self, instrument: str) -> timedelta:
        """More than twice the ordered interval without a set is a gap."""
        interval = self.intervals.get(instrument)
        return interval * 2 if interval else LONGEST_UNORDERED

    def breaks(self, instrument: str) -> list[datetime]:
        """Moments at which nobody knows how it was: asleep, refused, missed, on leave."""
        away = [
            stored.observation.observed_at
            for stored in self.course.standing
            if stored.observation.outcome is not Outcome.ASSESSED
        ]
        missed = [row.due_at for row in self.course.not_done if row.instrument == instrument]
        left = [row.left_at for row in self.course.leaves]
        return away + missed + left

    def when(self, at: datetime) -> str:
        return local_time.clock_time(at, self.axis.zone)


def events(sight: Sight) -> Drawing:
    """Alerts above; below, what was not assessed and why, and what was corrected."""
    happened = [
        (row.started_at, "event", word, f"{word}{_until(sight, row)}")
        for row in sight.course.events
        for word in [happening.KINDS[row.kind].label]
    ]
    height = 104 if happened else 72
    drawing = Drawing(id="events", title="Events", about=_told(sight), height=height)
    grid(drawing, sight.axis, sight.shift_starts, top=0, bottom=height)
    if happened:
        drawing.labels.append(Label(x=0, y=95, words="Events", kind="t-strong"))
        _row(drawing, sight, happened, y=90, kind="")
    drawing.labels += [
        Label(x=0, y=21, words="Alerts", kind="t-strong"),
        Label(x=0, y=49, words="Not assessed,", kind="t-strong"),
        Label(x=0, y=65, words="late, corrected", kind="t-strong"),
    ]
    raised = [
        (alert.raised_at, alert.level.value, alert.title, f"{alert.level.value}: {alert.title}")
        for alert in sight.course.alerts
    ]
    not_assessed = [(at, name, text, text) for at, name, text in _marks(sight)]
    _row(drawing, sight, raised, y=16, kind="mk-")
    _row(drawing, sight, not_assessed, y=53, kind="")
    return drawing


def _until(sight: Sight, row: Event) -> str:
    """How long it lasted, where it has an end."""
    if row.ended_at is not None:
        return f" until {sight.when(row.ended_at)}"
    return ", goes on" if happening.KINDS[row.kind].lasts else ""


def _row(
    drawing: Drawing,
    sight: Sight,
    marks: Sequence[tuple[datetime, str, str, str]],
    *,
    y: float,
    kind: str,
) -> None:
    """Marks in a row, each with its words after it or before it, where there is room for them."""
    free_from = float(LEFT)
    for number, (at, name, text, title) in enumerate(marks):
        x = sight.axis.x(at)
        drawing.glyphs.append(
            Glyph(
                x=x,
                y=y,
                name=name,
                kind=f"{kind}{name}" if kind else "mk-plain",
                title=f"{sight.when(at)} {title}",
            )
        )
        short = text if len(text) <= 28 else f"{text[:27]}…"
        following = sight.axis.x(marks[number + 1][0]) if number + 1 < len(marks) else WIDTH
        width = CHARACTER * len(short)
        if x + 26 + width < following:
            drawing.labels.append(Label(x=x + 13, y=y + 5, words=short))
            free_from = x + 13 + width
        elif x - 26 - width > free_from:
            drawing.labels.append(Label(x=x - 13, y=y + 5, words=short, anchor="end"))
            free_from = x + 13
        else:
            free_from = x + 13


def _marks(sight: Sight) -> list[tuple[datetime, str, str]]:
    found = []
    for stored in sight.course.standing:
        row = stored.observation
        if row.outcome in MARKS:
            found.append((row.observed_at, MARKS[row.outcome], words.OUTCOMES[row.outcome]))
        if row.supersedes_id is not None:
            found.append((row.observed_at, "edit", "corrected"))
        elif row.late_entry:
            late = local_time.span(row.entered_at - row.observed_at)
            found.append((row.observed_at, "edit", f"entered {late} late"))
    found += [
        (row.due_at, "overdue", "missed") for row in sight.course.not_done if row.done_at is None
    ]
    return sorted(set(found))


def _told(sight: Sight) -> str:
    told = [f"{sight.when(at)} {text}" for at, _, text in _marks(sight)]
    told += [
        f"{sight.when(row.started_at)} {happening.KINDS[row.kind].label}{_until(sight, row)}"
        for row in sight.course.events
    ]
    told += [f"{sight.when(a.raised_at)} {a.level.value}, {a.title}" for a in sight.course.alerts]
    return "; ".join(told[:40]) or "Nothing."


def score_course(sight: Sight, key: str, system: BandSystem) -> Drawing | None:
    """One scale on the bands that the unit uses."""
    values = score_values(sight, key)
    if not values:
        return None
    instrument = scale.latest()[key]
    lowest, highest = min(totals(instrument)), max(totals(instrument))
    # What goes both ways from 0 is shown whole, and so is what is worse the lower it is.
    whole = instrument.is_signed or instrument.higher_is_better or not system.bands
    top_value = highest if whole else _top(values, system, highest)
    top, bottom = 28, 236
    place = scaled(lowest if whole else 0, top_value, top, bottom)
    drawing = Drawing(
        id=f"course-{key}",
        title=f"{instrument.name} totals on the bands of {system.label}",
        about=", ".join(one.title for one in values[-20:]),
        height=bottom + 44,
    )
    _bands(drawing, system, place, top_value=top_value, top=top, bottom=bottom)
    grid(drawing, sight.axis, sight.shift_starts, top=top, bottom=bottom)
    for x, name in sight.axis.shifts(sight.shift_starts):
        if x + 5 + CHARACTER * len(name) < RIGHT:
            drawing.labels.append(Label(x=x + 5, y=bottom - 6, words=name))
    drawing.labels += [
        Label(x=0, y=top + 14, words=instrument.name, kind="t-strong"),
        Label(x=0, y=top + 32, words=f"total, {lowest} to {highest}"),
        Label(x=0, y=top + 50, words=system.label),
    ]
    line(
        drawing,
        sight.axis,
        values,
        place,
        breaks=sight.breaks(key),
        longest=sight.longest(key),
    )
    figures(drawing, sight.axis, values, place)
    drawing.paths.append(Path(d=f"M{LEFT} {bottom}H{RIGHT}", kind="frame"))
    times(drawing, sight.axis, y=bottom + 18)
    return drawing


def score_values(sight: Sight, key: str) -> list[Value]:
    """The totals of a scale; while something is missing, its lower bound, drawn open.

    A bound of zero says nothing, and is not drawn: missing is never zero.
    """
    found = []
    for stored in sight.course.standing:
        score = stored.scores.get(key)
        if score is None or (score.total is None and not score.lowest):
            continue
        at = stored.observation.observed_at
        found.append(
            Value(
                at=at,
                value=score.lowest if score.total is None else score.total,  # type: ignore[arg-type]
                shown=words.shown(score),
                title=f"{sight.when(at)} {words.total_of(score)} {_word(score)}".strip(),
                sure=words.is_known(score),
            )
        )
    return found


def _word(score: Score) -> str:
    return score.band or ("" if words.is_known(score) else "incomplete")


def _top(values: Sequence[Value], system: BandSystem, highest: int) -> float:
    """High enough to see the next band coming, not so high that the course lies flat."""
    most = max(one.value for one in values)
    following = min((band.low for band in system.bands if band.low > most), default=highest)
    return min(highest, max(most * 1.15, following * 1.15, highest * 0.25))


def _bands(
    drawing: Drawing,
    system: BandSystem,
    place: Any,
    *,
    top_value: float,
    top: float,
    bottom: float,
) -> None:
    edge = said = bottom + LINE
    for number, band in enumerate(system.bands):
        if band.low > top_value:
            continue
        lower = bottom if number == 0 else place(band.low - 0.5)
        upper = top if band.high >= top_value else place(band.high + 0.5)
        drawing.rects.append(
            Rect(
                x=LEFT,
                y=upper,
                width=RIGHT - LEFT,
                height=round(lower - upper, 1),
                kind=f"b{band.severity}",
            )
        )
        y = min(bottom - 2, max(upper + 14, (upper + lower) / 2 + 5))
        if said - y >= LINE:
            drawing.labels.append(Label(x=RIGHT + 12, y=y, words=_span(band)))
            said = y
        if edge - lower >= LINE:
            drawing.labels.append(Label(x=LEFT - 8, y=lower + 4, words=str(band.low), anchor="end"))
            edge = lower


def _span(band: Any) -> str:
    """`mild 1 to 20`; the figures stand on the left as well, and give way to a long word."""
    told = f"{band.word} {band.low}" + (f" to {band.high}" if band.high > band.low else "")
    return told if CHARACTER * len(told) <= WIDTH - RIGHT - 12 else str(band.word)
