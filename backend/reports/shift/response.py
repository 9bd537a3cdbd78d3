"""How the unit answered its alerts: what was raised, seen, taken, left open, and how fast."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from backend.alerts.models import Alert, AlertStep, Level, StepKind
from backend.reports.shift.census import level_at, open_at_end
from backend.reports.shift.centiles import median, minutes, ninetieth
from backend.reports.shift.queries import Stored


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One alert, with the minutes until somebody had seen and taken it."""

    alert: Alert
    raised_in_shift: bool
    level: Level
    seen_minutes: float | None
    acknowledged_minutes: float | None
    lapsed: bool
    climbed: int
    open_at_end: bool


@dataclass(frozen=True, kw_only=True)
class Response:
    """Of some alerts: how many, and how fast."""

    raised: int
    seen: int
    acknowledged: int
    lapsed: int
    climbed: int
    closed: int
    closed_by_a_person: int
    median_seen_minutes: float | None
    ninetieth_seen_minutes: float | None
    median_acknowledged_minutes: float | None
    ninetieth_acknowledged_minutes: float | None
    open_at_end: int


def answers(stored: Stored) -> list[Answered]:
    """Every alert that was raised in the shift, or came into it open."""
    return [_answered(stored, alert) for alert in stored.alerts]


def _answered(stored: Stored, alert: Alert) -> Answered:
    steps = stored.steps[alert.id]
    # Who takes an alert has seen it.
    seen_at = _first(steps, (StepKind.SEEN, StepKind.ACKNOWLEDGED))
    taken_at = _first(steps, (StepKind.ACKNOWLEDGED,))
    still_open = open_at_end(alert, stored.until)
    return Answered(
        alert=alert,
        raised_in_shift=stored.in_shift(alert.raised_at),
        level=level_at(stored, alert, stored.until) if still_open else alert.level,
        seen_minutes=minutes(seen_at - alert.raised_at) if seen_at else None,
        acknowledged_minutes=minutes(taken_at - alert.raised_at) if taken_at else None,
        lapsed=any(step.kind is StepKind.LAPSED for step in steps),
        climbed=sum(step.kind is StepKind.ESCALATED for step in steps),
        open_at_end=still_open,
    )


def _first(steps: Sequence[AlertStep], kinds: tuple[StepKind, ...]) -> datetime | None:
    return min((step.at for step in steps if step.kind in kinds), default=None)


def response(alerts: Iterable[Answered]) -> Response:
    """Only `open_at_end` looks at alerts of earlier shifts too; all else is of those raised."""
    every = list(alerts)
    raised = [one for one in every if one.raised_in_shift]
    seen = [one.seen_minutes for one in raised if one.seen_minutes is not None]
    taken = [one.acknowledged_minutes for one in raised if one.acknowledged_minutes is not None]
    return Response(
        raised=len(raised),
        seen=len(seen),
        acknowledged=len(taken),
        lapsed=sum(one.lapsed for one in raised),
        climbed=sum(one.climbed for one in raised),
        closed=sum(one.alert.closed_at is not None for one in raised),
        closed_by_a_person=sum(one.alert.closed_by is not None for one in raised),
        median_seen_minutes=median(seen),
        ninetieth_seen_minutes=ninetieth(seen),
        median_acknowledged_minutes=median(taken),
        ninetieth_acknowledged_minutes=ninetieth(taken),
        open_at_end=sum(one.open_at_end for one in every),
    )
