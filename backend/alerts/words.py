"""Alerts in the words of the ward: how one stands, what it rests on, who was told and is next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from backend.alerts.models import Alert, AlertState, AlertStep, StepKind
from backend.clinical import ladder
from backend.clinical.deterioration import overdue_rule
from backend.clinical.protocol import Rung
from backend.core import local_time

OVERDUE = overdue_rule("")
CANNOT_EVALUATE = "cannot-evaluate/"
NOBODY = "nobody has it"


@dataclass(frozen=True, kw_only=True)
class Look:
    """The state language: a word and a shape, and the plain level where they say something else."""

    level: str
    word: str
    extra: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """One line of who was told and what was done; `mark` is "", "lapsed", "next" or "later"."""

    at_words: str
    day_words: str
    at: str
    said: str
    note: str
    mark: str


@dataclass(frozen=True, kw_only=True)
class Input:
    """One row of the evidence: a value for each time, empty where it was not part of it."""

    label: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What the alert rests on: values by the time they were observed."""

    times: tuple[str, ...]
    inputs: tuple[Input, ...]


def look(alert: Alert) -> Look:
    """An overdue task and a clinical alert are told apart; what cannot be told is unknown."""
    word = alert.level.value.capitalize()
    if alert.rule.startswith(OVERDUE):
        return Look(level="overdue", word="Overdue", extra=alert.level.value)
    if alert.rule.startswith(CANNOT_EVALUATE):
        return Look(level="unknown", word="Unknown", extra=alert.level.value)
    return Look(level=alert.level.value, word=word, extra="")


def age(alert: Alert, now: datetime) -> str:
    """How long it has been open, or was."""
    return local_time.span((alert.closed_at or now) - alert.raised_at)


def standing(
    alert: Alert,
    rungs: Sequence[Rung],
    names: Mapping[int, str],
    zone: ZoneInfo,
    *,
    lapsed_at: datetime | None = None,
) -> str:
    """Who has it, and what happens next: `nobody has it · 02:25 → the physician on duty`."""
    who = names.get(alert.acknowledged_by or 0, "")
    if alert.closed_at is not None:
        by = f" by {names[alert.closed_by]}" if alert.closed_by else ""
        return f"closed {local_time.clock_time(alert.closed_at, zone)}{by}: {alert.close_reason}"
    has_it = f"{who} has it" if alert.state is AlertState.ACKNOWLEDGED else NOBODY
    if alert.cleared_at is not None:
        cleared = local_time.clock_time(alert.cleared_at, zone)
        return f"no longer met since {cleared} · waits to be closed · {has_it}"
    if alert.state is AlertState.ACKNOWLEDGED and alert.recheck_at is not None:
        return f"{has_it}: {alert.plan} · recheck {local_time.clock_time(alert.recheck_at, zone)}"
    said = [NOBODY]
    if alert.state is AlertState.LAPSED and lapsed_at is not None:
        said = [f"promise of {who} lapsed {local_time.clock_time(lapsed_at, zone)}", NOBODY]
    elif alert.state is AlertState.SEEN and alert.seen_at is not None:
        said = [f"seen {local_time.clock_time(alert.seen_at, zone)}", NOBODY]
    return " · ".join([*said, _next(alert, rungs, zone)])


def _next(alert: Alert, rungs: Sequence[Rung], zone: ZoneInfo) -> str:
    if alert.next_step_at is None or alert.rung + 1 >= len(rungs):
        return f"{rungs[alert.rung].role_words} told, nobody above"
    at = local_time.clock_time(alert.next_step_at, zone)
    return f"{at} → {rungs[alert.rung + 1].role_words}"


def assessed_by(alert: Alert, minutes: int | None, zone: ZoneInfo) -> str:
    """When somebody must have looked at the patient, where the protocol says so."""
    if minutes is None or alert.closed_at is not None or alert.cleared_at is not None:
        return ""
    at = local_time.clock_time(alert.raised_at + timedelta(minutes=minutes), zone)
    return f"Assess by {at}, within {minutes} min."


