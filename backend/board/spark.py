"""A day of totals as a small curve: what is not known is a gap, and never a zero."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from backend.board.queries import Course, Point
from backend.clinical import scale

WIDTH, HEIGHT, EDGE = 120.0, 32.0, 5.0
DAY = timedelta(hours=24)
HEADROOM = 1.1
# From here up a band is worth a grey ground: 2 is what the definitions call moderate.
GROUND_SEVERITY = 2

Known = tuple[datetime, int]


@dataclass(frozen=True, kw_only=True)
class Spark:
    """Coordinates in a box of 120 by 32."""

    words: str
    lines: tuple[str, ...]
    gaps: tuple[str, ...]
    last: str
    ground_height: str


def spark(course: Course, now: datetime) -> Spark | None:
    """The last 24 hours; None when no total is known in them."""
    day = [(at, total) for at, total in reversed(course.earlier) if at > now - DAY]
    if course.point is None or not any(total is not None for _, total in day):
        return None
    if scale.instruments()[course.point.definition].is_signed:
        return None  # a curve that has no bottom cannot be read at this size
    stretches = list(_stretches(day, course.interval_minutes))
    shown = [known for stretch in stretches for known in stretch]
    ground = _ground(course.point)
    top = HEADROOM * max(*(total for _, total in shown), ground or 0, 1)

    def place(known: Known) -> str:
        at, total = known
        x = EDGE + (WIDTH - 2 * EDGE) * (1 - (now - at) / DAY)
        return f"{x:.1f} {_height(total, top):.1f}"

    return Spark(
        words="24 hours: " + ", gap, ".join(_listed(stretch) for stretch in stretches),
        lines=tuple(" ".join(place(known) for known in one) for one in stretches if len(one) > 1),
        gaps=tuple(
            f"M{place(before[-1])}L{place(after[0])}" for before, after in pairwise(stretches)
        ),
        last=f"M{place(shown[-1])}h.01",
        ground_height=f"{_height(ground, top):.1f}" if ground is not None else "0",
    )


def _stretches(
    day: list[tuple[datetime, int | None]], interval_minutes: int | None
) -> Iterator[list[Known]]:
    """Runs of totals that follow each other; a missing total or a round left out ends a run."""
    longest = timedelta(minutes=2 * interval_minutes) if interval_minutes else DAY
    run: list[Known] = []
    for at, total in day:
        if run and (total is None or at - run[-1][0] > longest):
            yield run
            run = []
        if total is not None:
            run.append((at, total))
    if run:
        yield run


def _ground(point: Point) -> int | None:
    """The total from which the unit's bands call it moderate."""
    system = scale.instruments()[point.definition].band_systems[point.band_system]
    return min((b.low for b in system.bands if b.severity >= GROUND_SEVERITY), default=None)


def _height(total: float, top: float) -> float:
    return HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (total / top)


def _listed(stretch: list[Known]) -> str:
    return ", ".join(str(total) for _, total in stretch)
