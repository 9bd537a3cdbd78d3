"""What each kind of rule finds in a line of sets; the age of the sets is looked at elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from backend.clinical.course import ScoredSet
from backend.clinical.definition import ItemAlarm
from backend.clinical.protocol_parts import Rule
from backend.clinical.telling import capital, named, not_met
from backend.clinical.trends import (
    change_at_least,
    number_of,
    reaches,
    slope_at_least,
    value,
)
from backend.clinical.verdict import Evidence, Finding


def _parts(newest: ScoredSet) -> str:
    """The measured values that give points, the most first: "breathing rate 26 /min scores 3"."""
    if newest.instrument.scoring != "points":
        return ""
    points_given = sorted(newest.score.points.items(), key=lambda given: -given[1])
    given = [(item, points) for item, points in points_given if points]
    words = [f"{named(newest, item)} scores {points}" for item, points in given]
    return ": " + ", ".join(words) if words else ""


def _total_evidence(newest: ScoredSet) -> tuple[Evidence, ...]:
    total = newest.evidence_of(newest.instrument.name, newest.total_words)
    if newest.instrument.scoring != "points":
        return (total,)
    return (total, *(newest.evidence(i) for i, points in newest.score.points.items() if points))


def _total_at_least(rule: Rule, line: Sequence[ScoredSet]) -> Finding:
    newest, limit = line[-1], rule.numbers["total"]
    name, lowest, highest = newest.instrument.name, newest.score.lowest, newest.score.highest
    evidence = _total_evidence(newest)
    if lowest is not None and lowest >= limit:
        missing = f" Not measured: {newest.missing_words}." if newest.missing_words else ""
        sentence = (
            f"{name} is {newest.total_words} (flagged from {limit}){_parts(newest)}.{missing}"
        )
        return Finding(state="met", sentence=sentence, evidence=evidence)
    possible = highest is None or highest >= limit
    sentence = f"{name} is {newest.total_words}, below {limit}."
    return not_met(newest, possible=possible, sentence=sentence, evidence=evidence)


def _single_red(_: Rule, line: Sequence[ScoredSet]) -> Finding:
    newest = line[-1]
    red = newest.score.red
    if red:
        listed = " and ".join(named(newest, item) for item in red)
        verb = "scores" if len(red) == 1 else "each score"
        sentence = f"{capital(listed)} {verb} {newest.instrument.red_points}."
        evidence = tuple(newest.evidence(item) for item in red)
        return Finding(state="met", sentence=sentence, evidence=evidence)
    return not_met(
        newest,
        possible=newest.can_turn_red,
        sentence=f"No single value of {newest.instrument.name} scores 3.",
        evidence=_total_evidence(newest),
    )


def _severity(rule: Rule, newest: ScoredSet) -> int:
    """The severity of the band that the rule names, in the unit's system."""
    return min(b.severity for b in newest.system.bands if b.word == rule.words["word"])


def _band_at_least(rule: Rule, line: Sequence[ScoredSet]) -> Finding:
    newest = line[-1]
    limit, evidence = _severity(rule, newest), _total_evidence(newest)
    name, system = newest.instrument.name, newest.system.label
    sentence = f"{name} is {newest.total_words}: {newest.mildest.word} ({system})."
    if newest.mildest.severity >= limit:
        return Finding(state="met", sentence=sentence, evidence=evidence)
    possible = newest.worst.severity >= limit
    return not_met(newest, possible=possible, sentence=sentence, evidence=evidence)


def _consecutive_higher_band(rule: Rule, line: Sequence[ScoredSet]) -> Finding:
    """The last sets all lie in a band above that of the set before them, and none is mild.

    Of an incomplete set the mildest band counts, and of the set before them the worst, so that a
    rise is certain; a rise that is only possible is unknown.
    """
    newest = line[-1]
    since = newest.seen.observed_at - timedelta(minutes=rule.numbers["within_minutes"])
    recent = [one for one in line if one.seen.observed_at >= since]
    floor = _severity(rule, newest)
    evidence = tuple(
        one.evidence_of(one.instrument.name, f"{one.total_words} ({one.mildest.word})")
        for one in recent[-1 - rule.numbers["sets"] :]
    )
    starts = range(len(recent) - rule.numbers["sets"], 0, -1)
    for start in starts:
        base, rise = recent[start - 1], recent[start:]
        lowest = min(one.mildest.severity for one in rise)
        if lowest >= floor and lowest > base.worst.severity:
            sentence = (
                f"{newest.instrument.name} is in a higher band for {len(rise)} sets running:"
                f" {base.total_words} ({base.worst.word}), then"
                f" {', '.join(one.total_words for one in rise)} ({newest.mildest.word})."
            )
            return Finding(state="met", sentence=sentence, evidence=evidence)
    possible = any(
        min(one.worst.severity for one in recent[start:])
        >= max(floor, recent[start - 1].mildest.severity + 1)
        for start in starts
    )
    sentence = f"{newest.instrument.name} is {newest.total_words}: no two sets in a higher band."
    return not_met(newest, possible=possible, sentence=sentence, evidence=evidence)


FINDINGS: Mapping[str, Callable[[Rule, Sequence[ScoredSet]], Finding]] = MappingProxyType(
    {
        "total_at_least": _total_at_least,
        "single_red": _single_red,
        "band_at_least": _band_at_least,
        "consecutive_higher_band": _consecutive_higher_band,
        "value_at_least": value,
        "value_at_most": value,
        "change_at_least": change_at_least,
        "slope_at_least": slope_at_least,
    }
)


def met_alone(rule: Rule, newest: ScoredSet) -> bool | None:
    """Whether the newest set on its own meets the rule; None: the sets before it decide."""
    if rule.kind == "total_at_least":
        return newest.score.lowest is not None and newest.score.lowest >= rule.numbers["total"]
    if rule.kind == "single_red":
        return bool(newest.score.red)
    if rule.kind in ("value_at_least", "value_at_most"):
        return reaches(rule, number_of(newest, rule.words["item"])) is True
    if rule.kind not in ("band_at_least", "consecutive_higher_band"):
        return None
    high = newest.mildest.severity >= _severity(rule, newest)
    return None if high and rule.kind == "consecutive_higher_band" else high


def item_alarm(alarm: ItemAlarm, newest: ScoredSet) -> Finding:
    """What one alarm of the instrument says of one set."""
    given = [item for item in alarm.items if item in newest.given]
    if alarm.id in {raised.id for raised in newest.score.alarms}:
        at_fault = [item for item in given if alarm.is_raised_by(newest.given[item])]
        values = ", ".join(named(newest, item) for item in at_fault)
        evidence = tuple(newest.evidence(item) for item in at_fault)
        sentence = f"{capital(values)}. {alarm.text}."
        return Finding(state="met", sentence=sentence, evidence=evidence)
    return not_met(
        newest,
        possible=len(given) < len(alarm.items),
        sentence=f"{newest.instrument.name}: nothing that raises this alarm.",
        evidence=tuple(newest.evidence(item) for item in given),
    )
