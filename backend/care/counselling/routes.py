"""The counselling notes of one stay: read and add, never change."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, SignedIn
from backend.accounts.shell import shell
from backend.accounts.staff import queries as staff
from backend.audit import service as audit
from backend.care.counselling import queries, service
from backend.care.counselling.access import CounsellingOf
from backend.care.counselling.forms import NoteForm
from backend.core import clock, local_time, strict_form
from backend.core.db import Db
from backend.core.errors import Conflict
from backend.core.web import Screen, go, render
from backend.stays import queries as stay_queries
from backend.stays.models import Stay
from backend.stays.queries import Banner

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class Note:
    """One note as it is read."""

    id: int
    text: str
    by: str
    at_words: str
    corrected: bool
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class CounsellingScreen(Screen, template="care/counselling.html"):
    """Every note of the stay, and an empty one."""

    banner: Banner
    path: str
    key: UUID
    opened_by: int
    opened_in: int | None
    opened_for: int
    refusal: str | None
    typed: str
    typed_reason: str
    correcting: Note | None
    notes: tuple[Note, ...]


def _screen(
    db: Session,
    actor: Actor,
    stay: Stay,
    *,
    correct: int | None = None,
    refusal: str | None = None,
    typed: str = "",
    typed_reason: str = "",
) -> CounsellingScreen:
    now = clock.now()
    rows = queries.on_stay(db, stay.id)
    names = staff.names(db, [row.written_by for row in rows])
    corrected = {row.supersedes_id for row in rows}
    notes = tuple(
        Note(
            id=row.id,
            text=row.text,
            by=names[row.written_by],
            at_words=local_time.day_and_time(row.written_at, actor.zone),
            corrected=row.id in corrected,
            reason=row.correction_reason,
        )
        for row in rows
    )
    correcting = next((note for note in notes if note.id == correct and not note.corrected), None)
    return CounsellingScreen(
        shell=shell(actor, here="counselling", now=now),
        banner=stay_queries.banner(db, stay, actor.zone, now),
        path=f"/stays/{stay.id}/counselling",
        key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        opened_for=stay.id,
        refusal=refusal,
        typed=typed or (correcting.text if correcting else ""),
        typed_reason=typed_reason,
        correcting=correcting,
        notes=notes,
    )


@router.get("/stays/{stay_id}/counselling")
def counselling_screen(
    db: Db, actor: SignedIn, stay: CounsellingOf, correct: int | None = None
) -> Response:
    """A view of the patient like any other, and an entry of its own for each reading."""
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    audit.note(db, actor.id, "counselling_note.viewed", unit_id=stay.unit_id, of_stay=stay.id)
    return render(_screen(db, actor, stay, correct=correct))


async def what_was_typed(request: Request) -> dict[str, Any]:
    """The form as it came. It is checked where what was typed can be shown again."""
    known = {name: field.annotation for name, field in NoteForm.model_fields.items()}
    async with request.form(max_files=0, max_fields=20) as form:
        strict_form.check(form.multi_items(), known)
        return {name: value for name, value in form.items() if isinstance(value, str)}


Typed = Annotated[dict[str, Any], Depends(what_was_typed)]


@router.post("/stays/{stay_id}/counselling")
def write(request: Request, db: Db, actor: SignedIn, stay: CounsellingOf, typed: Typed) -> Response:
    try:
        form = NoteForm.model_validate(typed)
    except ValidationError as wrong:
        return _again(db, actor, stay, typed, refusal=_words(wrong), status=422)
    actor.signs(form, of=stay.id)
    try:
        service.write(
            db,
            actor.id,
            stay,
            key=form.key,
            text=form.text,
            supersedes_id=form.supersedes_id,
            reason=form.reason,
        )
    except Conflict as refused:
        return _again(db, actor, stay, typed, refusal=refused.sentence, status=refused.status)
    return go(request, f"/stays/{stay.id}/counselling")


def _again(
    db: Session, actor: Actor, stay: Stay, typed: dict[str, Any], *, refusal: str, status: int
) -> Response:
    of = str(typed.get("supersedes_id", ""))
    screen = _screen(
        db,
        actor,
        stay,
        correct=int(of) if of.isascii() and of.isdecimal() and len(of) < 19 else None,
        refusal=refusal,
        typed=str(typed.get("text", "")),
        typed_reason=str(typed.get("reason", "")),
    )
    return render(screen, status)


def _words(wrong: ValidationError) -> str:
    first = wrong.errors(include_input=False, include_url=False)[0]
    if first["loc"][:1] == ("text",) and first["type"] in {"missing", "string_too_long"}:
        return "A note has 1 to 20,000 letters. Nothing was saved."
    message = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{message}. Nothing was saved."
