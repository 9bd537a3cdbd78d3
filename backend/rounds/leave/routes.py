"""Leaves of one stay: seen by whoever sees the chart, written down by whoever is at the bedside."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from backend.accounts.access import SignedIn
from backend.accounts.shell import shell
from backend.audit import service as audit
from backend.core import clock
from backend.core.db import Db
from backend.core.web import Id, Screen, go, render, stands_on
from backend.rounds.leave import page, service
from backend.rounds.leave.access import StayToBeSeen
from backend.rounds.leave.forms import (
    BackForm,
    CorrectionForm,
    LaterForm,
    LeaveForm,
    SeenForm,
    TakeBackForm,
)
from backend.stays import queries as stay_queries
from backend.stays.access import BedsideOf, ChartOf, CorrectionOf
from backend.stays.queries import Banner

router = APIRouter()
PAGE = "/stays/{stay_id}/leave"
CORRECTING = PAGE + "?correct={leave_id}"


@dataclass(frozen=True, kw_only=True)
class LeaveScreen(Screen, template="rounds/leave.html"):
    """Where the patient is, and where they have been, under their name."""

    banner: Banner
    leaves: page.Leaves


@router.get(PAGE)
def leave_screen(db: Db, actor: SignedIn, stay: ChartOf, correct: Id | None = None) -> Response:
    now = clock.now()
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=now)
    return render(
        LeaveScreen(
            shell=shell(actor, here="leave", now=now),
            banner=stay_queries.banner(db, stay, actor.zone, now),
            leaves=page.leaves(db, actor, stay, correct=correct, now=now),
        )
    )


@router.post(PAGE)
def leave(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: BedsideOf,
    form: Annotated[LeaveForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    facts = form.facts(actor.zone, clock.now())
    service.leave(db, actor.id, stay, key=form.key, facts=facts)
    return go(request, f"/stays/{stay.id}/leave")


@router.post("/stays/{stay_id}/leave/later")
@stands_on(PAGE)
def later(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: BedsideOf,
    form: Annotated[LaterForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    expected_at = form.expected_at(actor.zone)
    service.extend(db, actor.id, stay, key=form.key, expected_at=expected_at)
    return go(request, f"/stays/{stay.id}/leave")


@router.post("/stays/{stay_id}/leave/seen")
@stands_on(PAGE)
def seen(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: StayToBeSeen,
    form: Annotated[SeenForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    service.seen(db, actor.id, stay, key=form.key)
    return go(request, f"/stays/{stay.id}/leave")


@router.post("/stays/{stay_id}/leave/back")
@stands_on(PAGE)
def back(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: BedsideOf,
    form: Annotated[BackForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    service.come_back(
        db,
        actor.id,
        stay,
        key=form.key,
        returned_at=form.returned_at(actor.zone),
        belongings=form.belongings,
        urine_screen=form.urine_screen,
    )
    return go(request, f"/stays/{stay.id}/leave")


@router.post("/stays/{stay_id}/leave/{leave_id}/correct")
@stands_on(CORRECTING)
def correct(
    *,
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: CorrectionOf,
    leave_id: Id,
    form: Annotated[CorrectionForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    service.correct(
        db,
        actor.id,
        stay,
        key=form.key,
        leave_id=leave_id,
        facts=form.facts(actor.zone),
        reason=form.reason,
    )
    return go(request, f"/stays/{stay.id}/leave")


@router.post("/stays/{stay_id}/leave/{leave_id}/take-back")
@stands_on(CORRECTING)
def take_back(
    *,
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: CorrectionOf,
    leave_id: Id,
    form: Annotated[TakeBackForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    service.take_back(db, actor.id, stay, key=form.key, leave_id=leave_id, reason=form.reason)
    return go(request, f"/stays/{stay.id}/leave")
