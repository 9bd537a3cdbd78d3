"""Questions about counselling notes. Only this folder asks them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.care.counselling.models import CounsellingNote


def on_stay(session: Session, stay_id: int) -> Sequence[CounsellingNote]:
    """Every note of the stay, corrected ones too, the newest first."""
    return session.scalars(
        select(CounsellingNote)
        .where(CounsellingNote.stay_id == stay_id)
        .order_by(CounsellingNote.id.desc())
    ).all()


def by_key(session: Session, key: UUID) -> CounsellingNote | None:
    """The note that this deed has already made, if it has."""
    return session.scalars(select(CounsellingNote).where(CounsellingNote.key == key)).one_or_none()
