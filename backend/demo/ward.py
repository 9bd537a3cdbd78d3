"""The simulated ward between two deeds: who lies where, and what its staff means to do next."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from backend.demo.people import SEED, Person, on_shift

Does = Callable[[Session, datetime], None]


@dataclass(frozen=True, order=True)
class Planned:
    """One deed of somebody, at its time; of two at the same time, the one planned first."""

    at: datetime
    number: int
    does: Does = field(compare=False)


@dataclass
class Ward:
    """The unit as its simulated staff knows it. `speed`: their hours to one of the clock's."""

    unit_id: int
    zone: ZoneInfo
    staff: dict[str, int]
    speed: float = 1.0
    # Until here one hour of the staff was one of the clock's.
    lived_until: datetime | None = None
    planned: list[Planned] = field(default_factory=list)
    persons: dict[int, Person] = field(default_factory=dict)
    visits: Counter[int] = field(default_factory=Counter)
    # Sleep checks in a row.
    slept: Counter[int] = field(default_factory=Counter)
    # Alerts that somebody has heard of.
    heard: set[int] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    next_number: int = 1
    # Bed -> when it must be free, for somebody whose course is written.
    kept_free: dict[int, datetime] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=count)

    def plan(self, at: datetime, does: Does, *, now: datetime) -> None:
        """At this time of theirs, seen from now."""
        here = now + (at - now) / self.speed if at > now else at
        heapq.heappush(self.planned, Planned(here, next(self._numbers), does))

    def hour(self, admitted_at: datetime, at: datetime) -> float:
        """How many hours of their own a patient has been here."""
        hours = (at - admitted_at) / timedelta(hours=1)
        if self.lived_until is not None and at > self.lived_until:
            hours += (at - self.lived_until) / timedelta(hours=1) * (self.speed - 1)
        return hours

    def local_hour(self, at: datetime) -> float:
        """What the unit's clock says, in hours."""
        local = at.astimezone(self.zone)
        return local.hour + local.minute / 60

    def nurse(self, stay_id: int, at: datetime) -> int:
        """Who of the shift has this patient."""
        names = on_shift(self.local_hour(at))
        return self.staff[names[stay_id % len(names)]]


def dice(*what: object) -> random.Random:
    """The same numbers every time for the same thing."""
    return random.Random(" ".join(map(str, (SEED, *what))))  # noqa: S311 (invents, guards nothing)


def live_through(
    ward: Ward, until: datetime, begins: Callable[[datetime], bool], done: Callable[[Planned], None]
) -> None:
    """Do what is planned, in its order. `begins` waits for a deed's time; False stops it all."""
    while ward.planned and ward.planned[0].at <= until:
        if not begins(ward.planned[0].at):
            return
        done(heapq.heappop(ward.planned))
