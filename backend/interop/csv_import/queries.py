"""Questions about what earlier imports have stored."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from backend.observations import queries as observations
from backend.observations.models import Observation, Score, Source
from backend.patients.models import Patient
from backend.stays.models import Stay

# PostgreSQL plans a list of this length well.
AT_ONCE = 1000

StoredAt = dict[tuple[int, datetime], list[tuple[Observation, dict[str, Score]]]]


def patients(session: Session, source: str, source_ids: Collection[str]) -> dict[str, int]:
    """Those patients of this origin that are there: what the origin calls them -> id."""
    rows = session.execute(
        select(Patient.source_id, Patient.id).where(
            Patient.source == source, Patient.source_id.in_(list(source_ids))
        )
    )
    return {str(source_id): patient_id for source_id, patient_id in rows}


def open_stays(session: Session, patient_id: int) -> Sequence[Stay]:
    """Where this patient still lies."""
    return session.scalars(
        select(Stay).where(Stay.patient_id == patient_id, Stay.discharged_at.is_(None))
    ).all()


def stays(session: Session, keys: Collection[UUID]) -> dict[UUID, Stay]:
    """Those of these stays that are there."""
    found: dict[UUID, Stay] = {}
    for some in _in_parts(list(keys)):
        found |= {
            stay.key: stay for stay in session.scalars(select(Stay).where(Stay.key.in_(some)))
        }
    return found


def known_keys(session: Session, keys: Collection[UUID]) -> set[UUID]:
    """Those of these sets that are there."""
    found: set[UUID] = set()
    for some in _in_parts(list(keys)):
        found |= set(session.scalars(select(Observation.key).where(Observation.key.in_(some))))
    return found


def stored_at(session: Session, places: Collection[tuple[int, datetime]]) -> StoredAt:
    """What was imported of these stays at these times, with its scores."""
    rows = session.scalars(
        select(Observation).where(
            tuple_(Observation.stay_id, Observation.observed_at).in_(list(places)),
            Observation.source == Source.IMPORT,
        )
    ).all()
    scores = observations.scores_of(session, [row.id for row in rows])
    found: StoredAt = {}
    for row in rows:
        found.setdefault((row.stay_id, row.observed_at), []).append((row, scores.get(row.id, {})))
    return found


def _in_parts(keys: list[UUID]) -> Iterator[list[UUID]]:
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]
