"""Lines, bands and marks on one time axis, as plain geometry: the template only writes it out."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

from backend.clinical import shift

WIDTH, LEFT, RIGHT = 1240, 150, 1090
# More points than this and each is only a dot, without a figure beside it.
MANY = 60
# Hours between ticks, up to this many hours of chart; beyond, days.
TICK_HOURS = ((13, 1), (25, 2), (50, 4), (100, 12))
MOST_DAY_TICKS = 10


@dataclass(frozen=True, kw_only=True)
class Rect:
    """A filled stretch."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, kw_only=True)
class Path:
    """A line, in the small language of SVG."""

    d: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One value. `title` is what it says when it is pointed at."""

    x: float
    y: float
    r: float
    kind: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Label:
    """Words on the drawing."""

    x: float
    y: float
    words: str
    kind: str = ""
    anchor: str = "start"


@dataclass(frozen=True, kw_only=True)
class Glyph:
    """One of the shapes of the ward, centred."""

    x: float
    y: float
    name: str
    kind: str
    title: str


@dataclass(kw_only=True)
class Drawing:
    """One strip of the chart. `about` says in words what can be seen."""

    id: str
    title: str
    about: str
    height: float
    rects: list[Rect] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    dots: list[Dot] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    glyphs: list[Glyph] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A time on the axis; the day stands under the first of each day."""

    x: float
    words: str
    day: str


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The stretch of time that every strip shares."""

    start: datetime
    end: datetime
    now: datetime
    zone: ZoneInfo

    def x(self, at: datetime) -> float:
        """Where a moment lies."""
        share = (at - self.start) / (self.end - self.start)
        return round(LEFT + share * (RIGHT - LEFT), 1)

    def holds(self, at: datetime) -> bool:
        """Whether a moment can be drawn."""
        return self.start <= at <= self.end

    @cached_property
    def ticks(self) -> list[Tick]:
        """Round local times, right on the days of 23 and 25 hours."""
        hours = (self.end - self.start) / timedelta(hours=1)
        step = next((step for most, step in TICK_HOURS if hours <= most), None)
        if step is None:
            return self._days(max(1, -(-int(hours / 24) // MOST_DAY_TICKS)))
        found: list[Tick] = []
        seen_day = ""
        at = self.start.replace(minute=0, second=0, microsecond=0)
        while at <= self.end:
            local = at.astimezone(self.zone)
            if at >= self.start and local.minute == 0 and local.hour % step == 0:
                day = f"{local:%a} {local.day}"
                below = day if day != seen_day else self._offset(at)
                found.append(Tick(x=self.x(at), words=f"{local:%H:%M}", day=below))
                seen_day = day
            at += timedelta(minutes=15 if self._odd_zone else 60)
        return found

    def _offset(self, at: datetime) -> str:
        """Which of the two it is, in the hour that comes twice."""
        local = at.astimezone(self.zone)
        return f"{local:%Z}" if shift.is_repeated(at, self.zone) else ""

    @property
    def _odd_zone(self) -> bool:
        offset = self.start.astimezone(self.zone).utcoffset() or timedelta()
        return bool(offset % timedelta(hours=1))

    def _days(self, every: int) -> list[Tick]:
        found: list[Tick] = []
        day = self.start.astimezone(self.zone).date()
        while True:
            day += timedelta(days=every)
            at = datetime.combine(day, time(), tzinfo=self.zone).astimezone(UTC)
            if at > self.end:
                return found
            found.append(Tick(x=self.x(at), words=f"{day.day} {day:%b}", day=f"{day:%a}"))

    def shifts(self, starts: Sequence[time]) -> list[tuple[float, str]]:
        """Where each shift begins, with its name; none where they would be a fence."""
        if self.end - self.start > timedelta(days=4):
            return []
        first = self.start.astimezone(self.zone).date() - timedelta(days=1)
        days = (first + timedelta(days=number) for number in range(7))
        return [
            (self.x(one.starts_at), f"{one.name} shift")
            for day in days
            for one in shift.shifts_on(day, starts, self.zone)
            if self.holds(one.starts_at)
        ]


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value of a line. `sure` is false where it is only a lower bound."""

    at: datetime
    value: float
    shown: str
    title: str
    sure: bool = True
    out: bool = False


