"""What happened to a patient: one tap for each kind, its end, and how it is put right."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, SignedIn
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.accounts.staff import queries as staff
from backend.audit import service as audit
from backend.core import clock, strict_form
from backend.core.db import Db
from backend.core.deed import PatientForm
from backend.core.errors import Conflict, Invalid
from backend.core.web import Id, Screen, go, render
from backend.observations.events import queries, service
from backend.observations.events.forms import CorrectionForm, EndForm, EventForm, TakeBackForm
from backend.observations.events.models import Event
from backend.observations.events.page import (
    Button,
    Happened,
    Own,
    Putting,
    Tap,
    buttons,
    listed,
    own,
    putting_right,
    tap,
)
from backend.stays import queries as stay_queries
from backend.stays.access import BedsideOf, ChartOf, CorrectionOf
from backend.stays.models import Stay
from backend.stays.queries import Banner

router = APIRouter()
F = TypeVar("F", bound=PatientForm)


@dataclass(frozen=True, kw_only=True)
class EventsScreen(Screen, template="observations/events.html"):
    """The buttons, and everything that happened on the stay."""

    banner: Banner
    own: Own
    tap: Tap | None
    buttons: tuple[Button, ...]
    refusals: tuple[str, ...]
    typed_started: str
    typed_ended: str
    correcting: Putting | None
    happened: tuple[Happened, ...]
    may_correct: bool


def _screen(
    db: Session,
    actor: Actor,
    stay: Stay,
    *,
    correct: int | None = None,
    refusals: tuple[str, ...] = (),
    typed: dict[str, Any] | None = None,
) -> EventsScreen:
    now, said = clock.now(), typed or {}
    rows = list(queries.chain(db, stay.id))
    names = staff.names(db, [row.recorded_by for row in rows])
    superseded = {row.supersedes_id for row in rows}
    known = {row.id: row for row in rows if row.id not in superseded}
    may_correct = actor.may(Permission.CORRECT_OBSERVATION)
    putting = None
    if correct is not None and may_correct:
        putting = putting_right(known.get(correct), actor.zone, now, said)
    fresh = {} if putting else said
    return EventsScreen(
        shell=shell(actor, here="events", now=now),
        banner=stay_queries.banner(db, stay, actor.zone, now),
        own=own(actor, stay.id),
        tap=tap(actor, stay.id),
        buttons=buttons(str(fresh.get("kind", ""))),
        refusals=refusals,
        typed_started=str(fresh.get("started", "")),
        typed_ended=str(fresh.get("ended", "")),
        correcting=putting,
        happened=tuple(listed(rows, names, actor.zone, now)),
        may_correct=may_correct,
    )


@router.get("/stays/{stay_id}/events")
def events_screen(db: Db, actor: SignedIn, stay: ChartOf, correct: int | None = None) -> Response:
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    return render(_screen(db, actor, stay, correct=correct))


FIELDS = {
    name: field.annotation
    for form in (CorrectionForm, EndForm, TakeBackForm)
    for name, field in form.model_fields.items()
}


async def what_was_typed(request: Request) -> dict[str, Any]:
    """The form as it came. It is checked where what was typed can be shown again."""
    async with request.form(max_files=0, max_fields=20) as form:
        strict_form.check(form.multi_items(), FIELDS)
        return {name: value for name, value in form.items() if isinstance(value, str)}


Typed = Annotated[dict[str, Any], Depends(what_was_typed)]
WORDS = {
    "kind": "Say what happened.",
    "reason": "Say why, in 3 to 500 letters.",
    "started": "Write the date and the time.",
    "ended": "Write the date and the time.",
}


def _words(wrong: ValidationError) -> tuple[str, ...]:
    found = []
    for problem in wrong.errors(include_input=False, include_url=False):
        where = str(problem["loc"][0]) if problem["loc"] else ""
        broken = "This form cannot be read. Open the page again."
        found.append(WORDS.get(where, broken))
    return tuple(dict.fromkeys(found))


def _done(
    kind: type[F],
    deed: Callable[[F], Event],
    *,
    request: Request,
    db: Session,
    actor: Actor,
    stay: Stay,
    typed: dict[str, Any],
    correct: int | None = None,
) -> Response:
    """Do it and go to the list; or say why not, with everything that was typed."""
    try:
        form = kind.model_validate(typed)
    except ValidationError as wrong:
        screen = _screen(db, actor, stay, correct=correct, refusals=_words(wrong), typed=typed)
        return render(screen, 422)
    actor.signs(form, of=stay.id)
    try:
        with db.begin_nested():
            deed(form)
    except (Invalid, Conflict) as refused:
        fields = refused.fields.values() if isinstance(refused, Invalid) else ()
        words = (refused.sentence, *fields)
        screen = _screen(db, actor, stay, correct=correct, refusals=words, typed=typed)
        return render(screen, refused.status)
    return go(request, f"/stays/{stay.id}/events")


@router.post("/stays/{stay_id}/events")
def record(request: Request, db: Db, actor: SignedIn, stay: BedsideOf, typed: Typed) -> Response:
    def deed(form: EventForm) -> Event:
        return service.record(
            db,
            actor.id,
            stay,
            key=form.deed(),
            kind=form.kind,
            started_at=form.started_at(actor.zone),
            ended_at=form.ended_at(actor.zone),
        )

    return _done(EventForm, deed, request=request, db=db, actor=actor, stay=stay, typed=typed)


@router.post("/stays/{stay_id}/events/{event_id}/end")
def end(
    *, request: Request, db: Db, actor: SignedIn, stay: BedsideOf, event_id: Id, typed: Typed
) -> Response:
    def deed(form: EndForm) -> Event:
        return service.end(db, actor.id, stay, key=form.key, event_id=event_id)

    return _done(EndForm, deed, request=request, db=db, actor=actor, stay=stay, typed=typed)


@router.post("/stays/{stay_id}/events/{event_id}/correct")
def correct(
    *, request: Request, db: Db, actor: SignedIn, stay: CorrectionOf, event_id: Id, typed: Typed
) -> Response:
    def deed(form: CorrectionForm) -> Event:
        began = form.started_at(actor.zone)
        if began is None:
            raise Invalid("Check the times.", {"started": WORDS["started"]})
        return service.correct(
            db,
            actor.id,
            stay,
            key=form.key,
            event_id=event_id,
            kind=form.kind,
            started_at=began,
            ended_at=form.ended_at(actor.zone),
            reason=form.reason,
        )

    return _done(
        CorrectionForm,
        deed,
        request=request,
        db=db,
        actor=actor,
        stay=stay,
        typed=typed,
        correct=event_id,
    )


@router.post("/stays/{stay_id}/events/{event_id}/take-back")
def take_back(
    *, request: Request, db: Db, actor: SignedIn, stay: CorrectionOf, event_id: Id, typed: Typed
) -> Response:
    def deed(form: TakeBackForm) -> Event:
        return service.take_back(
            db, actor.id, stay, key=form.key, event_id=event_id, reason=form.reason
        )

    return _done(
        TakeBackForm,
        deed,
        request=request,
        db=db,
        actor=actor,
        stay=stay,
        typed=typed,
        correct=event_id,
    )
