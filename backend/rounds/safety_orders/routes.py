"""Safety rounds are ordered on the page of orders."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from backend.accounts.access import SignedIn
from backend.accounts.permissions import Permission
from backend.core import clock
from backend.core.db import Db
from backend.core.web import go, stands_on
from backend.protocols import queries as protocols
from backend.rounds.safety_orders import service
from backend.rounds.safety_orders.access import StayToWatch
from backend.rounds.safety_orders.forms import SafetyOrderForm

router = APIRouter()


@router.post("/stays/{stay_id}/safety-orders")
@stands_on("/stays/{stay_id}/orders")
def watch(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: StayToWatch,
    form: Annotated[SafetyOrderForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    now = clock.now()
    service.watch(
        db,
        actor.id,
        stay,
        key=form.key,
        level=form.level,
        reason=form.why,
        until_at=form.until_at(actor.zone, now),
        then=form.then_level,
        may_lower=actor.may(Permission.ORDER_OBSERVATIONS),
        at=now,
        in_force=protocols.in_force(db, stay.unit_id, at=now),
    )
    return go(request, f"/stays/{stay.id}/orders")