def joined(
    values: Sequence[Value], breaks: Collection[datetime], longest: timedelta
) -> tuple[list[list[Value]], list[tuple[Value, Value]]]:
    """Runs to be drawn as lines, and the gaps between them.

    A gap is where something between two values says that there is no knowing (asleep, refused,
    missed), where one is only a lower bound, or where more time passed than the order allows.
    """
    runs: list[list[Value]] = [[values[0]]] if values else []
    gaps = []
    ordered = sorted(breaks)
    for before, after in pairwise(values):
        broken = after.at - before.at > longest or not (before.sure and after.sure)
        if broken or any(before.at < at < after.at for at in ordered):
            gaps.append((before, after))
            runs.append([after])
        else:
            runs[-1].append(after)
    return runs, gaps


Scale = Callable[[float], float]


def scaled(low: float, high: float, top: float, bottom: float) -> Scale:
    """From a value to a height on the drawing, kept within it."""
    span = (high - low) or 1

    def place(value: float) -> float:
        share = min(1.0, max(0.0, (value - low) / span))
        return round(bottom - share * (bottom - top), 1)

    return place


def grid(
    drawing: Drawing, axis: Axis, starts: Sequence[time], *, top: float, bottom: float
) -> None:
    """Ticks, shift boundaries and the line of now, through the whole strip."""
    ticks = "".join(f"M{tick.x} {top}V{bottom}" for tick in axis.ticks)
    shifts = "".join(f"M{x} {top}V{bottom}" for x, _ in axis.shifts(starts))
    if ticks:
        drawing.paths.append(Path(d=ticks, kind="axis"))
    if shifts:
        drawing.paths.append(Path(d=shifts, kind="shift"))
    if axis.holds(axis.now):
        drawing.paths.append(Path(d=f"M{axis.x(axis.now)} {top}V{bottom}", kind="now"))


def times(drawing: Drawing, axis: Axis, *, y: float) -> None:
    """The words under the axis."""
    for tick in axis.ticks:
        drawing.labels.append(Label(x=tick.x, y=y, words=tick.words, anchor="middle"))
        if tick.day:
            drawing.labels.append(
                Label(x=tick.x, y=y + 16, words=tick.day, kind="t-strong", anchor="middle")
            )


def line(
    drawing: Drawing,
    axis: Axis,
    values: Sequence[Value],
    place: Scale,
    *,
    breaks: Collection[datetime],
    longest: timedelta,
    thin: bool = False,
) -> None:
    """Values as a line with dots; gaps dotted, never joined."""
    runs, gaps = joined(values, breaks, longest)
    for run in runs:
        if len(run) > 1:
            points = " ".join(f"{axis.x(one.at)},{place(one.value)}" for one in run)
            drawing.paths.append(Path(d="M" + points, kind="ln2" if thin else "ln"))
    dotted = "".join(
        f"M{axis.x(a.at)} {place(a.value)}L{axis.x(b.at)} {place(b.value)}" for a, b in gaps
    )
    if dotted:
        drawing.paths.append(Path(d=dotted, kind="gap"))
    dots(drawing, axis, values, place, thin=thin)


def dots(
    drawing: Drawing, axis: Axis, values: Sequence[Value], place: Scale, *, thin: bool = False
) -> None:
    """Each value where it was observed, the newest filled."""
    few = len(values) <= MANY
    for number, one in enumerate(values):
        last = number == len(values) - 1
        drawing.dots.append(
            Dot(
                x=axis.x(one.at),
                y=place(one.value),
                r=_radius(one, thin=thin, few=few, last=last),
                kind=_kind(one, filled=last or thin),
                title=one.title,
            )
        )


def _radius(value: Value, *, thin: bool, few: bool, last: bool) -> float:
    if thin:
        return 4.0 if value.out and few else 2.0
    return (5.0 if few else 2.5) + (2 if last else 0)


def _kind(value: Value, *, filled: bool) -> str:
    if not value.sure:
        return "pt pt-open"
    return "out" if value.out else "pt pt-last" if filled else "pt"


def figures(drawing: Drawing, axis: Axis, values: Sequence[Value], place: Scale) -> None:
    """The figure over each point, the newest larger, as far as there is room."""
    free_from = 0.0
    for number, one in enumerate(values):
        last = number == len(values) - 1
        x = axis.x(one.at)
        if not last and (x < free_from or axis.x(values[-1].at) - x < 44):
            continue
        words = f"{one.value:g}" if one.sure else f"≥{one.value:g}"
        drawing.labels.append(
            Label(
                x=x,
                y=place(one.value) - 12,
                words=words,
                kind="t-fig" if last else "t-strong",
                anchor="middle",
            )
        )
        free_from = x + 34
