"""The orders of one stay: seen by whoever sees the chart, changed by whoever may order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, SignedIn, load
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.audit import service as audit
from backend.core import clock
from backend.core.db import Db
from backend.core.errors import Conflict, Invalid
from backend.core.web import Screen, go, render
from backend.protocols import queries as protocols
from backend.rounds.orders import page, service
from backend.rounds.orders.access import OrderToEnd, StayToOrderOf
from backend.rounds.orders.forms import EndForm, OrderForm
from backend.stays import queries as stay_queries
from backend.stays.access import ChartOf
from backend.stays.models import Stay
from backend.stays.queries import Banner

router = APIRouter()
TYPED = ("instrument", "every", "at_times", "until_local", "then_every", "reason")


@dataclass(frozen=True, kw_only=True)
class OrdersScreen(Screen, template="rounds/orders.html"):
    """The orders of one stay, under the name of the patient."""

    banner: Banner
    orders: page.Orders


def _screen(
    db: Session,
    actor: Actor,
    stay: Stay,
    *,
    typed: Mapping[str, str] | None = None,
    refused: Invalid | Conflict | None = None,
) -> OrdersScreen:
    now = clock.now()
    in_force = protocols.in_force(db, stay.unit_id, at=now)
    known = typed or {}
    lines = page.lines(db, stay, in_force=in_force, zone=actor.zone, now=now)
    return OrdersScreen(
        shell=shell(actor, here="orders", now=now),
        banner=stay_queries.banner(db, stay, actor.zone, now),
        orders=page.Orders(
            stay_id=stay.id,
            ended=stay.discharged_at is not None,
            lines=lines,
            at_risk=page.at_risk(stay, in_force, actor.zone, now),
            may_order=actor.may(Permission.ORDER_OBSERVATIONS) and stay.discharged_at is None,
            instruments=page.instruments(in_force, known.get("instrument", "")),
            every=page.every(known.get("every", "")),
            then_every=page.every(known.get("then_every", "")),
            typed={name: known.get(name, "") for name in TYPED},
            errors=refused.fields if isinstance(refused, Invalid) else {},
            refusal=refused.sentence if refused else None,
            key=known.get("key") or str(uuid4()),
            end_keys={line.order_id: str(uuid4()) for line in lines},
            opened_by=actor.id,
            opened_in=actor.sign_in_id,
        ),
    )


@router.get("/stays/{stay_id}/orders")
def orders_screen(db: Db, actor: SignedIn, stay: ChartOf) -> Response:
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    return render(_screen(db, actor, stay))


@router.post("/stays/{stay_id}/orders")
def order(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: StayToOrderOf,
    form: Annotated[OrderForm, Form()],
) -> Response:
    actor.signs(form)
    form.for_stay(stay.id)
    now = clock.now()
    in_force = protocols.in_force(db, stay.unit_id, at=now)
    try:
        often = form.how_often(actor.zone, now)
        service.replace(
            db,
            actor.id,
            stay,
            key=form.key,
            instrument=form.instrument,
            how_often=often,
            at=now,
            in_force=in_force,
            reason=form.reason or None,
        )
    except (Invalid, Conflict) as refused:
        typed = {name: getattr(form, name) for name in TYPED} | {"key": str(form.key)}
        return render(_screen(db, actor, stay, typed=typed, refused=refused), refused.status)
    return go(request, f"/stays/{stay.id}/orders")


@router.post("/orders/{observation_order_id}/end")
def end(
    request: Request,
    db: Db,
    actor: SignedIn,
    ordered: OrderToEnd,
    form: Annotated[EndForm, Form()],
) -> Response:
    actor.signs(form)
    form.for_stay(ordered.stay_id)
    stay = load(db, actor, Stay, ordered.stay_id, Permission.ORDER_OBSERVATIONS)
    now = clock.now()
    try:
        service.end(
            db,
            actor.id,
            stay,
            ordered,
            reason=form.why(),
            at=now,
            in_force=protocols.in_force(db, stay.unit_id, at=now),
        )
    except (Invalid, Conflict) as refused:
        return render(_screen(db, actor, stay, refused=refused), refused.status)
    return go(request, f"/stays/{stay.id}/orders")
