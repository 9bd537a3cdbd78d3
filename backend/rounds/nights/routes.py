"""What is ordered for the night, on the page of orders."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from backend.accounts.access import SignedIn
from backend.core import clock
from backend.core.db import Db
from backend.core.web import go, stands_on
from backend.protocols import queries as protocols
from backend.rounds.nights import service
from backend.rounds.nights.access import StayToLeaveAsleep
from backend.rounds.nights.forms import NightEndForm, NightForm

router = APIRouter()


@router.post("/stays/{stay_id}/nights")
@stands_on("/stays/{stay_id}/orders")
def order(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: StayToLeaveAsleep,
    form: Annotated[NightForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    now = clock.now()
    service.order(
        db,
        actor.id,
        stay,
        key=form.key,
        kind=form.kind,
        at=now,
        in_force=protocols.in_force(db, stay.unit_id, at=now),
        between=form.between(),
        reason=form.reason or None,
    )
    return go(request, f"/stays/{stay.id}/orders")


@router.post("/stays/{stay_id}/nights/end")
@stands_on("/stays/{stay_id}/orders")
def end(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: StayToLeaveAsleep,
    form: Annotated[NightEndForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    service.end(db, actor.id, stay, kind=form.kind, at=clock.now(), reason=form.reason)
    return go(request, f"/stays/{stay.id}/orders")
