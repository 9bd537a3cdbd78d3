"""Is somebody getting worse? The unit's rules over a course of sets, each answer with reasons."""

import bisect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from backend.clinical import combination, trends, waiting
from backend.clinical.course import ScoredSet, Seen, by_entered, by_observed, lines, scored_sets
from backend.clinical.definition import ItemAlarm
from backend.clinical.protocol import Protocol, Rule
from backend.clinical.rules import FINDINGS, item_alarm, met_alone
from backend.clinical.treatment import OF_DOSES, Treatment, taper_rise
from backend.clinical.unobserved import cannot_evaluate, overdue, overdue_rule
from backend.clinical.verdict import Evidence, Finding, State, Verdict

__all__ = [
    "POISON",
    "Evidence",
    "Seen",
    "Treatment",
    "Verdict",
    "cannot_evaluate",
    "overdue",
    "overdue_rule",
    "replayed",
    "verdicts",
]

# What a rule can stumble over where a row or a range is not what it should be.
POISON = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def verdicts(
    course: Sequence[Seen],
    protocol: Protocol,
    *,
    now: datetime,
    treatment: Treatment | None = None,
) -> list[Verdict]:
    """What every rule says about a course of sets, whatever order they come in.

    Only the newest set of an instrument that can tell decides, and an instrument that was never
    used has no verdict. `treatment` is None where nobody keeps the doses.
    """
    by_instrument = lines(course, protocol)
    return list(_Asking(protocol, now, by_instrument, treatment).verdicts(by_instrument))


def replayed(
    course: Sequence[Seen],
    protocol: Protocol,
    *,
    order: Literal["observed", "entered"] = "observed",
    treatment: Treatment | None = None,
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
        asking = _Asking(protocol, now, by_instrument, treatment, ask)
        for verdict in asking.verdicts(touched):
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
Lines = Mapping[str, Sequence[ScoredSet]]


class _Asking:
    """One moment at which the rules are asked, with everything that they may look at."""

    def __init__(
        self,
        protocol: Protocol,
        now: datetime,
        by_instrument: Lines,
        treatment: Treatment | None,
        ask: Ask | None = None,
    ) -> None:
        self.protocol = protocol
        self.now = now
        self.since = now - timedelta(minutes=protocol.fresh_minutes)
        self.by_instrument = by_instrument
        self.treatment = treatment
        self.ask = ask
        self.before: dict[tuple[str, int, str], tuple[tuple[Evidence, ...], str]] = {}

    def verdicts(self, touched: Lines) -> Iterator[Verdict]:
        """Every rule that these lines concern; what cannot be evaluated is a flag of its own."""
        failed = []
        for rule in self.protocol.of_sets:
            try:
                yield from self._of(rule, touched)
            except POISON:
                failed.append(rule.title)
        if failed:
            yield cannot_evaluate("rules", failed)

    def _of(self, rule: Rule, touched: Lines) -> Sequence[Verdict]:
        if rule.instrument:
            line = touched.get(rule.instrument)
            return self._of_line(rule, line) if line else ()
        if rule.kind == "item_alarm":
            return [one for key in sorted(touched) for one in self._item_alarms(rule, touched[key])]
        if rule.kind == "falling_together":
            return self._together(rule) if combination.is_touched(rule, touched) else ()
        if rule.kind in OF_DOSES and self.treatment:
            return [_verdict(rule, OF_DOSES[rule.kind](rule, self.treatment, self.now))]
        return ()

    def _of_line(self, rule: Rule, line: Sequence[ScoredSet]) -> Sequence[Verdict]:
        if rule.kind == "taper_rise":
            if self.treatment is None:
                return ()
            return [self._decided(rule, line, partial(taper_rise, rule, treatment=self.treatment))]
        if self._asks(rule.id, line[-1], met=met_alone(rule, line[-1])):
            return [self._decided(rule, line, waiting.patient(rule, FINDINGS[rule.kind]))]
        return ()

    def _asks(self, name: str, newest: ScoredSet, *, met: bool | None) -> bool:
        return self.ask is None or self.ask(name, newest, met=met)

    def _item_alarms(self, rule: Rule, line: Sequence[ScoredSet]) -> Iterator[Verdict]:
        """Each alarm is a rule of its own, with the level and source that its instrument gives."""
        instrument = line[-1].instrument
        raised = {alarm.id for alarm in line[-1].score.alarms}
        for alarm in instrument.alarms:
            name = f"{rule.id}/{instrument.key}/{alarm.id}"
            if not self._asks(name, line[-1], met=alarm.id in raised):
                continue
            own = replace(
                rule,
                id=name,
                family=rule.families.get(instrument.key, name),
                title=f"{instrument.name}: {alarm.title}",
                level=alarm.level,
                source=alarm.source,
            )
            yield self._decided(own, line, partial(_alarm, alarm))

    def _together(self, rule: Rule) -> Sequence[Verdict]:
        newest = combination.newest_of(rule, self.by_instrument)
        if newest is None:
            return ()
        finding = combination.falling_together(
            rule,
            self.by_instrument,
            self.treatment,
            newest=newest,
            fresh_minutes=self.protocol.fresh_minutes,
        )
        return [self._verdict(rule, finding, newest, newest)]

    def _decided(self, rule: Rule, line: Sequence[ScoredSet], find: Find) -> Verdict:
        """The newest set decides, or else a fresh one before it that is met and still stands.

        A pulse taken on its own does not hide the emergency of five minutes ago.
        """
        finding = find(line)
        if finding.state == "met" or not finding.possible:
            return self._verdict(rule, finding, line[-1], line[-1], line)
        for end in range(len(line) - 1, 0, -1):
            deciding = line[end - 1]
            if deciding.seen.observed_at < self.since:
                break
            earlier = find(line[:end])
            if earlier.state == "met":
                return self._verdict(rule, earlier, deciding, line[-1], line[:end])
            if not earlier.possible:
                break
        return self._verdict(rule, finding, line[-1], line[-1], line)

    def _verdict(
        self,
        rule: Rule,
        finding: Finding,
        deciding: ScoredSet,
        newest: ScoredSet,
        line: Sequence[ScoredSet] = (),
    ) -> Verdict:
        stale = newest.seen.observed_at < self.since
        state: State = "stale" if stale else finding.state
        before, slope = self._before(rule, line) if line and state == "met" else ((), "")
        return _verdict(rule, finding, state=state, deciding=deciding, before=before, slope=slope)

    def _before(self, rule: Rule, line: Sequence[ScoredSet]) -> tuple[tuple[Evidence, ...], str]:
        """What went before is the same for all rules that one number of one set meets."""
        name = line[-1].score.key, line[-1].seen.id, rule.words.get("item", "")
        if name not in self.before:
            self.before[name] = trends.before(line, name[2])
        return self.before[name]


def _alarm(alarm: ItemAlarm, line: Sequence[ScoredSet]) -> Finding:
    return item_alarm(alarm, line[-1])


def _verdict(
    rule: Rule,
    finding: Finding,
    *,
    state: State | None = None,
    deciding: ScoredSet | None = None,
    before: tuple[Evidence, ...] = (),
    slope: str = "",
) -> Verdict:
    return Verdict(
        rule=rule.id,
        rule_version=rule.version,
        family=rule.family,
        rank=rule.rank,
        title=rule.title,
        level=rule.level,
        state=state or finding.state,
        sentence=finding.sentence,
        evidence=finding.evidence,
        observation_id=deciding.seen.id if deciding else None,
        band_system=deciding.system.name if deciding else None,
        source=f"{rule.source.text} [{rule.source.mark}]",
        before=before,
        slope=slope,
    )
