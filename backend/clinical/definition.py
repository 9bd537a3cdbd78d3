"""What an instrument is: items with their legal values, bands by name, alarms, codes, sources."""

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from backend.clinical.definition_parts import (
    NO_BAND,
    NO_BANDS,
    Answer,
    Band,
    BandSystem,
    Code,
    Frequency,
    FrequencyRow,
    Item,
    ItemAlarm,
    Row,
    Unscored,
    Value,
)
from backend.clinical.vitals import KINDS

__all__ = [
    "NO_BAND",
    "NO_BANDS",
    "Answer",
    "Band",
    "BandSystem",
    "Code",
    "DefinitionError",
    "Frequency",
    "FrequencyRow",
    "Instrument",
    "Item",
    "ItemAlarm",
    "Row",
    "Unscored",
    "Value",
    "Way",
    "as_text",
    "reachable",
    "settings",
    "totals",
]


class DefinitionError(ValueError):
    """A definition that cannot be used; `reasons` are the sentences why."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way in which the conditions can be answered: the rows and points that then apply."""

    answers: Mapping[str, Value]
    rows: Mapping[str, tuple[Row, ...]]
    reach: Mapping[str, frozenset[int]]
    _sums: dict[frozenset[str], frozenset[int]] = field(default_factory=dict)

    def sums(self, missing: frozenset[str]) -> frozenset[int]:
        """Every number of points that these items can add up to. Asked often, worked out once."""
        if missing not in self._sums:
            found = {0}
            for name in missing:
                found = {total + points for total in found for points in self.reach[name]}
            self._sums[missing] = frozenset(found)
        return self._sums[missing]


@dataclass(frozen=True, kw_only=True)
class Instrument:
    id: str
    key: str
    name: str
    measures: str
    citation: str
    terms: str
    purpose: str
    limits: tuple[str, ...]
    scoring: str
    items: tuple[Item, ...]
    unscored: tuple[Unscored, ...]
    band_systems: Mapping[str, BandSystem]
    default_bands: str
    red_points: int | None
    alarms: tuple[ItemAlarm, ...]
    frequency: tuple[Frequency, ...]
    codes: tuple[Code, ...]
    # The item or number that stands for the whole where there is no total.
    headline: str = ""
    # Of the instruments of one such group a unit uses one ("sedation").
    one_of: str = ""
    # GCS: 15 is well, 3 is not.
    higher_is_better: bool = False
    # Whose permission a unit needs before it may use it.
    permission: str = ""
    # A fingerprint of everything that the file says, its comments and layout apart.
    content_sha256: str = ""

    @property
    def version(self) -> int:
        return int(self.id.rsplit("/v", 1)[1])

    @cached_property
    def by_id(self) -> Mapping[str, Item]:
        return {item.id: item for item in self.items}

    def label_of(self, name: str) -> str:
        """The label of an item or a number, as it stands inside a sentence."""
        if name in self.by_id:
            return self.by_id[name].in_a_sentence
        return self.unscored_by_id[name].label.lower()

    @cached_property
    def unscored_by_id(self) -> Mapping[str, Unscored]:
        return {entry.id: entry for entry in self.unscored}

    @cached_property
    def asked_daily(self) -> frozenset[str]:
        """The items and numbers that are asked once a day."""
        items = frozenset(item.id for item in self.items if item.asked_daily)
        return items | {entry.id for entry in self.unscored if entry.asked_daily}

    @property
    def is_asked(self) -> bool:
        """Whether somebody answers it; NEWS2 and ACVPU are read off the vital signs."""
        asked = (item for item in self.items if item.rater != "setting")
        return bool(self.unscored) or any(item.id not in KINDS for item in asked)

    @property
    def has_bands(self) -> bool:
        return self.default_bands != NO_BANDS.name

    @property
    def is_signed(self) -> bool:
        """Whether totals have a sign that must be seen."""
        return any(item.is_signed for item in self.items)

    @cached_property
    def scored(self) -> tuple[Item, ...]:
        """The items that give points; a setting such as the SpO2 scale gives none."""
        return tuple(item for item in self.items if item.rater != "setting")

    @cached_property
    def conditions(self) -> tuple[Item, ...]:
        """The items whose answer decides which rows of another item apply."""
        named = {name for item in self.items for row in item.rows for name in row.when}
        return tuple(item for item in self.items if item.id in named)

    @cached_property
    def conditional(self) -> frozenset[str]:
        """The items whose points depend on the answer to another."""
        return frozenset(item.id for item in self.items if any(row.when for row in item.rows))

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        """Every way in which the conditions can be answered; one, where there are none."""
        return tuple(
            Way(
                answers=answers,
                rows={i.id: tuple(r for r in i.rows if r.applies(answers)) for i in self.items},
                reach={i.id: reachable(i, answers) for i in self.scored},
            )
            for answers in settings(self, {})
        )


def fingerprint(said: Mapping[str, Any]) -> str:
    """Of everything that a file says, whatever its comments and layout."""
    words = json.dumps(said, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(words.encode(errors="surrogatepass")).hexdigest()


def as_text(value: Answer) -> str:
    """A value as TOML and JSON write it: true, not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def reachable(item: Item, answers: Mapping[str, Value]) -> frozenset[int]:
    """Every number of points that an item can give while the other answers are these."""
    if item.rows:
        return frozenset(row.points for row in item.rows if row.applies(answers))
    if item.points:
        return frozenset(item.points.values())
    if item.lettered:
        return frozenset()
    return frozenset(value for value in item.legal if isinstance(value, int))


def settings(instrument: Instrument, known: Mapping[str, Value]) -> list[dict[str, Value]]:
    """Every way in which the unanswered conditions could still turn out."""
    ways = [[known[i.id]] if i.id in known else list(i.legal) for i in instrument.conditions]
    names = [item.id for item in instrument.conditions]
    return [dict(zip(names, way, strict=True)) for way in itertools.product(*ways)]


def totals(instrument: Instrument) -> frozenset[int]:
    """Every total that an instrument can give."""
    found: set[int] = set()
    for way in settings(instrument, {}):
        sums = {0}
        for item in instrument.scored:
            here = {item.points[way[item.id]]} if item.id in way else reachable(item, way)
            sums = {total + points for total in sums for points in here}
        found |= sums
    return frozenset(found)
