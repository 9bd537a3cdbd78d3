"""The charts of a report as the shapes of an SVG: geometry only, colours come from the theme."""

from dataclasses import dataclass

from backend.reports.shift.report import Bar, Chart, Tone

WIDTH, HEIGHT = 640, 176
TOP, BASELINE = 22, 148
SPACE = 5


@dataclass(frozen=True, kw_only=True)
class Part:
    """One series in one hour."""

    y: float
    height: float
    tone: Tone


@dataclass(frozen=True, kw_only=True)
class Hour:
    """A bar, its count above and its hour below."""

    x: float
    width: float
    middle: float
    total: int
    total_y: float
    label: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a shade stands for."""

    name: str
    tone: Tone


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A chart, ready to be written out."""

    key: str
    title: str
    in_words: str
    width: int
    height: int
    baseline: int
    label_y: int
    hours: tuple[Hour, ...]
    legend: tuple[Entry, ...]


def drawn(chart: Chart) -> Drawing:
    """Stacked from the ground up; the highest hour fills the height."""
    highest = max([bar.total for bar in chart.bars], default=0) or 1
    step = WIDTH / max(1, len(chart.bars))
    return Drawing(
        key=chart.key,
        title=chart.title,
        in_words=chart.in_words,
        width=WIDTH,
        height=HEIGHT,
        baseline=BASELINE,
        label_y=BASELINE + 20,
        hours=tuple(
            _hour(bar, chart, left=place * step, step=step, scale=(BASELINE - TOP) / highest)
            for place, bar in enumerate(chart.bars)
        ),
        legend=tuple(
            Entry(name=name, tone=tone)
            for name, tone in zip(chart.series, chart.tones, strict=True)
        ),
    )


def _hour(bar: Bar, chart: Chart, *, left: float, step: float, scale: float) -> Hour:
    parts, ground = [], float(BASELINE)
    for count, tone in zip(bar.counts, chart.tones, strict=True):
        if count:
            ground -= count * scale
            parts.append(Part(y=round(ground, 1), height=round(count * scale, 1), tone=tone))
    return Hour(
        x=round(left + SPACE / 2, 1),
        width=round(step - SPACE, 1),
        middle=round(left + step / 2, 1),
        total=bar.total,
        total_y=round(ground - 6, 1),
        label=bar.label,
        parts=tuple(parts),
    )
