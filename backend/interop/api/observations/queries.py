"""The sets of a stay in pages that a machine can follow."""

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from backend.observations.models import Observation
from backend.observations.queries import StoredSet, scores_of


def stored_before(
    session: Session, stay_id: int, *, before: int | None, most: int
) -> list[StoredSet]:
    """The sets stored before this id, the last first: pages that stay put when sets come in."""
    newer = aliased(Observation)
    question = (
        select(Observation, newer.id)
        .outerjoin(newer, newer.supersedes_id == Observation.id)
        .where(Observation.stay_id == stay_id)
        .order_by(Observation.id.desc())
        .limit(most)
    )
    if before is not None:
        question = question.where(Observation.id < before)
    rows = session.execute(question).all()
    scores = scores_of(session, [observation.id for observation, _ in rows])
    return [
        StoredSet(
            observation=observation,
            scores=scores.get(observation.id, {}),
            superseded_by_id=superseded_by_id,
        )
        for observation, superseded_by_id in rows
    ]
