"""Record what is due, see what was stored, put it right."""

from dataclasses import dataclass
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, SignedIn
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.audit import service as audit
from backend.core import clock
from backend.core.db import Db
from backend.core.errors import Conflict, Invalid, NotFound
from backend.core.web import Id, Page, Screen, go, render, stands_on, wants_fragment
from backend.observations import queries, service
from backend.observations.models import Observation, Outcome, Source
from backend.observations.queries import StoredSet
from backend.observations.sheet import beside, forms, opening, page, preview, saved
from backend.observations.sheet.forms import SheetForm
from backend.observations.sheet.preview import Preview
from backend.observations.sheet.reading import Sent
from backend.observations.sheet.screen import screen
from backend.observations.sheet.wire import Came
from backend.protocols import queries as protocols
from backend.stays import queries as stay_queries
from backend.stays.access import BedsideOf, ChartOf, CorrectionOf
from backend.stays.models import Stay
from backend.stays.queries import Banner

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class SheetPage(Page, template="observations/_sheet.html"):
    """The sheet alone."""

    sheet: page.Sheet


@dataclass(frozen=True, kw_only=True)
class ScalePage(Page, template="observations/_scale.html"):
    """One instrument, to be put into an open sheet."""

    scale: page.Scale


@dataclass(frozen=True, kw_only=True)
class PreviewPage(Page, template="observations/_preview.html"):
    """What the answers so far come to. Nothing is stored."""

    preview: Preview


@dataclass(frozen=True, kw_only=True)
class SetScreen(Screen, template="observations/set.html"):
    """One stored set, under the name of the patient."""

    banner: Banner
    saved: saved.Saved


@dataclass(frozen=True, kw_only=True)
class SavedPage(Page, template="observations/_saved.html"):
    """One stored set alone."""

    saved: saved.Saved


@router.get("/stays/{stay_id}/record")
def record_screen(
    db: Db,
    actor: SignedIn,
    stay: BedsideOf,
    instruments: Annotated[list[str] | None, Query(max_length=10)] = None,
    also: Annotated[list[str] | None, Query(max_length=20)] = None,
) -> Response:
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    chosen, added = tuple(instruments or ()), tuple(also or ())
    sheet = opening.new(db, actor, stay, instruments=chosen, also=added, key=uuid4())
    return render(screen(db, actor, stay, sheet))


@router.get("/stays/{stay_id}/record/scale")
def scale_to_add(
    db: Db, actor: SignedIn, stay: BedsideOf, instrument: Annotated[str, Query(max_length=40)]
) -> Response:
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    found = opening.one(db, actor, stay, instrument)
    if found is None:
        raise NotFound("This unit does not use such an instrument.")
    return render(ScalePage(scale=found))


@router.post("/stays/{stay_id}/score-preview")
def score_preview(db: Db, actor: SignedIn, stay: BedsideOf, came: Came) -> Response:
    in_force = protocols.in_force(db, actor.unit.id, at=clock.now())
    shown = preview.preview(
        came.inputs, band_systems=in_force.protocol.band_systems, spo2_scale=stay.spo2_scale
    )
    return render(PreviewPage(preview=shown))


def _read(actor: Actor, stay: Stay, came: Sent) -> SheetForm:
    form = forms.read(came)
    actor.signs(form, of=stay.id)
    return form


def _asks(came: Sent) -> dict[str, str]:
    """What only has to be confirmed, where the form can be read that far."""
    try:
        return forms.read(came).asks()
    except Invalid:
        return {}


@router.post("/stays/{stay_id}/observations")
@stands_on("/stays/{stay_id}/record")
def record(request: Request, db: Db, actor: SignedIn, stay: BedsideOf, came: Came) -> Response:
    try:
        form = _read(actor, stay, came)
        row = service.record(
            db,
            actor.id,
            stay,
            key=form.key,
            sheet=opening.said_now(db, actor, stay, form.sheet(actor.zone, clock.now())),
            source=Source.TYPED,
            sent=came.fingerprint(stay.id),
            reserved=actor.reserved_scales,
        )
    except Invalid as refused:
        return _again(request, db, actor, stay, came=came, refused=refused)
    return _echo(request, db, actor, stay, row)


