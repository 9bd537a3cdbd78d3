"""Two people, one patient, almost one time: both sets stand, and are shown side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from backend.accounts.staff import queries as staff
from backend.clinical.vitals import KINDS
from backend.core import local_time
from backend.core.errors import Invalid
from backend.observations import queries as observations
from backend.observations import words
from backend.observations.queries import VITAL_COLUMNS, StoredSet
from backend.observations.sheet import queries


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One value as both of them have it."""

    label: str
    here: str
    there: str
    differs: bool


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Another person's set of nearly the same time."""

    observation_id: int
    who: str
    observed: str
    outcome: str
    pairs: tuple[Pair, ...]
    differs: bool


def beside(session: Session, stored: StoredSet, zone: ZoneInfo, now: datetime) -> list[Beside]:
    """What others recorded at nearly the same time, held against this set."""
    others = queries.recorded_beside(session, stored)
    names = staff.names(session, [one.observation.recorded_by for one in others])
    found = []
    for one in others:
        row = one.observation
        pairs = tuple(_pairs(stored, one))
        outcome = row.outcome is not stored.observation.outcome
        found.append(
            Beside(
                observation_id=row.id,
                who=names.get(row.recorded_by, "Somebody"),
                observed=local_time.day_and_time(row.observed_at, zone, now),
                outcome=words.OUTCOMES[row.outcome],
                pairs=pairs,
                differs=outcome or any(pair.differs for pair in pairs),
            )
        )
    return found


def _pairs(here: StoredSet, there: StoredSet) -> Iterator[Pair]:
    """What both found. What only one of them has cannot contradict the other."""
    for key in sorted(here.scores.keys() & there.scores.keys()):
        yield _pair(
            words.name_of(key),
            words.total_of(here.scores[key]),
            words.total_of(there.scores[key]),
        )
    for name in VITAL_COLUMNS:
        mine, theirs = getattr(here.observation, name), getattr(there.observation, name)
        if mine is not None and theirs is not None:
            kind = KINDS[name]
            yield _pair(
                f"{kind.label} {kind.unit}".strip(),
                words.vital(name, mine),
                words.vital(name, theirs),
            )


def _pair(label: str, here: str, there: str) -> Pair:
    return Pair(label=label, here=here, there=there, differs=here != there)


def quicker(
    session: Session, stay_id: int, observation_id: int, zone: ZoneInfo, now: datetime
) -> Invalid | None:
    """Of two corrections the first stands: what it says, for whoever wanted to say it otherwise."""
    found = observations.one(session, stay_id, observation_id)
    if found is None or found.superseded_by_id is None:
        return None
    first = observations.one(session, stay_id, found.superseded_by_id)
    if first is None:
        return None
    words = f"Already corrected by {_told(session, first, zone, now)}. Yours is not stored."
    return Invalid("Not saved.", {"form": f"{words} If theirs is wrong, correct theirs."})


def _told(session: Session, stored: StoredSet, zone: ZoneInfo, now: datetime) -> str:
    row = stored.observation
    who = staff.names(session, [row.recorded_by]).get(row.recorded_by, "somebody")
    found = [
        f"{words.name_of(key)} {words.total_of(one)}" for key, one in sorted(stored.scores.items())
    ]
    found += [
        f"{KINDS[name].label} {words.vital(name, value)}"
        for name in VITAL_COLUMNS
        if (value := getattr(row, name)) is not None
    ]
    when = local_time.day_and_time(row.entered_at, zone, now)
    return f"{who}, {when}: {', '.join(found) or words.OUTCOMES[row.outcome]}"
