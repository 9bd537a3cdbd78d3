"""Answer an alert. The form comes back fresh; the card asks for itself again."""

import json
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from backend.accounts.access import SignedIn
from backend.accounts.permissions import Permission
from backend.alerts.access import AlertToAnswer
from backend.alerts.answers import page, service
from backend.alerts.answers.forms import (
    CallForm,
    ClosingForm,
    EscalationForm,
    PromiseForm,
    SeenForm,
)
from backend.alerts.models import Alert
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.web import Page, answer, go, stands_on

router = APIRouter()


@router.post("/alerts/{alert_id}/seen")
@stands_on("/alerts/{alert_id}")
def see(
    request: Request,
    db: Db,
    actor: SignedIn,
    alert: AlertToAnswer,
    form: Annotated[SeenForm, Form()],
) -> Response:
    actor.signs(form, of=alert.stay_id)
    now = clock.now()
    service.see(db, actor.id, alert, key=form.key, at=now)
    fresh = page.answers(db, actor, alert, now, stored="you have seen it.")
    return _answer(request, alert, page.Bar(answers=fresh) if fresh else None)


@router.post("/alerts/{alert_id}/escalation")
@stands_on("/alerts/{alert_id}")
def escalate(
    request: Request,
    db: Db,
    actor: SignedIn,
    alert: AlertToAnswer,
    form: Annotated[EscalationForm, Form()],
) -> Response:
    actor.signs(form, of=alert.stay_id)
    now = clock.now()
    service.escalate(db, actor.id, alert, key=form.key, at=now)
    fresh = page.answers(db, actor, alert, now, stored="the next on the ladder has been told.")
    return _answer(request, alert, page.Bar(answers=fresh) if fresh else None)


@router.post("/alerts/{alert_id}/acknowledgement")
@stands_on("/alerts/{alert_id}")
def acknowledge(
    request: Request,
    db: Db,
    actor: SignedIn,
    alert: AlertToAnswer,
    form: Annotated[PromiseForm, Form()],
) -> Response:
    actor.signs(form, of=alert.stay_id)
    now = clock.now()
    service.acknowledge(
        db,
        actor.id,
        alert,
        key=form.key,
        plan=form.words(),
        recheck_minutes=form.recheck_minutes,
        at=now,
        taking_over_from=form.taking_over_from,
    )
    recheck = local_time.clock_time(alert.recheck_at or now, actor.zone)
    fresh = page.answers(db, actor, alert, now, stored=f"you have it, recheck {recheck}.")
    return _answer(request, alert, page.Promise(answers=fresh) if fresh else None)


@router.post("/alerts/{alert_id}/calls")
@stands_on("/alerts/{alert_id}")
def log_call(
    request: Request,
    db: Db,
    actor: SignedIn,
    alert: AlertToAnswer,
    form: Annotated[CallForm, Form()],
) -> Response:
    actor.signs(form, of=alert.stay_id)
    now = clock.now()
    service.log_call(
        db,
        actor.id,
        alert,
        key=form.key,
        called=form.called,
        how=form.how,
        response=form.response,
        read_back=form.read_back,
        at=now,
    )
    fresh = page.answers(db, actor, alert, now, stored="the call is logged.")
    return _answer(request, alert, page.Call(answers=fresh) if fresh else None)


@router.post("/alerts/{alert_id}/closing")
@stands_on("/alerts/{alert_id}")
def close(
    request: Request,
    db: Db,
    actor: SignedIn,
    alert: AlertToAnswer,
    form: Annotated[ClosingForm, Form()],
) -> Response:
    actor.signs(form, of=alert.stay_id)
    service.close(
        db,
        actor.id,
        alert,
        key=form.key,
        reason=form.words(),
        at=clock.now(),
        may_close_emergency=actor.may(Permission.CLOSE_EMERGENCY),
        seen_step_id=form.step_id or 0,
    )
    return go(request, f"/alerts/{alert.id}")


def _answer(request: Request, alert: Alert, fresh: Page | None) -> Response:
    """The fresh form, and the word that makes the card and the lists on this page ask again.

    A retry that finds the alert closed meanwhile has no form left to show.
    """
    path = f"/alerts/{alert.id}"
    if fresh is None:
        return go(request, path)
    response = answer(request, fresh, otherwise=path)
    topics = {topic: {"target": "body"} for topic in (f"stay-{alert.stay_id}", "alerts")}
    response.headers["HX-Trigger"] = json.dumps(topics)
    return response
