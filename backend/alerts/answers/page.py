"""The forms under an alert: what this person may do about it now, each form with its own key."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.permissions import Permission
from backend.accounts.staff import queries as staff
from backend.alerts import service as alerts
from backend.alerts.answers import service
from backend.alerts.answers.choices import Plan, Reason
from backend.alerts.models import Alert, AlertState
from backend.core import local_time
from backend.core.web import Page
from backend.protocols import queries as protocols


@dataclass(frozen=True, kw_only=True)
class Recheck:
    """One time to look again, as a button."""

    minutes: int
    words: str


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the forms need. `stored` says what was just done, once the database has it."""

    alert_id: int
    stay_id: int
    opened_by: int
    opened_in: int | None
    seen_key: UUID
    escalation_key: UUID
    promise_key: UUID
    call_key: UUID
    closing_key: UUID
    stored: str
    plans: tuple[str, ...]
    rechecks: tuple[Recheck, ...]
    taking_over_from: int | None
    taking_over_words: str
    saying: str
    next_told: str
    reasons: tuple[str, ...]
    why_not_close: str | None


@dataclass(frozen=True, kw_only=True)
class Bar(Page, template="alerts/_bar.html"):
    """Seen, escalate, and the way to the other forms."""

    answers: Answers


@dataclass(frozen=True, kw_only=True)
class Promise(Page, template="alerts/_promise.html"):
    """I have it."""

    answers: Answers


@dataclass(frozen=True, kw_only=True)
class Call(Page, template="alerts/_call.html"):
    """A call that was made."""

    answers: Answers


@dataclass(frozen=True, kw_only=True)
class Closing(Page, template="alerts/_closing.html"):
    """The end of it."""

    answers: Answers


def answers(
    session: Session, actor: Actor, alert: Alert, now: datetime, *, stored: str = ""
) -> Answers | None:
    """Fresh forms; None for who may not answer, and for what is closed."""
    if not actor.may(Permission.ANSWER_ALERT) or alert.closed_at is not None:
        return None
    protocol = protocols.by_id(session, alert.protocol_id).protocol
    rungs = alerts.rungs(session, alert)
    at_the_top = alert.rung + 1 >= len(rungs)
    has_it = alert.acknowledged_by if alert.state is AlertState.ACKNOWLEDGED else None
    other = has_it if has_it != actor.id else None
    physician = actor.may(Permission.CLOSE_EMERGENCY)
    return Answers(
        alert_id=alert.id,
        stay_id=alert.stay_id,
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        seen_key=uuid4(),
        escalation_key=uuid4(),
        promise_key=uuid4(),
        call_key=uuid4(),
        closing_key=uuid4(),
        stored=f"Stored {local_time.clock_time(now, actor.zone)}: {stored}" if stored else "",
        plans=tuple(plan.value for plan in Plan),
        rechecks=tuple(
            Recheck(minutes=minutes, words=_in(minutes))
            for minutes in protocol.recheck_minutes[alert.level]
        ),
        taking_over_from=other,
        taking_over_words=f"{staff.names(session, [other])[other]} has it now." if other else "",
        saying="Take it over" if other else "I still have it" if has_it else "I have it",
        next_told="" if at_the_top else rungs[alert.rung + 1].role_words,
        reasons=tuple(reason.value for reason in Reason),
        why_not_close=service.why_not_close(session, alert, may_close_emergency=physician),
    )


def _in(minutes: int) -> str:
    """`in 15 min`, `in 2 h`."""
    return f"in {minutes // 60} h" if minutes >= 60 and minutes % 60 == 0 else f"in {minutes} min"
