"""Who saw this patient, what did this person do, and is the trail whole."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, Allowed
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.audit import keeper, sealer
from backend.audit import service as audit
from backend.care.disclosures import answers
from backend.care.glass import queries as glass
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.errors import Invalid
from backend.core.web import Screen, render, stands_on
from backend.reports.privacy import queries, service, view
from backend.reports.privacy.forms import FindForm, LogFileForm
from backend.reports.privacy.queries import Standing
from backend.reports.privacy.view import Choice, Looking

router = APIRouter()
Officer = Annotated[Actor, Depends(Allowed(Permission.SEE_AUDIT))]


@dataclass(frozen=True, kw_only=True)
class State:
    """One thing that must be well with the trail."""

    name: str
    well: bool
    words: str


@dataclass(frozen=True, kw_only=True)
class PrivacyScreen(Screen, template="reports/privacy.html"):
    """Where to begin."""

    states: tuple[State, ...]
    people: tuple[Choice, ...]
    key: UUID
    opened_by: int
    opened_in: int | None
    code: str
    refusal: str | None
    glass_waiting: int


@router.get("/privacy")
def privacy_screen(db: Db, actor: Officer) -> Response:
    return render(_begin(db, actor))


def _begin(
    db: Session, actor: Actor, *, code: str = "", refusal: str | None = None
) -> PrivacyScreen:
    now = clock.now()
    return PrivacyScreen(
        shell=shell(actor, here="privacy", now=now),
        states=_states(queries.standing(db), actor, now),
        people=view.people(db, actor, None),
        key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        code=code,
        refusal=refusal,
        glass_waiting=glass.waiting(db, actor.unit.id),
    )


def _states(standing: Standing, actor: Actor, now: datetime) -> tuple[State, ...]:
    def when(moment: datetime | None) -> str:
        return view.moment(moment, actor) if moment else "never"

    lag, check = standing.seal_lag_s, standing.check
    sealed = State(
        name="Sealed",
        well=lag <= sealer.LATE_S,
        words="Every entry is sealed within a minute."
        if lag <= sealer.LATE_S
        else f"The oldest entry has waited for {local_time.span(timedelta(seconds=lag))}.",
    )
    checked = State(
        name="Checked",
        well=check is not None and check.status == 0,
        words="Not yet: the watch checks each night."
        if check is None
        else f"{when(check.at)}: "
        + (" ".join(check.sentences) or f"{check.entries} entries, all well."),
    )
    places = tuple(
        State(
            name=f"Kept outside ({row.place})",
            well=row.kept_at is not None and now - row.kept_at < keeper.ANCHORED_WITHIN,
            words=f"Last {when(row.kept_at)}"
            + ("." if row.tried_at == row.kept_at else f"; failed {when(row.tried_at)}."),
        )
        for row in standing.anchors
    )
    nowhere = State(
        name="Kept outside",
        well=False,
        words="Nowhere: whoever administers the database could cut the trail off unseen. Name a"
        " place (docs/audit.md).",
    )
    return (sealed, *(places or (nowhere,)), checked)


@router.post("/privacy/find")
@stands_on("/privacy")
def find(db: Db, actor: Officer, form: Annotated[FindForm, Form()]) -> Response:
    """The patient of this code; that somebody looked for them is on the trail too."""
    actor.signs(form)
    patient_id = queries.patient_by_code(db, actor.unit.id, form.code)
    audit.note(db, actor.id, "audit.searched", unit_id=actor.unit.id, patient_id=patient_id)
    if patient_id is None:
        refusal = "No patient of this unit has that code. It stands on the board, as K-TR42."
        return render(_begin(db, actor, code=form.code, refusal=refusal), 404)
    return RedirectResponse(f"/privacy/log?patient={patient_id}", 303)


@router.get("/privacy/log")
def log_screen(db: Db, actor: Officer, looking: Annotated[Looking, Depends()]) -> Response:
    """Looking at the trail is on the trail."""
    now = clock.now()
    try:
        page, status = view.log(db, actor, looking, now), 200
    except Invalid as error:
        page, status = view.log(db, actor, looking, now, refusal=error.sentence), 422
    audit.note(
        db,
        actor.id,
        "audit.read",
        unit_id=actor.unit.id,
        patient_id=looking.patient,
        of=("staff", looking.person_id) if looking.person_id else None,
        what=looking.what if looking.of == "unit" else f"{looking.what}, of no unit",
    )
    return render(page, status)


@router.post("/privacy/log/file")
@stands_on("/privacy/log")
def log_file(db: Db, actor: Officer, form: Annotated[LogFileForm, Form()]) -> Response:
    """The same part as CSV."""
    actor.signs(form)
    asked = Looking(
        patient=form.patient,
        person=form.person,
        what=form.what,
        of=form.of,
        since=form.since,
        until=form.until,
    ).asked(actor)
    name, body = service.file(db, actor, asked, now=clock.now())
    return answers.file(name, service.MEDIA_TYPE, body)
