"""What needs somebody on the unit, why, and the promise to see to it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from backend.accounts import census
from backend.accounts.access import Actor, TokenAllowed
from backend.accounts.permissions import Permission
from backend.accounts.staff import queries as staff
from backend.alerts import queries
from backend.alerts.access import AlertForToken
from backend.alerts.answers import service
from backend.alerts.models import Alert, AlertState, Level, StepKind
from backend.audit import service as audit
from backend.care.disclosures.models import What
from backend.core import clock
from backend.core.db import Db
from backend.core.strict_json import Key, Moment, StrictJsonRoute
from backend.interop.api.alerts.forms import AcknowledgementBody
from backend.interop.api.leaving import Payload, ask_named, leave, leave_named
from backend.protocols import queries as protocols
from backend.stays.models import Stay

router = APIRouter(route_class=StrictJsonRoute, tags=["alerts"])

Watcher = Annotated[Actor, Depends(TokenAllowed(Permission.SEE_ALERTS))]
Answerer = Annotated[Actor, Depends(TokenAllowed(Permission.ANSWER_ALERT))]
AlertToSee = Annotated[Alert, Depends(AlertForToken(Permission.SEE_ALERTS))]
AlertToAnswer = Annotated[Alert, Depends(AlertForToken(Permission.ANSWER_ALERT))]


class Person(BaseModel):
    """Somebody on the staff."""

    id: int
    name: str


class ShownAlert(BaseModel):
    """One thing that needs somebody, as it stands now."""

    id: int
    stay_id: int
    rule: str
    rule_version: int
    level: Level
    title: str
    sentence: str
    state: AlertState
    raised_at: Moment
    seen_at: Moment | None
    acknowledged_at: Moment | None
    acknowledged_by: Person | None
    plan: str | None
    recheck_at: Moment | None = Field(description="Not kept, the promise lapses and climbs.")
    next_step_at: Moment | None = Field(description="When it climbs or lapses by itself.")
    cleared_at: Moment | None = Field(description="When a newer set no longer met the rule.")
    closed_at: Moment | None
    close_reason: str | None


class Step(BaseModel):
    """Something that happened to the alert; without a person the watch did it."""

    kind: StepKind
    level: Level
    at: Moment
    sentence: str
    actor: Person | None


class AlertInFull(ShownAlert, Payload):
    """The alert with what raised it and all that has happened to it."""

    evidence: list[dict[str, Any]] = Field(
        description="What was read when it was raised: label, value, unit, observed_at,"
        " observation_id."
    )
    rule_source: str
    recheck_minutes: list[int] = Field(description="What an acknowledgement may promise.")
    steps: list[Step]


class Alerts(Payload):
    """Worst first, then longest open; closed ones by when they were closed."""

    alerts: list[ShownAlert]


def _person(names: dict[int, str], staff_id: int | None) -> Person | None:
    return None if staff_id is None else Person(id=staff_id, name=names[staff_id])


def _shown(alert: Alert, names: dict[int, str], *, with_words: bool) -> dict[str, Any]:
    """The fields that every form of the answer has.

    What people added in words may name somebody: without, a plan and a reason are told as far as
    they come from the list.
    """
    plain = {
        name: getattr(alert, name) for name in ShownAlert.model_fields if name != "acknowledged_by"
    }
    if not with_words:
        plain |= {
            "plan": _of_the_list(alert.plan),
            "close_reason": _of_the_list(alert.close_reason),
        }
    return plain | {"acknowledged_by": _person(names, alert.acknowledged_by)}


def _of_the_list(words: str | None) -> str | None:
    """`Call the physician: her sister rang` is `Call the physician`."""
    return words.partition(": ")[0] if words else words


def _in_full(session: Session, alert: Alert, *, named: bool) -> AlertInFull:
    steps = queries.steps(session, alert.id)
    people = [step.actor_id for step in steps] + [alert.acknowledged_by]
    names = staff.names(session, [person for person in people if person is not None])
    protocol = protocols.by_id(session, alert.protocol_id).protocol
    return AlertInFull(
        **_shown(alert, names, with_words=named),
        evidence=alert.evidence,
        rule_source=alert.rule_source,
        recheck_minutes=list(protocol.recheck_minutes[alert.level]),
        steps=[
            Step(
                kind=step.kind,
                level=step.level,
                at=step.at,
                sentence=step.sentence if named else "",
                actor=_person(names, step.actor_id),
            )
            for step in steps
        ],
    )


@router.get("/alerts", summary="What needs somebody on the unit now")
def alerts(
    db: Db,
    actor: Watcher,
    closed_since: Annotated[Moment | None, Query()] = None,
) -> Alerts:
    """Open alerts; with `closed_since`, those that were closed since then instead."""
    if closed_since is None:
        found = queries.open_on_unit(db, actor.unit.id)
    else:
        found = queries.closed_since(db, actor.unit.id, closed_since)
    census.shown(db, actor, "api alerts", [alert.stay_id for alert in found], clock.now())
    takers = [alert.acknowledged_by for alert in found if alert.acknowledged_by is not None]
    names = staff.names(db, takers)
    return leave(
        db,
        actor,
        What.ALERTS,
        Alerts(alerts=[ShownAlert(**_shown(alert, names, with_words=False)) for alert in found]),
    )


@router.get(
    "/alerts/{alert_id}",
    summary="One alert: why, and what has happened to it",
    response_model=AlertInFull,
)
def alert_in_full(db: Db, actor: Watcher, alert: AlertToSee) -> AlertInFull | Response:
    """The evidence is what was read when the alert was raised or last changed."""
    audit.viewed(db, actor.id, stay_id=alert.stay_id, unit_id=alert.unit_id, now=clock.now())
    return ask_named(
        db,
        actor,
        What.ALERT,
        _stay(db, alert),
        lambda named: _in_full(db, alert, named=named),
    )


def _stay(session: Session, alert: Alert) -> Stay:
    return session.get_one(Stay, alert.stay_id)


@router.post(
    "/alerts/{alert_id}/acknowledgements",
    status_code=201,
    summary="Take an alert, with a plan and a time to look again",
)
def acknowledge(
    db: Db, actor: Answerer, alert: AlertToAnswer, key: Key, body: AcknowledgementBody
) -> AlertInFull:
    """The machine signs with its own name: the plan says who it was that took the alert.

    An acknowledgement does not close the alert, and lapses when nobody looks again in time.
    """
    service.acknowledge(
        db,
        actor.id,
        alert,
        key=key,
        plan=body.plan,
        recheck_minutes=body.recheck_minutes,
        at=clock.now(),
    )
    return leave_named(
        db,
        actor,
        What.ALERT,
        _stay(db, alert),
        lambda named: _in_full(db, alert, named=named),
    )
