"""A running fluid balance: what went in and came out lately. What nobody wrote down is unknown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.clinical.definition import Answer

FLUID = "fluid"
RUNNING = timedelta(hours=24)
# How the definition names its entries, whatever they are.
GOES_IN, COMES_OUT = "_in_ml", "_out_ml"


@dataclass(frozen=True, kw_only=True)
class Balance:
    """Millilitres of the last 24 hours. None: nothing was written down, which is not a zero."""

    in_ml: int | None
    out_ml: int | None
    entries: int
    newest_at: datetime | None

    @property
    def balance_ml(self) -> int | None:
        """Only where both sides are known."""
        if self.in_ml is None or self.out_ml is None:
            return None
        return self.in_ml - self.out_ml


def running(entries: Iterable[tuple[datetime, Mapping[str, Answer]]], *, at: datetime) -> Balance:
    """The balance of the 24 hours before this moment; an entry is its time and its numbers."""
    recent = [(when, given) for when, given in entries if at - RUNNING < when <= at]
    return Balance(
        in_ml=_sum([given for _, given in recent], GOES_IN),
        out_ml=_sum([given for _, given in recent], COMES_OUT),
        entries=len(recent),
        newest_at=max((when for when, _ in recent), default=None),
    )


def _sum(entries: list[Mapping[str, Answer]], side: str) -> int | None:
    found = [int(ml) for given in entries for name, ml in given.items() if name.endswith(side)]
    return sum(found) if found else None
