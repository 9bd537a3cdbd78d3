"""What several instruments ask is asked once: an answer that a vital sign of the set gives."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

from backend.clinical.definition import Answer, Instrument, Value
from backend.clinical.reading import Source, Table
from backend.clinical.scale import latest, shipped
from backend.clinical.vitals import KINDS, Vitals

Answers = Mapping[str, Mapping[str, Answer]]


class SharedError(ValueError):
    """A list of shared questions that cannot be used."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """From one whole number to another, both included; None is an open end."""

    low: int | None
    high: int | None
    answer: Value

    def holds(self, value: int) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    @property
    def words(self) -> str:
        if self.low is None:
            return f"{self.high} or below"
        return f"{self.low} or above" if self.high is None else f"{self.low} to {self.high}"


@dataclass(frozen=True, kw_only=True)
class Shared:
    """One item of one definition that is a stretch of one vital sign."""

    definition: str
    item: str
    vital: str
    stretches: tuple[Stretch, ...]
    source: Source

    def answer(self, vitals: Vitals) -> Value | None:
        """What the vital sign says on this scale; None where it was not measured."""
        value = getattr(vitals, self.vital)
        if value is None:
            return None
        return next((one.answer for one in self.stretches if one.holds(value)), None)


def load(text: str) -> tuple[Shared, ...]:
    """Read the list; each entry must tile its vital sign with every answer of its item, once."""
    reasons: list[str] = []
    document = Table(tomllib.loads(text), "shared", reasons)
    found = tuple(_shared(table) for table in document.tables("read", named_by="item"))
    document.finish()
    if reasons:
        raise SharedError(" ".join(reasons))
    return found


def _shared(table: Table) -> Shared:
    made = Shared(
        definition=table.text("definition"),
        item=table.text("item"),
        vital=table.text("vital"),
        stretches=tuple(_stretch(row) for row in table.tables("rows")),
        source=table.source(),
    )
    table.finish()
    instrument = shipped().get(made.definition)
    item = instrument.by_id.get(made.item) if instrument else None
    if item is None or made.vital not in KINDS or KINDS[made.vital].decimals:
        table.refuse("names no item of a shipped definition, or no vital sign in whole numbers")
    elif item.rater != "measured" or [one.answer for one in made.stretches] != list(item.legal):
        table.refuse("must be measured, and give every answer of the item once, in order")
    elif not _tiles(made.stretches):
        table.refuse("must have one stretch for every number, without a gap")
    return made


def _stretch(table: Table) -> Stretch:
    made = Stretch(
        low=table.maybe_whole("low"), high=table.maybe_whole("high"), answer=table.whole("answer")
    )
    table.finish()
    return made


def _tiles(stretches: tuple[Stretch, ...]) -> bool:
    """From an open end to an open end, each beginning one above the end of the one before."""
    ends = [one.high for one in stretches]
    begins = [None, *(end + 1 if end is not None else None for end in ends[:-1])]
    return [one.low for one in stretches] == begins and ends[-1] is None and None not in ends[:-1]


SHARED = load((resources.files("backend.clinical") / "shared.toml").read_text("utf-8"))


def of(instrument: Instrument) -> Mapping[str, Shared]:
    """What this definition shares, by item; nothing for a version that nobody compared."""
    return MappingProxyType({one.item: one for one in SHARED if one.definition == instrument.id})


def read_off(instrument: Instrument, vitals: Vitals) -> dict[str, Answer]:
    """The answers that the vital signs of the set give."""
    found = {name: one.answer(vitals) for name, one in of(instrument).items()}
    return {name: answer for name, answer in found.items() if answer is not None}


def filled(answers: Answers, vitals: Vitals) -> dict[str, Mapping[str, Answer]]:
    """The same answers, and what the vital signs add to an instrument that was begun.

    What was answered stands. Nobody's instrument is begun by a vital sign alone.
    """
    known = latest()
    return {
        key: {**read_off(known[key], vitals), **given} if given and key in known else given
        for key, given in answers.items()
    }


def contradictions(answers: Answers, vitals: Vitals) -> dict[str, str]:
    """A sentence for each answer that its own vital sign denies, by `instrument.item`."""
    found = {}
    for key, given in answers.items():
        instrument = latest().get(key)
        for name, one in of(instrument).items() if instrument else ():
            right = one.answer(vitals)
            if instrument and name in given and right is not None and given[name] != right:
                kind, value = KINDS[one.vital], getattr(vitals, one.vital)
                found[f"{key}.{name}"] = (
                    f"{kind.label} {value} {kind.unit} is {right} on {instrument.name}, not"
                    f" {given[name]}. Leave this open: it is read off the {kind.label.lower()}."
                )
    return found