def basis(alert: Alert, zone: ZoneInfo, now: datetime) -> Basis:
    """The evidence as a table: a row for each value, a column for each time, oldest first."""
    moments = sorted({datetime.fromisoformat(item["observed_at"]) for item in alert.evidence})
    by_label: dict[str, dict[datetime, str]] = {}
    for item in alert.evidence:
        values = by_label.setdefault(item["label"], {})
        value = f"{item['value']} {item['unit']}".strip()
        values[datetime.fromisoformat(item["observed_at"])] = value
    return Basis(
        times=tuple(local_time.day_and_time(moment, zone, now) for moment in moments),
        inputs=tuple(
            Input(label=label, values=tuple(values.get(moment, "") for moment in moments))
            for label, values in by_label.items()
        ),
    )


def history(
    steps: Sequence[AlertStep], names: Mapping[int, str], zone: ZoneInfo, now: datetime
) -> list[Told]:
    """What has happened, in order."""
    found = []
    for step in steps:
        who = names.get(step.actor_id or 0, "")
        mark = "lapsed" if step.kind is StepKind.LAPSED else ""
        said, note = _headline(step, who), _note(step, who, zone)
        found.append(_told(step.at, said, note, zone, now, mark=mark))
    return found


HEADLINES = {
    StepKind.RAISED: "Raised: {told} told on the board",
    StepKind.UPDATED: "Still met",
    StepKind.WORSENED: "Worse, now {level}: {told} told on the board",
    StepKind.CLEARED: "No longer met",
    StepKind.RETURNED: "Met again: {told} told on the board",
    StepKind.SEEN: "Seen by {who}",
    StepKind.ACKNOWLEDGED: "{who} has it",
    StepKind.KEPT: "Promise kept",
    StepKind.LAPSED: "Promise lapsed",
    StepKind.ESCALATED: "{told} told on the board",
    StepKind.CALLED: "{who} called {called} {how}",
    StepKind.CLOSED: "Closed by {who}",
}


def _headline(step: AlertStep, who: str) -> str:
    said = {"told": "", "called": "", "how": ""} | step.detail
    headline = HEADLINES[step.kind].format(**said, level=step.level.value, who=who or "itself")
    return _capital(headline.strip())


def _note(step: AlertStep, who: str, zone: ZoneInfo) -> str:
    if step.kind is StepKind.SEEN:
        return ""
    if step.kind is StepKind.ESCALATED and who:
        return f"Escalated by {who}."
    if step.kind is StepKind.CALLED:
        back = "read back" if step.detail["read_back"] else "not read back"
        return f"“{step.detail['response']}” · {back}"
    if step.kind is StepKind.ACKNOWLEDGED:
        recheck = datetime.fromisoformat(step.detail["recheck_at"])
        return f"{step.sentence} · recheck promised {local_time.clock_time(recheck, zone)}"
    return step.sentence


def to_come(
    alert: Alert, rungs: Sequence[Rung], names: Mapping[int, str], zone: ZoneInfo, now: datetime
) -> list[Told]:
    """Who looks again or is told next, and who after that, unless somebody does something."""
    if alert.closed_at is not None or alert.cleared_at is not None:
        return []
    promised = alert.state is AlertState.ACKNOWLEDGED
    if alert.next_step_at is None:
        said = f"Nobody stands above {rungs[alert.rung].role_words}"
        note = "Call, and log the call."
        return [Told(at_words="", day_words="", at="", said=said, note=note, mark="next")]
    coming = ladder.still_to_come(rungs, rung=alert.rung, next_step_at=alert.next_step_at)
    found = []
    if promised:
        who = names.get(alert.acknowledged_by or 0, "")
        note = "If no newer set is recorded by then, the alert opens again and climbs."
        found = [_told(alert.next_step_at, f"{who} looks again", note, zone, now, mark="next")]
    unless = "unless the promise is kept" if promised else "unless somebody takes it"
    for at, rung in coming:
        mark = "later" if found else "next"
        found.append(
            _told(at, _capital(rung.role_words), f"on the board, {unless}", zone, now, mark=mark)
        )
    return found


def _told(at: datetime, said: str, note: str, zone: ZoneInfo, now: datetime, *, mark: str) -> Told:
    return Told(
        at_words=local_time.clock_time(at, zone),
        day_words=""
        if local_time.day(at, zone) == local_time.day(now, zone)
        else f"{at.astimezone(zone):%a %d}",
        at=local_time.machine(at),
        said=said,
        note=note,
        mark=mark,
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
