"""How a finding is told: what is not met, what cannot be told, and one answer in a sentence."""

from datetime import timedelta

from backend.clinical.course import ScoredSet
from backend.clinical.verdict import Evidence, Finding


def not_met(
    newest: ScoredSet, *, possible: bool, sentence: str, evidence: tuple[Evidence, ...]
) -> Finding:
    """What is not met is clear only when the newest set is complete: unknown is not normal."""
    if newest.complete and not possible:
        return Finding(state="clear", sentence=sentence, evidence=evidence)
    return Finding(state="unknown", sentence=unknown(newest), evidence=evidence, possible=possible)


def unknown(newest: ScoredSet) -> str:
    name = newest.instrument.name
    if newest.missing_words:
        return f"{name} cannot be told. Missing: {newest.missing_words}."
    if newest.complete:
        return f"{name} cannot be told: a set before the last one is incomplete."
    return f"{name} cannot be told: the last set was not assessed in full."


def named(newest: ScoredSet, item: str) -> str:
    """One answer in a sentence: "breathing rate 26 /min", "oxygen"."""
    value, unit = newest.answer(item)
    if isinstance(newest.given[item], bool):
        return value
    return f"{newest.instrument.label_of(item)} {value} {unit}".strip()


def capital(words: str) -> str:
    """As a sentence begins, with SpO2 left as it is."""
    return words[0].upper() + words[1:]


def span(minutes: int) -> str:
    """`4 h`, `1 h 30`, `45 min`."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest} min"
    return f"{hours} h {rest:02}" if rest else f"{hours} h"


def between(one: ScoredSet, other: ScoredSet) -> str:
    """The time from one set to another."""
    return span(int((other.seen.observed_at - one.seen.observed_at) / timedelta(minutes=1)))
