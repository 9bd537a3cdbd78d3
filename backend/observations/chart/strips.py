"""The vital signs, one strip under the other, and the times away, on the axis of the chart."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from backend.clinical import scale
from backend.clinical.definition import Instrument
from backend.clinical.vitals import KINDS
from backend.core import local_time
from backend.observations import words
from backend.observations.chart.drawings import CHARACTER, Sight, score_values
from backend.observations.chart.plot import (
    LEFT,
    RIGHT,
    WIDTH,
    Drawing,
    Glyph,
    Label,
    Path,
    Rect,
    Value,
    dots,
    grid,
    line,
    scaled,
    times,
)
from backend.observations.queries import StoredSet
from backend.stays.leave import words as leave
from backend.stays.leave.models import Leave

NEWS2 = "news2"
STRIP = 72
LEVELS = "ACVPU"


def vital_signs(sight: Sight) -> Drawing | None:
    """Every vital sign that was ever measured here, one strip under the other."""
    strips = [
        ("pulse_per_min", "Pulse"),
        ("pressure", "Blood pressure"),
        ("respiratory_rate_per_min", "Breathing"),
        ("spo2_percent", "SpO₂"),
        ("temperature_c", "Temperature"),
        ("consciousness", "Consciousness"),
        (NEWS2, "NEWS2"),
    ]
    drawing = Drawing(id="vitals-course", title="Vital signs and NEWS2", about="", height=0)
    told = []
    for field, name in strips:
        values = _values(sight, field)
        if values:
            _strip(drawing, sight, field, name, values)
            told.append(f"{name} {values[-1].title}")
    if not told:
        return None
    drawing.about = "Newest: " + "; ".join(told)
    times(drawing, sight.axis, y=drawing.height + 16)
    drawing.height += 36
    return drawing


def away(sight: Sight) -> Drawing | None:
    """The times off the unit, each with where it was; None where there were none."""
    leaves = sight.course.leaves
    if not leaves:
        return None
    told = "; ".join(_gone(sight, row) for row in leaves)
    drawing = Drawing(id="away", title="Off the unit", about=told, height=36)
    grid(drawing, sight.axis, sight.shift_starts, top=0, bottom=36)
    drawing.labels.append(Label(x=0, y=23, words="Off the unit", kind="t-strong"))
    for number, row in enumerate(leaves):
        begin = sight.axis.x(max(row.left_at, sight.axis.start))
        over = min(row.returned_at or sight.axis.now, sight.axis.end)
        width = round(max(3.0, sight.axis.x(over) - begin), 1)
        drawing.rects.append(Rect(x=begin, y=6, width=width, height=24, kind="away"))
        gone = _gone(sight, row)
        drawing.glyphs.append(Glyph(x=begin + 11, y=18, name="person", kind="mk-plain", title=gone))
        room = sight.axis.x(leaves[number + 1].left_at) if number + 1 < len(leaves) else WIDTH
        label = leave.why(row).label
        if begin + 24 + CHARACTER * len(label) < room:
            drawing.labels.append(Label(x=begin + 24, y=23, words=label))
    return drawing


def _gone(sight: Sight, row: Leave) -> str:
    back = f"to {sight.when(row.returned_at)}" if row.returned_at else "and not back yet"
    return f"{leave.why(row).label} {sight.when(row.left_at)} {back}"


def _values(sight: Sight, field: str) -> list[Value]:
    if field == NEWS2:
        return score_values(sight, NEWS2)
    column = "systolic_mmhg" if field == "pressure" else field
    found = []
    for stored in sight.course.standing:
        measured = getattr(stored.observation, column)
        if measured is None:
            continue
        at = stored.observation.observed_at
        value = -LEVELS.index(measured) if field == "consciousness" else float(measured)
        shown = words.pressure(stored.observation) if field == "pressure" else measured
        unit = "" if field == "consciousness" else f" {KINDS[column].unit}"
        found.append(
            Value(
                at=at,
                value=value,
                shown=str(shown),
                title=f"{sight.when(at)} {shown}{unit}",
                out=_is_red(stored, column),
            )
        )
    return found


def _is_red(stored: StoredSet, column: str) -> bool:
    """Whether this one value is one that NEWS2 calls for on its own."""
    score = stored.scores.get(NEWS2)
    if score is None:
        return False
    return bool(score.points.get(column) == scale.instruments()[score.definition].red_points)


def _strip(drawing: Drawing, sight: Sight, field: str, name: str, values: Sequence[Value]) -> None:
    top, bottom = drawing.height + 8, drawing.height + STRIP - 6
    normal = _normal(scale.latest()[NEWS2], "systolic_mmhg" if field == "pressure" else field)
    low, high = _range(sight, field, values, normal)
    place = scaled(low, high, top, bottom)
    if normal:
        upper, lower = place(float(normal[1])), place(float(normal[0]))
        drawing.rects.append(
            Rect(
                x=LEFT,
                y=upper,
                width=RIGHT - LEFT,
                height=round(max(0.0, lower - upper), 1),
                kind="normal",
            )
        )
    grid(drawing, sight.axis, sight.shift_starts, top=top, bottom=bottom)
    if field == "pressure":
        _pressures(drawing, sight, place)
        dots(drawing, sight.axis, values, place, thin=True)
    else:
        breaks, longest = sight.breaks(NEWS2), sight.longest(NEWS2)
        line(drawing, sight.axis, values, place, breaks=breaks, longest=longest, thin=True)
    _strip_words(drawing, field, name, values, edges=(low, high), heights=(top, bottom))
    if values[-1].at < sight.course.standing[-1].observation.observed_at:
        since = f"from {local_time.day_and_time(values[-1].at, sight.axis.zone, sight.axis.now)}"
        drawing.labels.append(Label(x=RIGHT + 12, y=top + 56, words=since))
    drawing.height += STRIP


def _strip_words(
    drawing: Drawing,
    field: str,
    name: str,
    values: Sequence[Value],
    *,
    edges: tuple[float, float],
    heights: tuple[float, float],
) -> None:
    top, bottom = heights
    letters = field == "consciousness"
    high, low = ("A", "U") if letters else (f"{edges[1]:g}", f"{edges[0]:g}")
    unit = "" if letters or field == NEWS2 else KINDS.get(field, KINDS["systolic_mmhg"]).unit
    drawing.labels += [
        Label(x=0, y=top + 22, words=name, kind="t-strong"),
        Label(x=0, y=top + 38, words=unit),
        Label(x=LEFT - 8, y=top + 10, words=high, anchor="end"),
        Label(x=LEFT - 8, y=bottom, words=low, anchor="end"),
        Label(x=RIGHT + 12, y=top + 14, words=name, kind="nm"),
        Label(x=RIGHT + 12, y=top + 40, words=values[-1].shown, kind="t-fig"),
    ]
    drawing.paths.append(Path(d=f"M{LEFT} {bottom + 6}H1240", kind="axis"))


def _pressures(drawing: Drawing, sight: Sight, place: Any) -> None:
    bars = "".join(
        f"M{sight.axis.x(row.observed_at)} {place(row.systolic_mmhg)}V{place(row.diastolic_mmhg)}"
        for row in (stored.observation for stored in sight.course.standing)
        if row.systolic_mmhg is not None and row.diastolic_mmhg is not None
    )
    if bars:
        drawing.paths.append(Path(d=bars, kind="bp"))


def _normal(news2: Instrument, item_id: str) -> tuple[Decimal, Decimal] | None:
    """The values that give no points on the usual SpO2 scale, as NEWS2 prints them."""
    item = news2.by_id.get(item_id)
    usual = {"spo2_scale": 1}
    for row in item.rows if item else ():
        if row.points == 0 and row.applies(usual) and item and item.vital and item.vital.possible:
            limits = item.vital.possible
            low = limits.low if row.low is None else row.low
            return low, limits.high if row.high is None else row.high
    return None


def _range(
    sight: Sight, field: str, values: Sequence[Value], normal: tuple[Decimal, Decimal] | None
) -> tuple[float, float]:
    """From a little under the lowest to a little over the highest that there is to see."""
    if field == "consciousness":
        return -4, 0
    if field == NEWS2:
        return 0, max(8, *(one.value for one in values))
    shown = [one.value for one in values]
    if field == "pressure":
        rows = [stored.observation for stored in sight.course.standing]
        shown += [float(row.diastolic_mmhg) for row in rows if row.diastolic_mmhg is not None]
    elif normal:
        shown += [float(normal[0]), float(normal[1])]
    low, high = min(shown), max(shown)
    pad = max((high - low) * 0.12, 0.5)
    whole = field != "temperature_c"
    limit = KINDS[field].possible if field in KINDS else None
    high = min(high + pad, float(limit.high)) if limit else high + pad
    return (round(low - pad), round(high)) if whole else (round(low - pad, 1), round(high, 1))
