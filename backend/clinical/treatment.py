"""What was given, held and stepped down, as the rules read it; and what rules say of it alone.

Until Vigil keeps an administration record nobody hands a treatment in. Then these rules have no
verdict: what is not known is neither met nor clear.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from backend.clinical.course import ScoredSet
from backend.clinical.protocol_parts import Rule
from backend.clinical.telling import not_met, span
from backend.clinical.trends import evidence_of, known, within
from backend.clinical.verdict import Evidence, Finding


@dataclass(frozen=True, kw_only=True)
class Dose:
    """One dose that was given, or held. `diazepam_mg`: by the unit's table, None if it has none."""

    at: datetime
    drug: str
    sedative: bool
    held: bool = False
    diazepam_mg: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """Everything that was given or held, and when the taper went down a step."""

    doses: tuple[Dose, ...] = ()
    taper_steps: tuple[datetime, ...] = ()

    def given(self, *, since: datetime, until: datetime) -> list[Dose]:
        """What was given in this time, oldest first; the first moment no longer counts."""
        return self._doses(since, until, held=False)

    def held(self, *, since: datetime, until: datetime) -> list[Dose]:
        """What was held in this time, oldest first."""
        return self._doses(since, until, held=True)

    def _doses(self, since: datetime, until: datetime, *, held: bool) -> list[Dose]:
        found = [one for one in self.doses if since < one.at <= until and one.held is held]
        return sorted(found, key=lambda one: one.at)


def evidence_of_dose(dose: Dose) -> Evidence:
    """One dose as it is shown."""
    value = f"{dose.diazepam_mg} mg diazepam equivalent" if dose.diazepam_mg is not None else ""
    return Evidence(
        label=dose.drug,
        value="held" if dose.held else value or "given",
        unit="",
        observed_at=dose.at,
        observation_id=None,
    )


def cumulative_dose(rule: Rule, treatment: Treatment, now: datetime) -> Finding:
    """What was given adds up to a limit; a dose without an equivalent makes it "at least"."""
    limit, window = rule.limits["diazepam_mg"], rule.numbers["within_minutes"]
    doses = treatment.given(since=now - timedelta(minutes=window), until=now)
    doses = [one for one in doses if one.sedative]
    told = [one.diazepam_mg for one in doses if one.diazepam_mg is not None]
    least = sum(told, Decimal(0))
    whole = len(told) == len(doses)
    amount = f"{'' if whole else 'at least '}{least} mg diazepam equivalent within {span(window)}"
    evidence = tuple(evidence_of_dose(one) for one in doses)
    if least >= limit:
        sentence = f"Sedatives add up to {amount} (flagged from {limit} mg)."
        return Finding(state="met", sentence=sentence, evidence=evidence)
    sentence = f"Sedatives add up to {amount}."
    return Finding(state="clear" if whole else "unknown", sentence=sentence, evidence=evidence)


def held_doses(rule: Rule, treatment: Treatment, now: datetime) -> Finding:
    """So many doses were held within the window: the schedule may be too high."""
    times, window = rule.numbers["times"], rule.numbers["within_minutes"]
    held = treatment.held(since=now - timedelta(minutes=window), until=now)
    evidence = tuple(evidence_of_dose(one) for one in held)
    sentence = f"{len(held)} doses were held within {span(window)}"
    if len(held) >= times:
        return Finding(
            state="met", sentence=f"{sentence} (flagged from {times}).", evidence=evidence
        )
    return Finding(state="clear", sentence=f"{sentence}.", evidence=evidence)


def taper_rise(rule: Rule, line: Sequence[ScoredSet], treatment: Treatment) -> Finding:
    """The total has risen by so much since the last one before a step, within hours of the step."""
    newest, by, window = line[-1], rule.limits["by"], rule.numbers["within_minutes"]
    at = newest.seen.observed_at
    steps = [one for one in treatment.taper_steps if at - timedelta(minutes=window) <= one <= at]
    name = newest.instrument.name
    if not steps:
        sentence = f"{name}: no taper step within {span(window)} before it."
        return not_met(newest, possible=False, sentence=sentence, evidence=())
    step = max(steps)
    before = known([one for one in within(line, 2 * window) if one.seen.observed_at < step], "")
    if not before:
        sentence = f"{name}: no set before the taper step to compare with."
        return Finding(state="unknown", sentence=sentence, evidence=())
    base = before[-1]
    stepped = Evidence(
        label="Taper step", value="down", unit="", observed_at=step, observation_id=None
    )
    evidence = (evidence_of(base.one, ""), stepped, evidence_of(newest, ""))
    lowest, highest = newest.score.lowest, newest.score.highest
    if lowest is not None and lowest - base.number >= by:
        after = span(int((at - step) / timedelta(minutes=1)))
        sentence = (
            f"{name} rose by {lowest - base.number} to {newest.total_words}, {after} after a taper"
            f" step (flagged from {by} within {span(window)})."
        )
        return Finding(state="met", sentence=sentence, evidence=evidence)
    return not_met(
        newest,
        possible=highest is None or highest - base.number >= by,
        sentence=f"{name} has not risen by {by} since the taper step.",
        evidence=evidence,
    )


OF_DOSES: Mapping[str, Callable[[Rule, Treatment, datetime], Finding]] = MappingProxyType(
    {"cumulative_dose": cumulative_dose, "held_doses": held_doses}
)
