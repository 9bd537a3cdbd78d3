"""One set as somebody observed it, before anything is scored: what every way in hands over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from backend.clinical.vitals import Vitals

Answer = int | str | Decimal


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What was found at the bed. `answers` and `unscored` go by instrument key, then by item.

    An item that is absent was not answered. `outcome` other than "assessed" says why there is
    nothing, or less, to score; a sleep check still carries the vital signs that were counted.
    """

    observed_at: datetime
    outcome: str = "assessed"
    vitals: Vitals = field(default_factory=Vitals)
    answers: Mapping[str, Mapping[str, Answer]] = field(default_factory=dict)
    unscored: Mapping[str, Mapping[str, Answer]] = field(default_factory=dict)
    note: str | None = None
    # Vital signs that the person was asked about and confirmed: extreme, but real.
    confirmed: frozenset[str] = frozenset()
