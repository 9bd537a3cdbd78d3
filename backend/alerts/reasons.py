"""What stands behind an alert, in a few lines: what went before, how it goes, by which rule."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from backend.alerts.models import AlertStep
from backend.core import local_time

WIDTH, HEIGHT, EDGE = 120.0, 32.0, 5.0
HEADROOM = 1.1
LEADING_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

Point = tuple[datetime, float]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Coordinates in a box of 120 by 32."""

    words: str
    line: str
    last: str


@dataclass(frozen=True, kw_only=True)
class Reasons:
    """What a rule kept when it spoke last; empty where there was nothing before."""

    before: str
    slope: str
    curve: Curve | None


def reasons(steps: Sequence[AlertStep], zone: ZoneInfo, now: datetime) -> Reasons:
    """From the newest step at which the rule spoke."""
    spoken = [step for step in steps if step.detail.get("before")]
    if not spoken:
        return Reasons(before="", slope="", curve=None)
    detail = spoken[-1].detail
    before: list[dict[str, Any]] = detail["before"]
    told = [f"{value['value']} at {_time(value, zone, now)}" for value in before]
    return Reasons(
        before=f"{before[-1]['label']} {', '.join(told)}",
        slope=detail["slope"],
        curve=_curve([*map(_point, before), *_newest(before[-1], detail["evidence"])]),
    )


def _time(value: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> str:
    return local_time.day_and_time(datetime.fromisoformat(value["observed_at"]), zone, now)


def _point(value: Mapping[str, Any]) -> Point:
    number = LEADING_NUMBER.match(value["value"])
    return datetime.fromisoformat(value["observed_at"]), float(number[0]) if number else 0.0


def _newest(before: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]]) -> list[Point]:
    """The total that raised it, where it is one of the values and known for certain."""
    since, _ = _point(before)
    found = [
        _point(value)
        for value in evidence
        if value["label"] == before["label"] and LEADING_NUMBER.match(value["value"])
    ]
    return [point for point in found if point[0] > since][-1:]


def _curve(points: Sequence[Point]) -> Curve | None:
    """None where there are fewer than two moments to draw between."""
    first, last = points[0][0], points[-1][0]
    if len(points) < 2 or first == last:
        return None
    low = min(0.0, *(number for _, number in points))
    top = HEADROOM * max(1.0, *(number for _, number in points))

    def place(point: Point) -> str:
        x = EDGE + (WIDTH - 2 * EDGE) * ((point[0] - first) / (last - first))
        y = HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * ((point[1] - low) / (top - low))
        return f"{x:.1f} {y:.1f}"

    return Curve(
        words=", ".join(f"{number:g}" for _, number in points),
        line=" ".join(place(point) for point in points),
        last=f"M{place(points[-1])}h.01",
    )
