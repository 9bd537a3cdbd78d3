"""Scores that fall while breathing or alertness falls: over-sedation, and not recovery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from typing import Literal

from backend.clinical.course import ASSESSED, ScoredSet
from backend.clinical.protocol_parts import Rule, Sign
from backend.clinical.telling import capital, named
from backend.clinical.treatment import Dose, Treatment, evidence_of_dose
from backend.clinical.trends import Known, answer_of, evidence_of, has, known, number_of
from backend.clinical.verdict import Evidence, Finding

Lines = Mapping[str, Sequence[ScoredSet]]


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What one sign says: low and lower than it was, low as it was, well, or not known."""

    state: Literal["falling", "low", "well", "unknown"]
    words: str = ""
    evidence: tuple[Evidence, ...] = ()


WELL, NOT_KNOWN = Looked(state="well"), Looked(state="unknown")


def newest_of(rule: Rule, lines: Lines) -> ScoredSet | None:
    """The newest set that this rule reads at all; None where no such scale was ever used."""
    if not any(key in lines for key in rule.instruments):
        return None
    found = [lines[key][-1] for key in rule.reads if key in lines]
    return max(found, key=lambda one: (one.seen.observed_at, one.seen.entered_at, one.seen.id))


def falling_together(
    rule: Rule,
    lines: Lines,
    treatment: Treatment | None,
    *,
    newest: ScoredSet,
    fresh_minutes: int,
) -> Finding:
    """A score has fallen, and a sign of breathing or alertness is low and lower than it was.

    It is clear only when every sign that was looked at is well again: breathing that stays slow
    stops falling, and is no better for it.
    """
    until = newest.seen.observed_at
    since = until - timedelta(minutes=rule.numbers["within_minutes"])
    fresh = until - timedelta(minutes=fresh_minutes)
    signs = [
        _looked(sign, lines[sign.instrument], since=since, fresh=fresh)
        for sign in rule.signs
        if sign.instrument in lines
    ]
    states = {one.state for one in signs}
    if "falling" not in states and "low" not in states:
        return _not_low(signs)
    low = [one for one in signs if one.state == "falling"]
    lines_read = [lines[key] for key in rule.instruments if key in lines]
    fallen = [pair for line in lines_read if (pair := _fallen(line, since)) is not None]
    doses, sedated = _sedatives(rule, treatment, until)
    if low and fallen and sedated:
        return _met(low, fallen, doses, told=treatment is not None)
    words = ", ".join(one.words for one in signs if one.words)
    sentence = f"{capital(words)}, while no score has fallen."
    return Finding(state="waiting", sentence=sentence, evidence=())


def _not_low(signs: Sequence[Looked]) -> Finding:
    if not signs or NOT_KNOWN in signs:
        sentence = "Breathing and alertness were not measured lately."
        return Finding(state="unknown", sentence=sentence, evidence=())
    return Finding(state="clear", sentence="Breathing and alertness are not low.", evidence=())


def _met(
    low: Sequence[Looked],
    fallen: Sequence[tuple[Known, Known]],
    doses: Sequence[Dose],
    *,
    told: bool,
) -> Finding:
    scores = " and ".join(
        f"{last.one.instrument.name} fell from {before.number} to {last.number}"
        for before, last in fallen
    )
    words = " and ".join(one.words for one in low)
    given = "" if told else " Vigil does not know the doses."
    if doses:
        given = f" Last sedative: {doses[-1].drug}."
    sentence = (
        f"{scores}, while breathing or alertness falls: {words}. Think of over-sedation, not of"
        f" recovery.{given}"
    )
    evidence = (
        *(evidence_of(one.one, "") for pair in fallen for one in pair),
        *(value for one in low for value in one.evidence),
        *(evidence_of_dose(one) for one in doses[-3:]),
    )
    return Finding(state="met", sentence=sentence, evidence=evidence)


def _sedatives(rule: Rule, treatment: Treatment | None, until: datetime) -> tuple[list[Dose], bool]:
    """The sedatives that count, and whether the rule may hold.

    Where the unit asks for a dose and nobody knows the doses, it may: what is not known must not
    keep an alarm back.
    """
    minutes = rule.numbers.get("sedative_within_minutes")
    if treatment is None or minutes is None:
        return [], True
    doses = treatment.given(since=until - timedelta(minutes=minutes), until=until)
    doses = [one for one in doses if one.sedative]
    return doses, bool(doses)


def _fallen(line: Sequence[ScoredSet], since: datetime) -> tuple[Known, Known] | None:
    """The highest total of the window and the newest, where that is lower."""
    totals = known(_since(line, since), "")
    if len(totals) < 2:
        return None
    highest = max(totals[:-1], key=lambda one: one.number)
    return (highest, totals[-1]) if totals[-1].number < highest.number else None


def _since(line: Sequence[ScoredSet], since: datetime) -> list[ScoredSet]:
    """The sets since then, oldest first; a line may be long, the window is not."""
    found = list(takewhile(lambda one: one.seen.observed_at >= since, reversed(line)))
    return found[::-1]


def _looked(sign: Sign, line: Sequence[ScoredSet], *, since: datetime, fresh: datetime) -> Looked:
    """The newest answer decides, while it is fresh: a pulse on its own hides no breathing."""
    last = next((one for one in reversed(_since(line, fresh)) if _is_known(one, sign.item)), None)
    if last is None:
        return NOT_KNOWN
    if sign.fall is None and not _is_low(sign, last, None):
        return WELL if last.seen.outcome == ASSESSED else NOT_KNOWN
    answered = [one for one in _since(line, since) if _is_known(one, sign.item)]
    best = max(answered[:-1], key=lambda one: _rank(sign, one), default=None)
    if not _is_low(sign, last, best):
        return WELL if last.seen.outcome == ASSESSED else NOT_KNOWN
    # Without an earlier answer nobody can say that it was always so.
    fell = best is None or _rank(sign, best) > _rank(sign, last)
    shown = (last,) if best is None else (best, last)
    return Looked(
        state="falling" if fell else "low",
        words=_words(sign, last, best if fell else None),
        evidence=tuple(evidence_of(one, sign.item) for one in shown),
    )


def _is_known(one: ScoredSet, item: str) -> bool:
    return has(one, item) if item else one.score.total is not None


def _rank(sign: Sign, one: ScoredSet) -> Decimal:
    """The more, the better; of letters those that the sign does not name are better."""
    if sign.values:
        return Decimal(0 if answer_of(one, sign.item) in sign.values else 1)
    number = number_of(one, sign.item)
    return Decimal(0) if number is None else number


def _is_low(sign: Sign, last: ScoredSet, best: ScoredSet | None) -> bool:
    if sign.values:
        return _rank(sign, last) == 0
    if sign.fall is not None:
        return best is not None and _rank(sign, best) - _rank(sign, last) >= sign.fall
    return sign.at_most is not None and _rank(sign, last) <= sign.at_most


def _words(sign: Sign, last: ScoredSet, best: ScoredSet | None) -> str:
    """`breathing rate 10 /min, was 16`, `GCS 12, was 15`."""
    if last.instrument.scoring == "points":
        said = named(last, sign.item)
    else:
        value = last.answer(sign.item)[0] if sign.item else last.total_words
        said = f"{last.instrument.name} {value}"
    if best is None or sign.values:
        return said
    return f"{said}, was {_rank(sign, best)}"


def is_touched(rule: Rule, touched: Lines) -> bool:
    """Whether these lines hold anything that the rule reads."""
    return not rule.reads.isdisjoint(touched)
