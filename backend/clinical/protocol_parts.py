"""What a unit decides, as values: rules, intervals, grace, ladders, and how an alert ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType

from backend.clinical.definition_parts import Value
from backend.clinical.protocol_rounds import RoundRules
from backend.clinical.reading import Source

ROLES = MappingProxyType(
    {
        "nurse": "the assigned nurse",
        "charge": "the charge nurse",
        "physician": "the physician on duty",
        "on_call": "the on-call back-up",
        "director": "the medical director",
    }
)


@dataclass(frozen=True, kw_only=True)
class Sign:
    """One sign of breathing or alertness: low at a limit, in named answers, or after a fall."""

    instrument: str
    item: str
    at_most: Decimal | None
    values: tuple[Value, ...]
    fall: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the unit. Of the rules of a family that are met, only the highest rank shows.

    It is met only after so many sets running that meet it, and clear only after so many that do
    not, by the milder limit of `clear` where there is one. A rule that is off says nothing.
    """

    id: str
    version: int
    kind: str
    family: str
    rank: int
    level: str
    title: str
    instrument: str
    numbers: Mapping[str, int]
    words: Mapping[str, str]
    source: Source
    limits: Mapping[str, Decimal] = field(default_factory=dict)
    instruments: tuple[str, ...] = ()
    signs: tuple[Sign, ...] = ()
    # Of item alarms: the family that those of an instrument belong to.
    families: Mapping[str, str] = field(default_factory=dict)
    on: bool = True
    raise_after_sets: int = 1
    clear_after_sets: int = 1
    clear: "Rule | None" = None

    @cached_property
    def reads(self) -> frozenset[str]:
        """The instruments that a rule over several of them looks at."""
        return frozenset({*self.instruments, *(sign.instrument for sign in self.signs)})


@dataclass(frozen=True, kw_only=True)
class IntervalRow:
    """From this total to that one: look again after at most so many minutes."""

    low: int
    high: int
    minutes: int


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """How often an instrument is due: as ordered by default, and shortened by the total."""

    ordered_minutes: int
    rows: tuple[IntervalRow, ...]
    red_minutes: int | None
    source: Source


@dataclass(frozen=True, kw_only=True)
class Grace:
    """How long a set may be overdue before it is late: a share of the interval, within limits."""

    percent: int
    at_least_minutes: int
    at_most_minutes: int
    source: Source


@dataclass(frozen=True, kw_only=True)
class Rung:
    """Who is told when nobody has acknowledged for so many minutes."""

    after_minutes: int
    roles: tuple[str, ...]

    @property
    def role_words(self) -> str:
        return " and ".join(ROLES[role] for role in self.roles)


@dataclass(frozen=True, kw_only=True)
class Closing:
    """What it takes to end an alert of one level."""

    newer_evidence_or_second_role: bool
    snooze_minutes: int


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One version of what a unit has decided. Times are in minutes."""

    name: str
    version: int | None
    band_systems: Mapping[str, str]
    rules: tuple[Rule, ...]
    intervals: Mapping[str, Intervals]
    grace: Grace
    ladder: Mapping[str, tuple[Rung, ...]]
    assess_minutes: Mapping[str, int | None]
    recheck_minutes: Mapping[str, tuple[int, ...]]
    close: Mapping[str, Closing]
    fresh_minutes: int
    late_entry_minutes: int
    reoffer_minutes: int
    asleep_at_most: int
    rounds: RoundRules

    @cached_property
    def of_sets(self) -> tuple[Rule, ...]:
        """The rules that are asked whenever a set has come."""
        return tuple(r for r in self.rules if r.on and r.kind not in ("overdue", "event"))

    def rule_for_event(self, kind: str) -> Rule | None:
        """What the unit has decided about a kind of event, if it has."""
        return next(
            (r for r in self.rules if r.kind == "event" and r.words["event"] == kind and r.on), None
        )
