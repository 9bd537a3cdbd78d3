"""What one value says, and how values go: a limit, a change within a window, a slope."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from statistics import median

from backend.clinical.course import ASSESSED, ScoredSet
from backend.clinical.definition import Answer
from backend.clinical.protocol_parts import Rule
from backend.clinical.telling import between, capital, named, not_met, span
from backend.clinical.verdict import Evidence, Finding

# How many totals stand beside a verdict as what went before: for the eye, no rule counts them.
SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class Known:
    """A number that is known for certain, and the set that says so."""

    number: Decimal
    one: ScoredSet


def number_of(one: ScoredSet, item: str) -> Decimal | None:
    """The total, or one answer where an item is named; None: not known, or no number."""
    answer = one.score.total if not item else answer_of(one, item)
    if answer is None or isinstance(answer, bool | str):
        return None
    return Decimal(answer)


def answer_of(one: ScoredSet, item: str) -> Answer | None:
    """One answer, whether it counts or stands beside the score."""
    return one.score.answers.get(item, one.score.unscored.get(item))


def within(line: Sequence[ScoredSet], minutes: int) -> list[ScoredSet]:
    """The sets of the last so many minutes before the newest, oldest first."""
    since = line[-1].seen.observed_at - timedelta(minutes=minutes)
    found: list[ScoredSet] = []
    for one in reversed(line):
        if one.seen.observed_at < since:
            break
        found.append(one)
    return found[::-1]


def known(line: Sequence[ScoredSet], item: str) -> list[Known]:
    """Every number that is known in these sets."""
    return [
        Known(number=number, one=one)
        for one in line
        if (number := number_of(one, item)) is not None
    ]


def label_of(newest: ScoredSet, item: str) -> str:
    """What is counted, as it stands inside a sentence."""
    return newest.instrument.label_of(item) if item else newest.instrument.name


def evidence_of(one: ScoredSet, item: str) -> Evidence:
    """One total, or one answer."""
    if item:
        return one.evidence(item)
    return one.evidence_of(one.instrument.name, one.total_words)


def reaches(rule: Rule, number: Decimal | None) -> bool | None:
    """Whether a number is at or beyond the rule's limit; None: it is not known."""
    if number is None:
        return None
    limit = rule.limits["value"]
    return number >= limit if rule.kind == "value_at_least" else number <= limit


def value(rule: Rule, line: Sequence[ScoredSet]) -> Finding:
    """One answer at or beyond a limit.

    Only the value itself need be known; what was counted in a sleeper clears nothing.
    """
    newest, item = line[-1], rule.words["item"]
    reached = reaches(rule, number_of(newest, item))
    if reached is None:
        words = f"{capital(label_of(newest, item))} is not known."
        return Finding(state="unknown", sentence=words, evidence=(), possible=True)
    said = capital(named(newest, item))
    evidence = (newest.evidence(item),)
    if reached:
        limit = rule.limits["value"]
        words = f"from {limit}" if rule.kind == "value_at_least" else f"at {limit} or below"
        return Finding(state="met", sentence=f"{said} (flagged {words}).", evidence=evidence)
    if newest.seen.outcome != ASSESSED:
        sentence = f"{said}, counted in somebody who was not assessed."
        return Finding(state="unknown", sentence=sentence, evidence=evidence)
    return Finding(state="clear", sentence=f"{said}.", evidence=evidence)


