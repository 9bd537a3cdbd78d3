"""Questions about what was observed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session, aliased

from backend.clinical import scale
from backend.clinical.deterioration import POISON, Seen
from backend.clinical.scale import Score as ClinicalScore
from backend.clinical.vitals import Vitals
from backend.observations.models import Observation, Score, ScoreStatus

VITAL_COLUMNS = (
    "respiratory_rate_per_min",
    "spo2_percent",
    "on_oxygen",
    "oxygen_l_per_min",
    "systolic_mmhg",
    "diastolic_mmhg",
    "pulse_per_min",
    "temperature_c",
    "consciousness",
)
# A rule looks back over a few sets; this is more than any of them asks for.
COURSE_LENGTH = 24
log = structlog.get_logger()


# What every save asks: put together once.
SCORES_OF = select(Score).where(Score.observation_id.in_(bindparam("of_sets", expanding=True)))
SETS = select(Observation).where(Observation.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, kw_only=True)
class StoredSet:
    """One set with its scores, and the set that corrected it, if one did."""

    observation: Observation
    scores: Mapping[str, Score]
    superseded_by_id: int | None


def by_key(session: Session, key: UUID) -> Observation | None:
    """The set that this deed has already stored, if it has."""
    return session.scalars(select(Observation).where(Observation.key == key)).one_or_none()


def versions_before(session: Session, row: Observation) -> list[int]:
    """The sets that this one corrects, and what those had corrected, newest first."""
    found: list[int] = []
    before = row.supersedes_id
    while before is not None:
        found.append(before)
        before = session.scalars(
            select(Observation.supersedes_id).where(Observation.id == before)
        ).one()
    return found


def scores_of(session: Session, observation_ids: Sequence[int]) -> dict[int, dict[str, Score]]:
    """The scores of these sets, by set and instrument."""
    found: dict[int, dict[str, Score]] = {}
    for score in session.scalars(SCORES_OF, {"of_sets": observation_ids}):
        found.setdefault(score.observation_id, {})[score.instrument] = score
    return found


def recent(
    session: Session, stay_id: int, *, most: int = 200, with_corrected: bool = True
) -> list[StoredSet]:
    """The newest sets of a stay, newest first, corrected ones included and marked."""
    newer = aliased(Observation)
    query = (
        select(Observation, newer.id)
        .outerjoin(newer, newer.supersedes_id == Observation.id)
        .where(Observation.stay_id == stay_id)
        .order_by(Observation.observed_at.desc(), Observation.id.desc())
        .limit(most)
    )
    if not with_corrected:
        query = query.where(newer.id.is_(None))
    rows = session.execute(query).all()
    scores = scores_of(session, [observation.id for observation, _ in rows])
    return [
        StoredSet(
            observation=observation,
            scores=scores.get(observation.id, {}),
            superseded_by_id=superseded_by_id,
        )
        for observation, superseded_by_id in rows
    ]


def one(session: Session, stay_id: int, observation_id: int) -> StoredSet | None:
    """One set of this stay."""
    newer = aliased(Observation)
    row = session.execute(
        select(Observation, newer.id)
        .outerjoin(newer, newer.supersedes_id == Observation.id)
        .where(Observation.stay_id == stay_id, Observation.id == observation_id)
    ).one_or_none()
    if row is None:
        return None
    observation, superseded_by_id = row
    return StoredSet(
        observation=observation,
        scores=scores_of(session, [observation.id]).get(observation.id, {}),
        superseded_by_id=superseded_by_id,
    )


def course(session: Session, stay_id: int, *, most: int = COURSE_LENGTH) -> list[Seen]:
    """The newest sets as the rules read them: as if every correction had been right at first."""
    return course_and_gaps(session, stay_id, most=most)[0]


def course_and_gaps(
    session: Session, stay_id: int, *, most: int = COURSE_LENGTH
) -> tuple[list[Seen], list[int]]:
    """The same, and the sets among them that nobody can read: a poisoned row stops no other."""
    newest = [(row.id, row.written_at) for row in _newest(session, stay_id, most)]
    found = {name: _read[name] for name in newest if name in _read}
    if len(found) < len(newest):
        new = _sets(session, [name[0] for name in newest if name not in found])
        if len(_read) + len(new) > MOST_READ:
            _read.clear()
        _read.update(new)
        found |= new
    return [found[name] for name in newest if name in found], [
        name[0] for name in newest if name not in found
    ]


def sets(session: Session, stay_id: int, ids: Sequence[int]) -> list[Seen]:
    """These sets of a stay as they were written, whether or not they have been corrected since."""
    found = _sets(session, ids).values() if ids else ()
    of_stay = set(
        session.scalars(
            select(Observation.id).where(Observation.stay_id == stay_id, Observation.id.in_(ids))
        )
    )
    return [one for one in found if one.id in of_stay]


# A stored set never changes, so each process reads it once. The time it was written at tells it
# from a set that was rolled back and left its number to another.
_read: dict[tuple[int, datetime], Seen] = {}
MOST_READ = 2000

_corrected = aliased(Observation)
NEWEST = (
    select(Observation.id, Observation.written_at)
    .where(
        Observation.stay_id == bindparam("of_stay"),
        ~select(_corrected.id).where(_corrected.supersedes_id == Observation.id).exists(),
    )
    .order_by(Observation.observed_at.desc(), Observation.id.desc())
    .limit(bindparam("most"))
)


def _newest(session: Session, stay_id: int, most: int) -> Sequence[Row[int, datetime]]:
    return session.execute(NEWEST, {"of_stay": stay_id, "most": most}).all()


def _sets(session: Session, ids: Sequence[int]) -> dict[tuple[int, datetime], Seen]:
    """These sets by number and time of writing; what cannot be read is left out, and told."""
    scores = scores_of(session, ids)
    found = {}
    for row in session.scalars(SETS, {"ids": ids}):
        stored = StoredSet(observation=row, scores=scores.get(row.id, {}), superseded_by_id=None)
        try:
            found[row.id, row.written_at] = seen(stored)
        except POISON:
            log.exception("set_cannot_be_read", observation_id=row.id)
    return found


def seen(stored: StoredSet) -> Seen:
    """A stored set as a clinical value."""
    row = stored.observation
    return Seen(
        id=row.id,
        observed_at=row.observed_at,
        entered_at=row.entered_at,
        outcome=row.outcome.value,
        vitals=vitals_of(row),
        scores={key: restored(score) for key, score in stored.scores.items()},
    )


def vitals_of(row: Observation) -> Vitals:
    """The vital signs of a stored set as a clinical value."""
    return Vitals(**{name: getattr(row, name) for name in VITAL_COLUMNS})


def restored(row: Score) -> ClinicalScore:
    """A stored score as a clinical value, exactly as it was made; nothing is scored again."""
    instrument = scale.instruments()[row.definition]
    system = instrument.band_systems[row.band_system]
    answers: dict[str, Any] = {name: _exact(answer) for name, answer in row.answers.items()}
    band = next((b for b in system.bands if row.band is not None and b.word == row.band), None)
    if band is None and system.red is not None and row.band == system.red.word:
        band = system.red
    unscored = {name: _exact(answer) for name, answer in row.unscored.items()}
    known = row.answers.keys() | row.points.keys()
    missing = tuple(i.id for i in instrument.scored if i.id not in known and not i.optional)
    complete = row.status is ScoreStatus.OK
    return ClinicalScore(
        definition=row.definition,
        key=row.instrument,
        status=row.status.value,
        answers=MappingProxyType(answers),
        points=MappingProxyType(dict(row.points)),
        unscored=MappingProxyType(unscored),
        total=row.total,
        lowest=row.lowest,
        highest=row.highest,
        possible=(),
        value=scale.value_of(instrument, answers | unscored) if complete else None,
        band=band,
        possible_bands=(band,) if band else (),
        band_system=row.band_system,
        missing=() if complete else missing,
        illegal=MappingProxyType({}),
        alarms=scale.alarms_named(instrument, row.alarms),
        red=tuple(n for n, p in row.points.items() if p == instrument.red_points),
    )


def _exact(answer: Any) -> Any:
    """JSON has one kind of number; what was not whole was a Decimal."""
    return Decimal(str(answer)) if isinstance(answer, float) else answer
