"""A course of sets as the rules read it: one line of scored sets per instrument, oldest first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from backend.clinical.definition import (
    NO_BAND,
    Answer,
    Band,
    BandSystem,
    Instrument,
    reachable,
    settings,
)
from backend.clinical.protocol import Protocol, band_system
from backend.clinical.scale import Score, instruments, latest, possible_bands, score
from backend.clinical.verdict import Evidence
from backend.clinical.vitals import Vitals

ASSESSED = "assessed"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One stored set. An outcome other than "assessed" can raise an alarm, but never clear one."""

    id: int
    observed_at: datetime
    entered_at: datetime
    outcome: str
    vitals: Vitals
    scores: Mapping[str, Score]


@dataclass(frozen=True, kw_only=True)
class ScoredSet:
    """One score of one set, with the mildest and the worst band that it can be in."""

    seen: Seen
    score: Score
    instrument: Instrument
    system: BandSystem
    mildest: Band
    worst: Band

    @property
    def complete(self) -> bool:
        return self.seen.outcome == ASSESSED and self.score.status == "ok"

    @property
    def given(self) -> Mapping[str, Answer]:
        """Everything that was answered, the numbers beside the score too."""
        return {**self.score.answers, **self.score.unscored}

    def evidence(self, item: str) -> Evidence:
        """One answer of this set, as it is shown."""
        value, unit = self.answer(item)
        asked = self.instrument.by_id.get(item) or self.instrument.unscored_by_id[item]
        return self.evidence_of(asked.label, value, unit)

    def evidence_of(self, label: str, value: str, unit: str = "") -> Evidence:
        return Evidence(
            label=label,
            value=value,
            unit=unit,
            observed_at=self.seen.observed_at,
            observation_id=self.seen.id,
        )

    def answer(self, item: str) -> tuple[str, str]:
        """What was answered, with its words or its unit."""
        answer = self.given[item]
        if item in self.instrument.unscored_by_id:
            return str(answer), self.instrument.unscored_by_id[item].unit
        asked = self.instrument.by_id[item]
        if asked.vital:
            return str(answer), asked.vital.unit
        words = "" if isinstance(answer, Decimal) else asked.anchors.get(answer, "")
        if isinstance(answer, bool):
            return words, ""
        return f"{answer} ({words})" if words else str(answer), ""

    @property
    def total_words(self) -> str:
        """ "26", or "at least 6" while something is missing."""
        known = self.score.total is not None
        return str(self.score.total) if known else f"at least {self.score.lowest}"

    @property
    def missing_words(self) -> str:
        return ", ".join(self.instrument.by_id[item].in_a_sentence for item in self.score.missing)

    @property
    def can_turn_red(self) -> bool:
        """Whether a value that is not known could be one that stands out on its own."""
        known = {i.id: i.assumed for i in self.instrument.items if i.assumed is not None}
        known |= {n: a for n, a in self.score.answers.items() if not isinstance(a, Decimal)}
        return any(
            self.instrument.red_points in reachable(item, way)
            for way in settings(self.instrument, known)
            for item in self.instrument.scored
            if item.id not in self.score.points
        )


def by_observed(seen: Seen) -> tuple[datetime, datetime, int]:
    return seen.observed_at, seen.entered_at, seen.id


def by_entered(seen: Seen) -> tuple[datetime, datetime, int]:
    return seen.entered_at, seen.observed_at, seen.id


def lines(course: Iterable[Seen], protocol: Protocol) -> dict[str, list[ScoredSet]]:
    """The scored sets of each instrument, oldest first, whatever order they come in."""
    found: dict[str, list[ScoredSet]] = {}
    for seen in sorted(course, key=by_observed):
        for one in scored_sets(seen, protocol):
            found.setdefault(one.score.key, []).append(one)
    return found


def scored_sets(seen: Seen, protocol: Protocol) -> list[ScoredSet]:
    """The scores of one set; what was invalid was never stored and says nothing."""
    scores = [*seen.scores.values(), *_single_scores(seen)]
    return [_scored_set(seen, one, protocol) for one in scores if one.status != "invalid"]


def _single_scores(seen: Seen) -> list[Score]:
    """Instruments of one vital sign (ACVPU) are read off the set itself, stored or not."""
    found = []
    for instrument in latest().values():
        if instrument.scoring != "single" or instrument.is_asked:
            continue
        answer = getattr(seen.vitals, instrument.items[0].id)
        if answer is not None and instrument.key not in seen.scores:
            found.append(_single_score(instrument.id, answer))
    return found


@lru_cache(maxsize=64)
def _single_score(definition: str, answer: Answer) -> Score:
    """There are few letters, and a course asks for each of them again and again."""
    instrument = instruments()[definition]
    return score(instrument, {instrument.items[0].id: answer})


def _scored_set(seen: Seen, scored: Score, protocol: Protocol) -> ScoredSet:
    """With the bands that the unit uses, whatever system the score was stored with."""
    instrument = instruments()[scored.definition]
    system = band_system(instrument, protocol.band_systems)
    bands = scored.possible_bands
    if scored.lowest is not None and scored.highest is not None:
        bands = possible_bands(system, (scored.lowest, scored.highest), red=bool(scored.red))
    return ScoredSet(
        seen=seen,
        score=scored,
        instrument=instrument,
        system=system,
        mildest=bands[0] if bands else NO_BAND,
        worst=bands[-1] if bands else NO_BAND,
    )