def change_at_least(rule: Rule, line: Sequence[ScoredSet]) -> Finding:
    """The newest differs by so much from the lowest, or the highest, within the window.

    Of an incomplete newest set the bounds count: a rise is certain by the lowest it can be.
    """
    newest, item, by = line[-1], rule.words.get("item", ""), rule.limits["by"]
    rising = rule.words["direction"] == "rise"
    window = rule.numbers["within_minutes"]
    before = known(within(line, window)[:-1], item)
    label = label_of(newest, item)
    if not before:
        sentence = f"{capital(label)}: no set within {span(window)} to compare with."
        return Finding(state="unknown", sentence=sentence, evidence=())
    base = (min if rising else max)(before, key=lambda one: one.number)
    certain, most = (_gone(newest, item, base.number, rising=rising, best=b) for b in (False, True))
    evidence = tuple(
        evidence_of(one, item) for one in (base.one, newest) if item == "" or has(one, item)
    )
    if certain is not None and certain >= by:
        sentence = (
            f"{capital(label)} {'rose' if rising else 'fell'} by {certain} within"
            f" {between(base.one, newest)}, from {base.number} (flagged from {by} within"
            f" {span(window)})."
        )
        return Finding(state="met", sentence=sentence, evidence=evidence)
    return not_met(
        newest,
        possible=most is None or most >= by,
        sentence=f"{capital(label)} has not {'risen' if rising else 'fallen'} by {by}.",
        evidence=evidence,
    )


def has(one: ScoredSet, item: str) -> bool:
    """Whether this was answered in that set."""
    return item in one.score.answers or item in one.score.unscored


def _gone(
    newest: ScoredSet, item: str, base: Decimal, *, rising: bool, best: bool
) -> Decimal | None:
    """How far it has gone: at least, or at most where `best` asks; None: nobody can tell."""
    if item or newest.score.lowest is None or newest.score.highest is None:
        number = number_of(newest, item)
    else:
        number = Decimal(newest.score.highest if rising is best else newest.score.lowest)
    if number is None:
        return None
    return number - base if rising else base - number


def slope_at_least(rule: Rule, line: Sequence[ScoredSet]) -> Finding:
    """The median of the slopes between any two of the last k sets (Theil 1950, Sen 1968)."""
    newest, limit = line[-1], rule.limits["per_hour"]
    sets, window = rule.numbers["sets"], rule.numbers["within_minutes"]
    item = rule.words.get("item", "")
    rising = rule.words["direction"] == "rise"
    recent = known(within(line, window), item)[-sets:]
    label = capital(label_of(newest, item))
    evidence = tuple(evidence_of(one.one, item) for one in recent)
    found = slope(recent) if len(recent) == sets else None
    if found is None:
        sentence = f"{label}: {len(recent)} of {sets} sets within {span(window)}, too few to say."
        return Finding(state="unknown", sentence=sentence, evidence=evidence)
    said = f"{label} goes by {per_hour(found)} over {sets} sets within {span(window)}"
    if recent[-1].one is newest and (found if rising else -found) >= Fraction(limit):
        flagged = f"flagged from {'+' if rising else '-'}{limit} per h"
        return Finding(state="met", sentence=f"{said} ({flagged}).", evidence=evidence)
    possible = recent[-1].one is not newest
    return not_met(newest, possible=possible, sentence=f"{said}.", evidence=evidence)


def slope(points: Sequence[Known]) -> Fraction | None:
    """Points per hour; None where all were observed at one moment."""
    slopes = list(_slopes(points))
    return median(slopes) if slopes else None


def _slopes(points: Sequence[Known]) -> Iterator[Fraction]:
    for one, other in combinations(points, 2):
        passed = other.one.seen.observed_at - one.one.seen.observed_at
        if passed:
            hours = Fraction(passed // timedelta(microseconds=1), 3_600_000_000)
            yield Fraction(other.number - one.number) / hours


def per_hour(found: Fraction) -> str:
    """`+2.1 per h`, halves to even as Decimal rounds."""
    hundredths = (Decimal(found.numerator) / Decimal(found.denominator)).quantize(Decimal("0.01"))
    return f"{hundredths:+} per h"


def before(line: Sequence[ScoredSet], item: str) -> tuple[tuple[Evidence, ...], str]:
    """The numbers before the newest, oldest first, and how all of them go together."""
    recent = known(line[-12:], item)[-SHOWN - 1 :]
    earlier = [one for one in recent if one.one is not line[-1]][-SHOWN:]
    shown = tuple(evidence_of(one.one, item) for one in earlier)
    found = slope(recent) if len(recent) > 2 else None
    if found is None:
        return shown, ""
    span_words = between(recent[0].one, recent[-1].one)
    return shown, f"{per_hour(found)} over {len(recent)} sets, {span_words}"
