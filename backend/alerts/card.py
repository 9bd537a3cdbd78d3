"""The card of one alert: what, why, how long, who was told, what happens next and when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.permissions import Permission
from backend.accounts.staff import queries as staff
from backend.alerts import queries, words
from backend.alerts import service as alerts
from backend.alerts.models import Alert
from backend.alerts.page import Link, names_of
from backend.alerts.reasons import Reasons, reasons
from backend.alerts.words import Basis, Look, Told
from backend.core import local_time
from backend.protocols import queries as protocols
from backend.protocols.models import UnitProtocol
from backend.stays import queries as stay_queries
from backend.stays.models import Stay
from backend.stays.queries import Banner

# The review view looks back over a day of alerts.
DAY = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Why:
    """One alert with its reasons."""

    alert_id: int
    stay_id: int
    closed: bool
    look: Look
    plate: str
    place: str
    title: str
    sentence: str
    since: str
    age: str
    standing: str
    assess: str
    banner: Banner
    basis: Basis
    reasons: Reasons
    rule: str
    source: str
    told: tuple[Told, ...]
    also_met: tuple[Link, ...]
    others: tuple[Link, ...]
    course: str
    may_answer: bool
    step_id: int  # the newest that this card tells


def why(session: Session, actor: Actor, alert: Alert, now: datetime) -> Why:
    """The card: what, why, how long, who was told, what happens next and when."""
    zone = actor.zone
    steps = queries.steps(session, alert.id)
    names = names_of(session, [alert], steps)
    rungs = alerts.rungs(session, alert)
    protocol = protocols.by_id(session, alert.protocol_id).protocol
    banner = stay_queries.banner(session, session.get_one(Stay, alert.stay_id), zone, now)
    lapsed_at = queries.last_lapses(session, [alert.id]).get(alert.id)
    told = words.history(steps, names, zone, now) + words.to_come(alert, rungs, names, zone, now)
    return Why(
        alert_id=alert.id,
        stay_id=alert.stay_id,
        closed=alert.closed_at is not None,
        look=words.look(alert),
        plate=banner.bed_label or "–",
        place=f"Bed {banner.bed_label}" if banner.bed_label else "No bed",
        title=alert.title,
        sentence=alert.sentence,
        since=local_time.machine(alert.raised_at) if alert.closed_at is None else "",
        age=words.age(alert, now),
        standing=words.standing(alert, rungs, names, zone, lapsed_at=lapsed_at),
        assess=words.assessed_by(alert, protocol.assess_minutes[alert.level], zone),
        banner=banner,
        basis=words.basis(alert, zone, now),
        reasons=reasons(steps, zone, now),
        rule=_rule(session, alert),
        source=alert.rule_source,
        told=tuple(told),
        also_met=_family(session, alert),
        others=_others(session, alert, zone=actor.zone, now=now),
        course=f"/stays/{alert.stay_id}/course",
        may_answer=actor.may(Permission.ANSWER_ALERT),
        step_id=steps[-1].id,
    )


def _rule(session: Session, alert: Alert) -> str:
    version = session.get_one(UnitProtocol, alert.protocol_id)
    approver = staff.names(session, [version.approved_by])[version.approved_by]
    return (
        f"“{alert.rule}” version {alert.rule_version}, protocol “{version.name}” version"
        f" {version.version}, approved by {approver}."
    )


def _family(session: Session, alert: Alert) -> tuple[Link, ...]:
    """What else of the same family is met now: shown with the worst of them, not beside it."""
    if alert.closed_at is not None:
        return ()
    return tuple(
        Link(alert_id=other.id, words=other.title)
        for other in queries.open_on_stay(session, alert.stay_id)
        if other.family == alert.family and other.id != alert.id and _stands(other)
    )


def _stands(alert: Alert) -> bool:
    """Whether it is open, and no newer set has cleared it."""
    return alert.closed_at is None and alert.cleared_at is None


def _others(session: Session, alert: Alert, *, zone: ZoneInfo, now: datetime) -> tuple[Link, ...]:
    """The patient's other alerts of the last day, newest first."""
    return tuple(
        Link(
            alert_id=other.id,
            words=f"{local_time.day_and_time(other.raised_at, zone, now)} {other.title},"
            f" {other.level.value}, {'closed' if other.closed_at else 'open'}",
        )
        for other in queries.of_stay(session, alert.stay_id)
        if other.id != alert.id
        and (other.closed_at is None or other.raised_at > now - DAY)
        and not (other.family == alert.family and _stands(other))
    )
