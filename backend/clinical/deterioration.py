"""Is somebody getting worse? The unit's rules over a course of sets, each answer with reasons."""

import bisect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from backend.clinical.course import (
    Evidence,
    ScoredSet,
    Seen,
    by_entered,
    by_observed,
    lines,
    scored_sets,
)
from backend.clinical.definition import ItemAlarm
from backend.clinical.protocol import Protocol, Rule
from backend.clinical.rules import FINDINGS, Finding, State, item_alarm, met_alone
from backend.clinical.scale import latest

__all__ = ["Evidence", "Seen", "Verdict", "overdue", "overdue_rule", "replayed", "verdicts"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one rule says now.

    met: it holds. clear: the newest set is complete and says that it does not. unknown: the newest
    set cannot say. stale: it is too old to say anything about now: raises nothing, clears nothing.
    `observation_id` is the set that decided.
    Of the rules of a family that are met, a screen shows only the highest rank.
    """

    rule: str
    rule_version: int
    family: str
    rank: int
    title: str
    level: str
    state: State
    sentence: str
    evidence: tuple[Evidence, ...]
    observation_id: int | None
    band_system: str | None
    source: str


def verdicts(course: Sequence[Seen], protocol: Protocol, *, now: datetime) -> list[Verdict]:
    """What every rule says about a course of sets, whatever order they come in.

    Only the newest set of an instrument that can tell decides, and an instrument that was never
    used has no verdict.
    """
    return list(_verdicts(lines(course, protocol), protocol, now))


def replayed(
    course: Sequence[Seen],
    protocol: Protocol,
    *,
    order: Literal["observed", "entered"] = "observed",
) -> list[tuple[datetime, Verdict]]:
    """What would have been flagged, and when: each rule that becomes met, until it is clear again.

    By "observed" each set counts as written down at the bedside; by "entered" as it truly was, so
    that what came late raises nothing.
    """
    by_instrument: dict[str, list[ScoredSet]] = {}
    standing: set[str] = set()
    flagged = []
    for seen in sorted(course, key=by_observed if order == "observed" else by_entered):
        now = seen.observed_at if order == "observed" else seen.entered_at
        touched = {}
        for one in scored_sets(seen, protocol):
            touched[one.score.key] = by_instrument.setdefault(one.score.key, [])
            bisect.insort(touched[one.score.key], one, key=_place)
        # What was not observed again can grow stale, but it can raise and clear nothing new.
        ask = partial(_may_change, standing, seen)
        for verdict in _verdicts(touched, protocol, now, ask):
            if verdict.state == "met" and verdict.rule not in standing:
                flagged.append((now, verdict))
                standing.add(verdict.rule)
            elif verdict.state == "clear":
                standing.discard(verdict.rule)
    return flagged


def _may_change(
    standing: Collection[str], seen: Seen, rule: str, newest: ScoredSet, *, met: bool | None
) -> bool:
    """Whether a set can raise or clear a rule at all; most can do neither, and need no verdict.

    A set behind the newest may complete what the newest cannot tell: then everything is asked.
    """
    if newest.seen is not seen:
        return True
    if rule in standing:
        return newest.complete and met is not True
    return met is not False


def _place(one: ScoredSet) -> tuple[datetime, datetime, int]:
    return by_observed(one.seen)


Find = Callable[[Sequence[ScoredSet]], Finding]
# Asked with a rule's name, the newest set, and whether that set on its own says that it is `met`.
Ask = Callable[..., bool]


def _verdicts(
    by_instrument: Mapping[str, Sequence[ScoredSet]],
    protocol: Protocol,
    now: datetime,
    ask: Ask | None = None,
) -> Iterator[Verdict]:
    since = now - timedelta(minutes=protocol.fresh_minutes)
    for rule in protocol.rules:
        if rule.kind == "item_alarm":
            for key in sorted(by_instrument):
                yield from _item_alarms(rule, by_instrument[key], since, ask)
        elif rule.kind in FINDINGS and rule.instrument in by_instrument:
            line = by_instrument[rule.instrument]
            if ask is None or ask(rule.id, line[-1], met=met_alone(rule, line[-1])):
                yield _verdict(rule, line, partial(FINDINGS[rule.kind], rule), since)


def _item_alarms(
    rule: Rule, line: Sequence[ScoredSet], since: datetime, ask: Ask | None
) -> Iterator[Verdict]:
    """Each alarm is a rule of its own, with the level and the source that its instrument gives."""
    instrument = line[-1].instrument
    raised = {alarm.id for alarm in line[-1].score.alarms}
    for alarm in instrument.alarms:
        name = f"{rule.id}/{instrument.key}/{alarm.id}"
        if ask and not ask(name, line[-1], met=alarm.id in raised):
            continue
        own = replace(
            rule,
            id=name,
            family=name,
            title=f"{instrument.name}: {alarm.title}",
            level=alarm.level,
            source=alarm.source,
        )
        yield _verdict(own, line, partial(_alarm, alarm), since)


def _alarm(alarm: ItemAlarm, line: Sequence[ScoredSet]) -> Finding:
    return item_alarm(alarm, line[-1])


def _verdict(rule: Rule, line: Sequence[ScoredSet], find: Find, since: datetime) -> Verdict:
    deciding, finding = _decided(line, find, since)
    return Verdict(
        rule=rule.id,
        rule_version=rule.version,
        family=rule.family,
        rank=rule.rank,
        title=rule.title,
        level=rule.level,
        state="stale" if line[-1].seen.observed_at < since else finding.state,
        sentence=finding.sentence,
        evidence=finding.evidence,
        observation_id=deciding.seen.id,
        band_system=deciding.system.name,
        source=f"{rule.source.text} [{rule.source.mark}]",
    )


def _decided(line: Sequence[ScoredSet], find: Find, since: datetime) -> tuple[ScoredSet, Finding]:
    """The newest set decides, or else a fresh one before it that is met and still stands.

    A pulse taken on its own does not hide the emergency of five minutes ago.
    """
    newest = find(line)
    if newest.state == "met" or not newest.possible:
        return line[-1], newest
    for end in range(len(line) - 1, 0, -1):
        deciding = line[end - 1]
        if deciding.seen.observed_at < since:
            break
        finding = find(line[:end])
        if finding.state == "met":
            return deciding, finding
        if not finding.possible:
            break
    return line[-1], newest


def overdue_rule(instrument: str) -> str:
    """The name under which an overdue set of an instrument is flagged."""
    return f"overdue/{instrument}"


def overdue(
    protocol: Protocol,
    *,
    instrument: str,
    interval_minutes: int,
    missed_in_a_row: int,
    state: str,
    due_at: datetime,
) -> Verdict | None:
    """What a round that is "late" or "missed" asks for; None if the unit flags no overdue sets.

    `missed_in_a_row` counts this one, if it is missed.
    """
    rule = next((rule for rule in protocol.rules if rule.kind == "overdue"), None)
    if rule is None or state not in ("late", "missed"):
        return None
    name = latest()[instrument].name if instrument in latest() else instrument
    missed = max(missed_in_a_row, 1 if state == "missed" else 0)
    if missed == 0:
        sentence = f"{name} is late."
    elif missed == 1:
        sentence = f"{name} has been missed once."
    else:
        sentence = f"{name} has been missed {missed} times running."
    due = Evidence(
        label=f"{name} due", value=state, unit="", observed_at=due_at, observation_id=None
    )
    return Verdict(
        rule=overdue_rule(instrument),
        rule_version=rule.version,
        family=overdue_rule(instrument),
        rank=rule.rank,
        title=f"{name} overdue",
        level=rule.words[_how_overdue(rule, interval_minutes, missed)],
        state="met",
        sentence=f"{sentence} It is due every {_spoken(interval_minutes)}.",
        evidence=(due,),
        observation_id=None,
        band_system=None,
        source=f"{rule.source.text} [{rule.source.mark}]",
    )


def _spoken(minutes: int) -> str:
    """`4 h`, `1 h 30`, `45 min`."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest} min"
    return f"{hours} h {rest:02}" if rest else f"{hours} h"


def _how_overdue(rule: Rule, interval_minutes: int, missed: int) -> str:
    if missed == 0:
        return "late"
    if interval_minutes <= rule.numbers["short_interval_minutes"]:
        return "short_missed"
    return "missed_once" if missed == 1 else "missed_twice"


def cannot_evaluate(job: str) -> Verdict:
    """A row that the watch cannot read: nobody knows how this patient's matters stand."""
    return Verdict(
        rule=f"cannot-evaluate/{job}",
        rule_version=1,
        family=f"cannot-evaluate/{job}",
        rank=0,
        title="Cannot evaluate",
        level="urgent",
        state="met",
        sentence=f"Vigil cannot work out the {job} of this patient. Check the patient yourself.",
        evidence=(),
        observation_id=None,
        band_system=None,
        source="Vigil watches itself [D]",
    )
