"""What a rule finds, and what it says to the ward: a state, a sentence, and what that rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

# What was put to a rule, as JSON holds it: enough to ask again.
Asked = Mapping[str, str | int | list[int] | None]

State = Literal["met", "clear", "unknown", "stale", "waiting"]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One value that a verdict rests on."""

    label: str
    value: str
    unit: str
    observed_at: datetime
    observation_id: int | None

    def as_json(self) -> dict[str, str | int | None]:
        return {
            "label": self.label,
            "value": self.value,
            "unit": self.unit,
            "observed_at": self.observed_at.isoformat(),
            "observation_id": self.observation_id,
        }


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Whether a rule is met, in a sentence, and the values that say so.

    `possible` says of an unknown that it may be met: then what an earlier set said still stands.
    """

    state: State
    sentence: str
    evidence: tuple[Evidence, ...]
    possible: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one rule says now.

    met: it holds. clear: the newest set is complete and says that it does not. unknown: the newest
    set cannot say. stale: it is too old to say anything about now: raises nothing, clears nothing.
    waiting: the unit wants more sets that say the same before it raises, or clears.
    `observation_id` is the set that decided, `before` are the totals before it, oldest first, and
    `slope` says how they go.
    Of the rules of a family that are met, a screen shows only the highest rank.
    """

    rule: str
    rule_version: int
    family: str
    rank: int
    title: str
    level: str
    state: State
    sentence: str
    evidence: tuple[Evidence, ...]
    observation_id: int | None
    band_system: str | None
    source: str
    before: tuple[Evidence, ...] = ()
    slope: str = ""
    asked: Asked = field(default_factory=dict)
