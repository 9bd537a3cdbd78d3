"""The orders of one stay: seen by whoever sees the chart, changed by whoever may order."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, SignedIn
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.audit import service as audit
from backend.clinical.scale import SAFETY
from backend.core import clock
from backend.core.db import Db
from backend.core.errors import NotFound
from backend.core.web import Screen, go, render, stands_on
from backend.protocols import queries as protocols
from backend.rounds import queries
from backend.rounds.orders import page, service
from backend.rounds.orders.access import OrderToEnd, StayToOrderOf
from backend.rounds.orders.forms import EndForm, OrderForm
from backend.stays import queries as stay_queries
from backend.stays.access import ChartOf
from backend.stays.models import Stay
from backend.stays.queries import Banner

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class OrdersScreen(Screen, template="rounds/orders.html"):
    """The orders of one stay, under the name of the patient."""

    banner: Banner
    orders: page.Orders


def _safety(db: Session, actor: Actor, stay: Stay) -> dict[str, Any]:
    """The form of safety rounds, for whoever may order them."""
    may = actor.may(Permission.ORDER_SAFETY_ROUNDS) and stay.discharged_at is None
    may_lower = actor.may(Permission.ORDER_OBSERVATIONS)
    level = page.level_now(queries.standing(db, stay.id, SAFETY))
    found = page.levels(level, may_lower=may_lower)
    return {
        "levels": found if may else (),
        "levels_then": found[:-1] if may else (),
        "safety_words": f"Now: {level.words}." if level else "Not on safety rounds.",
        "safety_key": str(uuid4()),
    }


@router.get("/stays/{stay_id}/orders")
def orders_screen(db: Db, actor: SignedIn, stay: ChartOf) -> Response:
    now = clock.now()
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=now)
    in_force = protocols.in_force(db, stay.unit_id, at=now)
    lines = page.lines(db, stay, in_force=in_force, zone=actor.zone, now=now)
    return render(
        OrdersScreen(
            shell=shell(actor, here="orders", now=now),
            banner=stay_queries.banner(db, stay, actor.zone, now),
            orders=page.Orders(
                stay_id=stay.id,
                ended=stay.discharged_at is not None,
                lines=lines,
                at_risk=page.at_risk(stay, in_force, actor.zone, now),
                may_order=actor.may(Permission.ORDER_OBSERVATIONS) and stay.discharged_at is None,
                instruments=page.instruments(in_force),
                every=page.every(),
                **_safety(db, actor, stay),
                key=str(uuid4()),
                nights=page.nights(db, stay, zone=actor.zone, now=now),
                may_order_nights=actor.may(Permission.ORDER_NIGHTS) and stay.discharged_at is None,
                night_key=str(uuid4()),
                end_keys={line.order_id: str(uuid4()) for line in lines},
                opened_by=actor.id,
                opened_in=actor.sign_in_id,
            ),
        )
    )


@router.post("/stays/{stay_id}/orders")
def order(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: StayToOrderOf,
    form: Annotated[OrderForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    now = clock.now()
    service.replace(
        db,
        actor.id,
        stay,
        key=form.key,
        instrument=form.instrument,
        how_often=form.how_often(actor.zone, now),
        at=now,
        in_force=protocols.in_force(db, stay.unit_id, at=now),
        reason=form.reason or None,
    )
    return go(request, f"/stays/{stay.id}/orders")


@router.post("/stays/{stay_id}/orders/{observation_order_id}/end")
@stands_on("/stays/{stay_id}/orders")
def end(
    *,
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: StayToOrderOf,
    ordered: OrderToEnd,
    form: Annotated[EndForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    if ordered.stay_id != stay.id:
        raise NotFound("There is no such order on this stay.")
    now = clock.now()
    service.end(
        db,
        actor.id,
        stay,
        ordered,
        reason=form.why(),
        at=now,
        in_force=protocols.in_force(db, stay.unit_id, at=now),
    )
    return go(request, f"/stays/{stay.id}/orders")
