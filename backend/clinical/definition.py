"""What an instrument is: items with their legal values, bands by name, alarms, codes, sources."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from backend.clinical.reading import Source
from backend.clinical.vitals import KINDS, VitalKind

Value = int | str | bool
Answer = Value | Decimal


class DefinitionError(ValueError):
    """A definition that cannot be used; `reasons` are the sentences why."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a published points table; None is an open end; `when` names other answers."""

    low: Decimal | None
    high: Decimal | None
    points: int
    when: Mapping[str, Value]

    def holds(self, value: Decimal) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def applies(self, answers: Mapping[str, Value]) -> bool:
        return all(answers.get(item) == value for item, value in self.when.items())


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question: either an explicit set of legal values, or a vital sign with a points table."""

    id: str
    also: str
    label: str
    prompt: str
    rater: str
    condition: str
    time_frame: str
    asked_daily: bool
    mark: str
    legal: tuple[Value, ...]
    anchors: Mapping[Value, str]
    points: Mapping[Answer, int]
    rows: tuple[Row, ...]
    assumed: Value | None

    @property
    def vital(self) -> VitalKind | None:
        """The vital sign that this item reads, if it is a measured number."""
        return KINDS[self.id] if self.rows else None

    @property
    def in_a_sentence(self) -> str:
        """Its label as it stands inside a sentence: "pulse", but "SpO2"."""
        return self.label.lower() if self.label == self.label.capitalize() else self.label

    def allows(self, value: object) -> bool:
        """Is it one of the legal values? True is not 1 and 2.0 is not 2."""
        return isinstance(value, int | str) and (type(value), value) in self._legal

    @cached_property
    def _legal(self) -> frozenset[tuple[type, Value]]:
        return frozenset((type(value), value) for value in self.legal)


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
class Unscored:
    """A number that is recorded beside the score and never added to it."""

    id: str
    label: str
    prompt: str
    unit: str
    low: Decimal
    high: Decimal
    asked_daily: bool
    mark: str


@dataclass(frozen=True, kw_only=True)
class Band:
    """A stretch of totals (or, for a single letter, of values) with its word; severity 0 to 4."""

    low: int
    high: int
    values: tuple[str, ...]
    word: str
    severity: int


@dataclass(frozen=True, kw_only=True)
class BandSystem:
    """One author's bands; `red` is the band of a single red parameter below it (NEWS2)."""

    name: str
    label: str
    bands: tuple[Band, ...]
    red: Band | None
    source: Source

    def of_total(self, total: int) -> Band:
        return self._by_total[total]

    @cached_property
    def _by_total(self) -> Mapping[int, Band]:
        """Of bands that overlap, the first; a definition with such bands is refused elsewhere."""
        return {
            total: band for band in reversed(self.bands) for total in range(band.low, band.high + 1)
        }

    def of_value(self, value: str) -> Band:
        return next(band for band in self.bands if value in band.values)


@dataclass(frozen=True, kw_only=True)
class ItemAlarm:
    """An alarm of its own for one item, whatever the total is."""

    id: str
    items: tuple[str, ...]
    values: tuple[Value, ...]
    level: str
    title: str
    text: str
    source: Source


@dataclass(frozen=True, kw_only=True)
class FrequencyRow:
    """How often a total asks for the next set, at least; None where the source names no minutes."""

    low: int
    high: int
    minutes_from: int | None
    minutes_to: int | None
    text: str


@dataclass(frozen=True, kw_only=True)
class Frequency:
    name: str
    rows: tuple[FrequencyRow, ...]
    source: Source


@dataclass(frozen=True, kw_only=True)
class Code:
    system: str
    code: str
    means: str
    status: str


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

    @property
    def version(self) -> int:
        return int(self.id.rsplit("/v", 1)[1])

    @cached_property
    def by_id(self) -> Mapping[str, Item]:
        return {item.id: item for item in self.items}

    @cached_property
    def unscored_by_id(self) -> Mapping[str, Unscored]:
        return {entry.id: entry for entry in self.unscored}

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


def as_text(value: Answer) -> str:
    """A value as TOML and JSON write it: true, not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def reachable(item: Item, answers: Mapping[str, Value]) -> frozenset[int]:
    """Every number of points that an item can give while the other answers are these."""
    if item.rows:
        return frozenset(row.points for row in item.rows if row.applies(answers))
    if item.points:
        return frozenset(item.points.values())
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
