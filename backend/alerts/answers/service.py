"""See, take, send up, log a call, close. Each deed has a key: a retry gets the first answer."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.staff import queries as staff
from backend.alerts import queries
from backend.alerts import service as alerts
from backend.alerts.ladder import service as ladder
from backend.alerts.models import Alert, AlertState, AlertStep, StepKind
from backend.core.errors import Conflict, Invalid, NotAllowed
from backend.protocols import queries as protocols


def see(session: Session, actor_id: int, alert: Alert, *, key: UUID, at: datetime) -> Alert:
    """Somebody has read it. It goes on climbing until somebody takes it."""
    if _begin(session, actor_id, alert, StepKind.SEEN, key=key):
        return alert
    if alert.state is AlertState.OPEN:
        alert.state = AlertState.SEEN
    _mark_seen(alert, actor_id, at)
    _deed(session, actor_id, alert, StepKind.SEEN, key=key, at=at, sentence="Seen.")
    return alert


def acknowledge(
    session: Session,
    actor_id: int,
    alert: Alert,
    *,
    key: UUID,
    plan: str,
    recheck_minutes: int,
    at: datetime,
    taking_over_from: int | None = None,
) -> Alert:
    """Take it, with a plan and a time to look again. Not kept, the promise lapses and climbs.

    What somebody else has is taken over only by who knows that: `taking_over_from` is their id.
    """
    said: dict[str, object] = {"plan": plan, "recheck_minutes": recheck_minutes}
    if _begin(session, actor_id, alert, StepKind.ACKNOWLEDGED, key=key, **said):
        return alert
    choices = protocols.by_id(session, alert.protocol_id).protocol.recheck_minutes[alert.level]
    if recheck_minutes not in choices:
        allowed = ", ".join(str(choice) for choice in choices)
        raise Invalid(
            "Choose when to look again.", {"recheck_minutes": f"One of {allowed} minutes."}
        )
    has_it = alert.acknowledged_by if alert.state is AlertState.ACKNOWLEDGED else None
    if has_it not in (None, actor_id, taking_over_from):
        raise Conflict("Somebody else has taken this alert. Open it again to take it over.")
    recheck_at = at + timedelta(minutes=recheck_minutes)
    alert.state = AlertState.ACKNOWLEDGED
    alert.acknowledged_at = at
    alert.acknowledged_by = actor_id
    _mark_seen(alert, actor_id, at)
    alert.plan = plan
    alert.recheck_at = recheck_at
    alert.next_step_at = None if alert.cleared_at else recheck_at
    _deed(
        session,
        actor_id,
        alert,
        StepKind.ACKNOWLEDGED,
        key=key,
        at=at,
        sentence=plan,
        detail={**said, "recheck_at": recheck_at.isoformat()},
    )
    return alert


def log_call(
    session: Session,
    actor_id: int,
    alert: Alert,
    *,
    key: UUID,
    called: str,
    response: str,
    read_back: bool,
    at: datetime,
    how: str = "",
) -> Alert:
    """Who was called and how, what they said, and whether it was read back to them."""
    said = {"called": called, "how": how, "response": response, "read_back": read_back}
    if _begin(session, actor_id, alert, StepKind.CALLED, key=key, **said):
        return alert
    _deed(
        session,
        actor_id,
        alert,
        StepKind.CALLED,
        key=key,
        at=at,
        sentence=f"Called {f'{called} {how}'.strip()}: {response}",
        detail=said,
    )
    return alert


def escalate(session: Session, actor_id: int, alert: Alert, *, key: UUID, at: datetime) -> Alert:
    """Do not wait for the clock: the next on the ladder, now. A promise stands meanwhile."""
    if _begin(session, actor_id, alert, StepKind.ESCALATED, key=key):
        return alert
    promised_at = alert.next_step_at if alert.state is AlertState.ACKNOWLEDGED else None
    told = ladder.climb(session, alert, since=at)
    if told is None:
        raise Conflict("It is already at the top of the ladder. Call, and log the call.")
    if alert.state is AlertState.ACKNOWLEDGED or alert.cleared_at:
        alert.next_step_at = promised_at
    _deed(
        session,
        actor_id,
        alert,
        StepKind.ESCALATED,
        key=key,
        at=at,
        sentence=f"Escalated to {told}.",
        detail={"told": told},
    )
    return alert


def close(
    session: Session,
    actor_id: int,
    alert: Alert,
    *,
    key: UUID,
    reason: str,
    at: datetime,
    may_close_emergency: bool,
    seen_step_id: int | None = None,
) -> Alert:
    """End it with a reason. An emergency needs newer evidence or the second role.

    `seen_step_id`: the newest step that the card told whoever closes it.
    """
    if _begin(session, actor_id, alert, StepKind.CLOSED, key=key, sentence=reason):
        return alert
    if seen_step_id is not None:
        _must_be_as_seen(session, alert, actor_id, seen_step_id)
    if refusal := why_not_close(session, alert, may_close_emergency=may_close_emergency):
        raise NotAllowed(refusal)
    alerts.end(session, alert, actor_id, at=at, reason=reason, key=key)
    alerts.announce(session, alert)
    return alert


# What a newer set says of it, whoever recorded that.
_NEWER = frozenset({StepKind.UPDATED, StepKind.WORSENED, StepKind.RETURNED})


def _must_be_as_seen(session: Session, alert: Alert, actor_id: int, seen_step_id: int) -> None:
    """Or say what somebody else did, or a newer set said, that was not on the card yet."""
    news = [
        step
        for step in queries.steps(session, alert.id)
        if step.id > seen_step_id and (step.kind in _NEWER or step.actor_id not in (None, actor_id))
    ]
    if not news:
        return
    latest = news[-1]
    who = _name(session, latest.actor_id) or "A newer set"
    raise Conflict(
        f"Since you read this, {who}: {latest.sentence.rstrip('.')}. It was not closed; open it"
        " again, then decide."
    )


def _name(session: Session, staff_id: int | None) -> str | None:
    return staff.names(session, [staff_id]).get(staff_id) if staff_id is not None else None


def why_not_close(session: Session, alert: Alert, *, may_close_emergency: bool) -> str | None:
    """The sentence that keeps somebody from closing it; None when nothing does."""
    if may_close_emergency or alert.cleared_at is not None:
        return None
    if not alerts.needs_evidence_or_second_role(session, alert):
        return None
    return (
        f"An {alert.level.value} alert is closed by a physician, or after a newer set that no"
        " longer meets it."
    )


def _begin(
    session: Session, actor_id: int, alert: Alert, kind: StepKind, *, key: UUID, **said: object
) -> bool:
    """Lock the alert. True when this very deed was done before and only its answer got lost."""
    alerts.lock(session, alert)
    step = session.scalars(select(AlertStep).where(AlertStep.key == key)).one_or_none()
    if step is None:
        if alert.closed_at is not None:
            raise Conflict(_over(session, alert, kind))
        return False
    same_deed = (step.alert_id, step.kind, step.actor_id) == (alert.id, kind, actor_id)
    was_said = step.detail | {"sentence": step.sentence}
    if not same_deed or any(was_said.get(name) != value for name, value in said.items()):
        raise Conflict("This form was already sent with other values. Open it again.")
    return True


def _over(session: Session, alert: Alert, kind: StepKind) -> str:
    """To who wanted to close it too, in which words it was; they may differ."""
    if kind is not StepKind.CLOSED or alert.close_reason is None:
        return "This alert has been closed. Nothing more can be done to it."
    by = _name(session, alert.closed_by) or "Vigil"
    return (
        f"This alert has been closed. {by}: {alert.close_reason.rstrip('.')}. Your reason was not"
        " saved."
    )


def _mark_seen(alert: Alert, actor_id: int, at: datetime) -> None:
    if alert.seen_at is None:
        alert.seen_at = at
        alert.seen_by = actor_id


def _deed(
    session: Session,
    actor_id: int,
    alert: Alert,
    kind: StepKind,
    *,
    key: UUID,
    at: datetime,
    sentence: str,
    detail: Mapping[str, object] | None = None,
) -> None:
    alerts.add_step(
        session,
        alert,
        kind,
        at=at,
        sentence=sentence,
        actor_id=actor_id,
        key=key,
        detail=detail,
    )
    alerts.write_down(session, alert, kind, actor_id=actor_id)
    alerts.announce(session, alert)
