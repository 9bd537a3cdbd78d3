"""The board of a unit as it stands, worked out once per change, however many screens ask."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from backend.accounts.staff import queries as staff
from backend.accounts.units.models import Unit
from backend.board import queries
from backend.board.cards import NO_BED, Card, card
from backend.board.queries import Lying
from backend.core import live
from backend.protocols import queries as protocols
from backend.stays import queries as stays

# No word may have come because nothing changed; the clock goes on all the same.
OLDEST_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The figures above the board. Each is counted, so a 0 is a 0."""

    patients: int
    without_bed: int
    emergency: int
    urgent: int
    advisory: int
    overdue: int
    unknown: int


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everybody on a unit. `parts` keeps what was rendered of it, by what the reader may see."""

    cards: tuple[Card, ...]
    counts: Counts
    free_beds: tuple[str, ...]
    words_heard: int | None
    made_at: float
    parts: dict[object, str] = field(default_factory=dict)

    def part(self, key: object, make: Callable[[], str]) -> str:
        """What was rendered under this key, or is now."""
        if key not in self.parts:
            self.parts[key] = make()
        return self.parts[key]


_newest: dict[int, Snapshot] = {}
_locks: dict[int, threading.Lock] = {}


def of_unit(session: Session, unit: Unit, now: datetime) -> Snapshot:
    """The unit's board; shared by all who ask until a word is heard, and for a second at most.

    While this process hears no words it shares nothing.
    """
    if live.broadcast.words_heard is None:
        return _make(session, unit, now, words_heard=None)
    with _locks.setdefault(unit.id, threading.Lock()):
        # Read before the rows are: what changes meanwhile makes this snapshot old at birth.
        words_heard = live.broadcast.words_heard
        newest = _newest.get(unit.id)
        if newest is None or not _holds(newest, words_heard):
            newest = _newest[unit.id] = _make(session, unit, now, words_heard=words_heard)
        return newest


def _holds(snapshot: Snapshot, words_heard: int | None) -> bool:
    young = time.monotonic() - snapshot.made_at < OLDEST_S
    return young and words_heard is not None and snapshot.words_heard == words_heard


def _make(session: Session, unit: Unit, now: datetime, *, words_heard: int | None) -> Snapshot:
    made_at = time.monotonic()
    protocol = protocols.in_force(session, unit.id, at=now).protocol
    everybody = queries.lying(session, unit.id)
    names = staff.names(session, _named(everybody))
    zone = ZoneInfo(unit.time_zone)
    cards = tuple(
        card(one, names=names, asleep_at_most=protocol.asleep_at_most, zone=zone, now=now)
        for one in everybody
    )
    return Snapshot(
        cards=cards,
        counts=_counted(cards),
        free_beds=tuple(bed.label for bed in stays.free_beds(session, unit.id)),
        words_heard=words_heard,
        made_at=made_at,
    )


def _counted(cards: tuple[Card, ...]) -> Counts:
    levels = [level for card in cards for level in card.alert_levels]
    return Counts(
        patients=len(cards),
        without_bed=sum(card.plate == NO_BED for card in cards),
        emergency=levels.count("emergency"),
        urgent=levels.count("urgent"),
        advisory=levels.count("advisory"),
        overdue=sum(card.overdue for card in cards),
        unknown=sum(card.note is not None and card.note.level == "unknown" for card in cards),
    )


def _named(everybody: list[Lying]) -> list[int]:
    people = {
        person
        for one in everybody
        for alert in one.alerts
        for person in (alert.acknowledged_by, alert.seen_by)
    }
    return [person for person in people if person is not None]
