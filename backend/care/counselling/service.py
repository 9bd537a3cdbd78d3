"""Write a counselling note, and put one right with another."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.care.counselling import queries
from backend.care.counselling.models import CounsellingNote
from backend.core.errors import Conflict, NotFound
from backend.stays.models import Stay

OTHER_VALUES = "This note is already saved, with other words than these. Look at the list."


def write(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    text: str,
    supersedes_id: int | None = None,
    reason: str | None = None,
) -> CounsellingNote:
    """Store it once. No screen is told: nobody but the therapists may know that there is one."""
    if already := queries.by_key(session, key):
        said = (already.stay_id, already.written_by, already.text, already.supersedes_id)
        if said != (stay.id, actor_id, text, supersedes_id):
            raise Conflict(OTHER_VALUES)
        return already
    if supersedes_id is not None:
        _still_stands(session, stay, supersedes_id)
    note = CounsellingNote(
        key=key,
        stay_id=stay.id,
        patient_id=stay.patient_id,
        unit_id=stay.unit_id,
        written_by=actor_id,
        text=text,
        supersedes_id=supersedes_id,
        correction_reason=reason,
    )
    try:
        with session.begin_nested():
            session.add(note)
    except IntegrityError as error:
        if again := queries.by_key(session, key):  # the same deed, sent twice at once
            return again
        raise Conflict("Somebody has just corrected this note. Look at the list first.") from error
    audit.note(
        session,
        actor_id,
        "counselling_note.corrected" if supersedes_id else "counselling_note.written",
        unit_id=stay.unit_id,
        note_id=note.id,
        of_stay=stay.id,
    )
    return note


def _still_stands(session: Session, stay: Stay, note_id: int) -> None:
    rows = session.scalars(
        select(CounsellingNote).where(
            CounsellingNote.stay_id == stay.id,
            (CounsellingNote.id == note_id) | (CounsellingNote.supersedes_id == note_id),
        )
    ).all()
    if not any(row.id == note_id for row in rows):
        raise NotFound("There is no such note on this stay.")
    if any(row.supersedes_id == note_id for row in rows):
        raise Conflict("Somebody has corrected this note already. Look at the list first.")
