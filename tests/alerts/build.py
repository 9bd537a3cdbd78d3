"""Verdicts and alerts that tests need, with defaults that say nothing special."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.alerts import queries
from backend.alerts import service as alerts
from backend.alerts.answers import service as answers
from backend.alerts.ladder import service as ladder
from backend.alerts.models import Alert, StepKind
from backend.clinical.deterioration import Evidence, Verdict
from backend.core import clock
from backend.protocols import queries as protocols
from backend.stays.models import Stay
from tests import build
from tests.people import Ward

NURSE = "the assigned nurse"
CHARGE = "the charge nurse"
PHYSICIAN = "the physician on duty"


def verdict(**fields: Any) -> Verdict:
    """NEWS2 is 8, says the rule, on the set `observation_id`, observed at `observed_at`."""
    observation_id = fields.pop("observation_id", None)
    observed_at = fields.pop("observed_at", None) or clock.now()
    value = fields.pop("value", "8")
    values: dict[str, Any] = {
        "rule": "news2-7",
        "rule_version": 1,
        "family": "news2-total",
        "rank": 2,
        "title": "NEWS2 7 or more",
        "level": "emergency",
        "state": "met",
        "sentence": f"NEWS2 is {value}, 7 or more.",
        "evidence": (
            Evidence(
                label="NEWS2",
                value=value,
                unit="",
                observed_at=observed_at,
                observation_id=observation_id,
            ),
        ),
        "observation_id": observation_id,
        "band_system": None,
        "source": "RCP 2017 [A]",
    } | fields
    return Verdict(**values)


def observed(session: Session, ward: Ward, stay: Stay, at: datetime | None = None) -> int:
    """A stored set that meets no rule itself; its id."""
    return build.recorded(session, ward, stay, observed_at=at or clock.now()).id


def raised(
    session: Session, ward: Ward, stay: Stay | None = None, *, at: datetime, **fields: Any
) -> Alert:
    """An alert of level "urgent" unless said otherwise, raised at this time."""
    stay = stay or build.stay(session, ward)
    fields = {"level": "urgent", "observed_at": at} | fields
    return alerts.raise_alert(
        session,
        stay=stay,
        verdict=verdict(**fields),
        protocol_id=protocols.in_force(session, ward.unit.id, at=at).id,
        now=at,
        actor_id=ward.staff["nora"].id,
    )


def taken(
    session: Session, ward: Ward, alert: Alert, *, at: datetime, by: str = "nora", **fields: Any
) -> Alert:
    """Acknowledged: look again in 15 minutes unless said otherwise."""
    values: dict[str, Any] = {
        "key": uuid4(),
        "plan": "Reassess in person",
        "recheck_minutes": 15,
    } | fields
    return answers.acknowledge(session, ward.staff[by].id, alert, at=at, **values)


def let_time_pass(session: Session, until: datetime) -> None:
    """The watch's turns, each alert in the order of its deadline."""
    while (alert := ladder.past_its_time(session, until, ())) is not None:
        ladder.move_on(session, alert, until)


def kinds(session: Session, alert: Alert) -> list[StepKind]:
    """What has happened to an alert, in order."""
    return [step.kind for step in queries.steps(session, alert.id)]


def told(session: Session, alert: Alert) -> list[str]:
    """Who was told, in order."""
    return [
        step.detail["told"] for step in queries.steps(session, alert.id) if "told" in step.detail
    ]


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def all_alerts(session: Session) -> list[Alert]:
    return list(session.scalars(select(Alert).order_by(Alert.id)))
