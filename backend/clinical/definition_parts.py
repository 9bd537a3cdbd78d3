"""The parts of an instrument: items, numbers, bands by name, alarms, frequencies, codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property

from backend.clinical.reading import Source
from backend.clinical.vitals import KINDS, VitalKind

Value = int | str | bool
Answer = Value | Decimal


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
    # May stay open in a complete set.
    optional: bool = False
    # Answers after which nothing else is asked (the threshold of a screen).
    ends: tuple[Value, ...] = ()
    # The letter that says that this cannot be tested: then there is no total.
    not_testable: str = ""

    @property
    def lettered(self) -> bool:
        """Whether its answers are names, not numbers: POSS has S, 1, 2, 3, 4."""
        return any(isinstance(value, str) and value != self.not_testable for value in self.legal)

    @property
    def is_signed(self) -> bool:
        """Whether an answer has a sign that must be seen: RASS -1 is not +1."""
        return any(isinstance(value, int) and value < 0 for value in self.legal)

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
    decimals: int = 0
    # The same number in another unit: it is stored as that entry, times `multiply`.
    same_as: str = ""
    multiply: Fraction = Fraction(1)

    @property
    def step(self) -> Decimal:
        """The smallest difference that is recorded: 1 or 0.1."""
        return Decimal(1).scaleb(-self.decimals)

    def rounded(self, value: Decimal | Fraction) -> int | Decimal:
        """To the recorded precision, halves away from zero, as people round."""
        if isinstance(value, Fraction):
            value = Decimal(value.numerator) / Decimal(value.denominator)
        found = value.quantize(self.step, ROUND_HALF_UP)
        return found if self.decimals else int(found)


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


# What stands where a band is asked for and there is none.
NO_BAND = Band(low=0, high=0, values=(), word="no band", severity=0)
# Where no source gives bands there are none: a total without a word, never one of our own.
NO_BANDS = BandSystem(
    name="none",
    label="no bands",
    bands=(),
    red=None,
    source=Source(text="No source gives bands for it", mark="D"),
)


@dataclass(frozen=True, kw_only=True)
class ItemAlarm:
    """An alarm of its own for one item, whatever the total is.

    For an item `values` are the answers that raise it; for a number it is what lies from `low` to
    `high`, where None is an open end.
    """

    id: str
    items: tuple[str, ...]
    values: tuple[Value, ...]
    level: str
    title: str
    text: str
    source: Source
    low: Decimal | None = None
    high: Decimal | None = None

    def is_raised_by(self, answer: Answer | None) -> bool:
        """Whether this answer raises it; a missing one raises nothing."""
        if answer is None or not (self.low is not None or self.high is not None):
            return answer is not None and answer in self.values
        number = Decimal(answer)
        return (self.low is None or number >= self.low) and (
            self.high is None or number <= self.high
        )


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
