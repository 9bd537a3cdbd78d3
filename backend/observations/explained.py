"""Why an alert was raised, as it was told then, and whether asking again gives the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from backend.alerts import queries as alerts
from backend.alerts.models import Alert, AlertStep, StepKind
from backend.clinical import again
from backend.clinical.deterioration import POISON
from backend.clinical.verdict import Verdict
from backend.core.errors import NotFound
from backend.observations import queries
from backend.protocols import queries as protocols
from backend.protocols.models import UnitProtocol

# The steps at which a rule spoke.
SPOKEN = (StepKind.RAISED, StepKind.UPDATED, StepKind.WORSENED, StepKind.RETURNED)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a rule said at one step, under which version, and what it says when asked again."""

    kind: StepKind
    at: datetime
    level: str
    sentence: str
    evidence: tuple[Mapping[str, Any], ...]
    before: tuple[Mapping[str, Any], ...]
    slope: str
    rule_version: int
    protocol_name: str
    protocol_version: int
    # Empty where asking again gives the same.
    differs: str


@dataclass(frozen=True, kw_only=True)
class Explained:
    """An alert with everything that its rule ever said of it, in order."""

    alert: Alert
    told: tuple[Told, ...]


def explain(session: Session, alert_id: int) -> Explained:
    """NotFound: there is no such alert."""
    alert = session.get(Alert, alert_id)
    if alert is None:
        raise NotFound("There is no such alert.")
    spoken = [step for step in alerts.steps(session, alert_id) if step.kind in SPOKEN]
    return Explained(alert=alert, told=tuple(_told(session, alert, step) for step in spoken))


def _told(session: Session, alert: Alert, step: AlertStep) -> Told:
    version = session.get_one(UnitProtocol, step.detail["protocol_id"])
    return Told(
        kind=step.kind,
        at=step.at,
        level=step.level.value,
        sentence=step.sentence,
        evidence=tuple(step.detail["evidence"]),
        before=tuple(step.detail.get("before", ())),
        slope=step.detail.get("slope", ""),
        rule_version=step.detail["rule_version"],
        protocol_name=version.name,
        protocol_version=version.version,
        differs=_differs(session, alert, step),
    )


def _differs(session: Session, alert: Alert, step: AlertStep) -> str:
    """How the answer of today differs from the one of then; empty where it does not."""
    asked = step.detail.get("asked")
    if not asked:
        return "What was asked was not kept when this was raised."
    sets = asked.get("sets", [])
    course = queries.sets(session, alert.stay_id, sets)
    if len(course) < len(sets):
        return f"{len(sets) - len(course)} of the sets it rests on are no longer kept."
    protocol = protocols.by_id(session, step.detail["protocol_id"]).protocol
    try:
        found = again.ask_again(asked, rule=alert.rule, protocol=protocol, course=course)
    except POISON as error:
        return f"It cannot be worked out any more ({type(error).__name__})."
    if found is None or found.state != "met":
        return f"Asked again, it is {found.state if found else 'silent'}."
    return _difference(found, step)


def _difference(found: Verdict, step: AlertStep) -> str:
    then = (step.sentence, _plain(step.detail["evidence"]), step.detail["rule_version"])
    now = (found.sentence, _plain([e.as_json() for e in found.evidence]), found.rule_version)
    return "" if then == now else f"Asked again, it says: {found.sentence}"


def _plain(evidence: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """With times as moments: one moment may be written in more than one way."""
    return [
        {**value, "observed_at": datetime.fromisoformat(value["observed_at"])} for value in evidence
    ]