def _again(
    request: Request,
    db: Session,
    actor: Actor,
    stay: Stay,
    *,
    came: Sent,
    refused: Invalid,
    was: StoredSet | None = None,
) -> Response:
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    sheet = opening.again(
        db, actor, stay, came, refused=refused, asks=_asks(came), path=request.url.path, was=was
    )
    if wants_fragment(request):
        return render(SheetPage(sheet=sheet), 422)
    return render(screen(db, actor, stay, sheet), 422)


def _echo(request: Request, db: Session, actor: Actor, stay: Stay, row: Observation) -> Response:
    """The stored row, read back."""
    if not wants_fragment(request):
        return go(request, f"/stays/{stay.id}/observations/{row.id}")
    found = queries.one(db, stay.id, row.id)
    assert found is not None  # noqa: S101 (it was stored in this transaction)
    return render(SavedPage(saved=_saved(db, actor, found)))


def _saved(db: Session, actor: Actor, found: StoredSet) -> saved.Saved:
    return saved.saved(
        db,
        found,
        zone=actor.zone,
        now=clock.now(),
        may_correct=actor.may(Permission.CORRECT_OBSERVATION),
        sees_alerts=actor.may(Permission.SEE_ALERTS),
        sees_notes=actor.may(Permission.SEE_NOTES),
    )


def _one(db: Session, stay: Stay, observation_id: int) -> StoredSet:
    found = queries.one(db, stay.id, observation_id)
    if found is None:
        raise NotFound("There is no such set on this stay.")
    return found


@router.get("/stays/{stay_id}/observations/{observation_id}")
def set_screen(db: Db, actor: SignedIn, stay: ChartOf, observation_id: Id) -> Response:
    now = clock.now()
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=now)
    found = _one(db, stay, observation_id)
    return render(
        SetScreen(
            shell=shell(actor, here="record", now=now),
            banner=stay_queries.banner(db, stay, actor.zone, now),
            saved=_saved(db, actor, found),
        )
    )


def _to_correct(db: Session, stay: Stay, observation_id: int) -> StoredSet:
    found = _one(db, stay, observation_id)
    if found.superseded_by_id is not None:
        raise Conflict("Somebody has corrected this set already. Look at the corrected set first.")
    if found.observation.outcome is Outcome.ENTERED_IN_ERROR:
        raise Conflict("This set was taken back. Record a new one instead.")
    return found


@router.get("/stays/{stay_id}/observations/{observation_id}/correct")
def correct_screen(db: Db, actor: SignedIn, stay: CorrectionOf, observation_id: Id) -> Response:
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    found = _to_correct(db, stay, observation_id)
    sheet = opening.correction(db, actor, stay, found, key=uuid4())
    return render(screen(db, actor, stay, sheet))


@router.post("/stays/{stay_id}/observations/{observation_id}/correct")
def correct(
    *,
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: CorrectionOf,
    observation_id: Id,
    came: Came,
) -> Response:
    found = _one(db, stay, observation_id)
    try:
        form = _read(actor, stay, came)
        row = service.correct(
            db,
            actor.id,
            stay,
            key=form.key,
            supersedes_id=observation_id,
            reason=form.why(),
            sheet=form.sheet(actor.zone, clock.now(), kept=found.observation.observed_at),
            sent=came.fingerprint(stay.id, observation_id),
        )
    except Invalid as refused:
        return _again(request, db, actor, stay, came=came, refused=refused, was=found)
    except Conflict as late:
        first = beside.quicker(db, stay.id, observation_id, actor.zone, clock.now())
        if first is None or type(late) is not Conflict:  # not other hands, not another patient
            raise
        return _again(request, db, actor, stay, came=came, refused=first, was=found)
    return _echo(request, db, actor, stay, row)


@router.post("/stays/{stay_id}/observations/{observation_id}/take-back")
@stands_on("/stays/{stay_id}/observations/{observation_id}/correct")
def take_back(
    *,
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: CorrectionOf,
    observation_id: Id,
    came: Came,
) -> Response:
    form = forms.read_taking_back(came)
    actor.signs(form, of=stay.id)
    row = service.entered_in_error(
        db,
        actor.id,
        stay,
        key=form.key,
        supersedes_id=observation_id,
        reason=form.reason,
    )
    return go(request, f"/stays/{stay.id}/observations/{row.id}")
