"""The life of an alert by the rules: raised, brought up to date, cleared. Every move leaves a step.

What people do to it is in `answers`, what time does to it in `ladder`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.alerts import queries, statements
from backend.alerts.models import Alert, AlertState, Level, StepKind
from backend.audit import service as audit
from backend.clinical import ladder
from backend.clinical.deterioration import Verdict
from backend.clinical.protocol import Rung
from backend.core import live
from backend.protocols import queries as protocols
from backend.stays.models import Stay

HEIGHT = {Level.ADVISORY: 0, Level.URGENT: 1, Level.EMERGENCY: 2}


def raise_alert(
    session: Session,
    *,
    stay: Stay,
    verdict: Verdict,
    protocol_id: int,
    now: datetime,
    actor_id: int | None,
) -> Alert:
    """One open alert per patient and rule: a new one, or the open one brought up to date.

    What a person has closed is not raised again by the same set, unless it is worse.
    """
    # Goes round again only when somebody closed the open one, or raised it, in between.
    while True:
        if (row := _open_row(session, stay, verdict.rule)) is not None:
            if row.stay_id == stay.id:
                _bring_up_to_date(session, row, verdict, protocol_id=protocol_id, now=now)
                return row
            # Left open by an earlier stay, where nobody here would ever see it.
            end(session, row, None, at=now, reason="The patient has been admitted anew.")
            announce(session, row)
        if (answered := _answered(session, stay, verdict)) is not None:
            return answered
        if (row := _insert(session, stay, verdict, protocol_id, now)) is not None:
            break
    _step_up(session, row, StepKind.RAISED, verdict, protocol_id=protocol_id, now=now)
    write_down(session, row, StepKind.RAISED, actor_id=actor_id)
    announce(session, row)
    return row


def _open_row(session: Session, stay: Stay, rule: str) -> Alert | None:
    of = {"of_unit": stay.unit_id, "of_patient": stay.patient_id, "by_rule": rule}
    return session.scalars(statements.OPEN_ROW, of).one_or_none()


def _insert(
    session: Session, stay: Stay, verdict: Verdict, protocol_id: int, now: datetime
) -> Alert | None:
    """The new row; None when somebody else has just raised the same."""
    level = Level(verdict.level)
    first_rungs = protocols.by_id(session, protocol_id).protocol.ladder[level]
    values = {
        "stay_id": stay.id,
        "patient_id": stay.patient_id,
        "unit_id": stay.unit_id,
        "rule": verdict.rule,
        "rule_version": verdict.rule_version,
        "family": verdict.family,
        "rank": verdict.rank,
        "title": verdict.title,
        "level": level,
        "sentence": verdict.sentence,
        "evidence": [item.as_json() for item in verdict.evidence],
        "rule_source": verdict.source,
        "protocol_id": protocol_id,
        "observation_id": verdict.observation_id,
        "raised_at": now,
        "state": AlertState.OPEN,
        "rung": 0,
        "next_step_at": ladder.next_at(first_rungs, rung=0, since=now),
    }
    return session.scalars(statements.INSERT_ALERT, values).one_or_none()


def _answered(session: Session, stay: Stay, verdict: Verdict) -> Alert | None:
    """The alert that a person has closed in full knowledge of this very set."""
    if verdict.observation_id is None:
        return None
    of = {"of_stay": stay.id, "by_rule": verdict.rule, "by_set": verdict.observation_id}
    closed = session.scalars(statements.ANSWERED, of).first()
    if closed is None or HEIGHT[Level(verdict.level)] > HEIGHT[closed.level]:
        return None
    return closed


def _bring_up_to_date(
    session: Session, row: Alert, verdict: Verdict, *, protocol_id: int, now: datetime
) -> None:
    """A worse level, or what had cleared and came back, alerts again from the foot of the ladder.

    Otherwise only the evidence changes. The version that raised it stays on the row.
    """
    level, evidence = Level(verdict.level), [item.as_json() for item in verdict.evidence]
    worse = HEIGHT[level] > HEIGHT[row.level]
    returned = row.cleared_at is not None
    if not (worse or returned) and (verdict.sentence, evidence) == (row.sentence, row.evidence):
        return
    row.sentence = verdict.sentence
    row.evidence = evidence
    row.observation_id = verdict.observation_id or row.observation_id
    row.cleared_at = None
    kind = StepKind.UPDATED
    if worse or returned:
        kind = StepKind.WORSENED if worse else StepKind.RETURNED
        row.level = level if worse else row.level
        row.state = AlertState.OPEN
        row.rung = 0
        row.next_step_at = ladder.next_at(rungs(session, row), rung=0, since=now)
    _step_up(session, row, kind, verdict, protocol_id=protocol_id, now=now)
    announce(session, row)


def _step_up(
    session: Session,
    row: Alert,
    kind: StepKind,
    verdict: Verdict,
    *,
    protocol_id: int,
    now: datetime,
) -> None:
    detail = {
        "evidence": row.evidence,
        "rule_version": verdict.rule_version,
        "protocol_id": protocol_id,
        "before": [value.as_json() for value in verdict.before],
        "slope": verdict.slope,
        # Enough to put the same question to the same version again.
        "asked": dict(verdict.asked),
    }
    if kind is not StepKind.UPDATED:
        detail["told"] = rungs(session, row)[0].role_words
    add_step(session, row, kind, at=now, sentence=verdict.sentence, detail=detail)


def clear(session: Session, alert: Alert, *, sentence: str, now: datetime) -> None:
    """A newer set no longer meets the rule, so it climbs no further.

    Where the protocol wants newer evidence or a second role to close, it waits for a person, who
    now may be anybody; otherwise it is over.
    """
    lock(session, alert)
    if alert.cleared_at is not None or alert.closed_at is not None:
        return
    alert.cleared_at = now
    alert.next_step_at = None
    add_step(session, alert, StepKind.CLEARED, at=now, sentence=sentence)
    write_down(session, alert, StepKind.CLEARED, actor_id=None)
    if not needs_evidence_or_second_role(session, alert):
        end(session, alert, None, at=now, reason=sentence)
    announce(session, alert)


def close_all(
    session: Session, actor_id: int | None, stay: Stay, *, at: datetime, reason: str
) -> None:
    """The stay has ended, and with it everything that needed somebody here."""
    for alert in queries.open_on_stay(session, stay.id):
        lock(session, alert)
        if alert.closed_at is None:
            end(session, alert, actor_id, at=at, reason=reason)
    live.announce(session, f"stay-{stay.id}", "alerts")


def rungs(session: Session, alert: Alert) -> tuple[Rung, ...]:
    """As the version that raised the alert has them: an edit never changes a running alert."""
    return protocols.by_id(session, alert.protocol_id).protocol.ladder[alert.level]


def needs_evidence_or_second_role(session: Session, alert: Alert) -> bool:
    """Whether the unit wants newer evidence, or a second role, before an alert like this ends."""
    protocol = protocols.by_id(session, alert.protocol_id).protocol
    return protocol.close[alert.level].newer_evidence_or_second_role


def lock(session: Session, alert: Alert) -> None:
    """Two who answer at once take turns, and the second sees what the first did."""
    session.refresh(alert, with_for_update=True)


def end(
    session: Session,
    alert: Alert,
    actor_id: int | None,
    *,
    at: datetime,
    reason: str,
    key: UUID | None = None,
) -> None:
    """Close it; the caller has locked it and says so to the screens."""
    alert.state = AlertState.CLOSED
    alert.closed_at = at
    alert.closed_by = actor_id
    alert.close_reason = reason
    alert.next_step_at = None
    add_step(session, alert, StepKind.CLOSED, at=at, sentence=reason, actor_id=actor_id, key=key)
    write_down(session, alert, StepKind.CLOSED, actor_id=actor_id)


def add_step(
    session: Session,
    alert: Alert,
    kind: StepKind,
    *,
    at: datetime,
    sentence: str,
    actor_id: int | None = None,
    key: UUID | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """What happened to the alert, beside the row that says how it stands now."""
    step = {
        "alert_id": alert.id,
        "stay_id": alert.stay_id,
        "unit_id": alert.unit_id,
        "key": key,
        "kind": kind,
        "level": alert.level,
        "at": at,
        "sentence": sentence,
        "actor_id": actor_id,
        "observation_id": alert.observation_id,
        "detail": dict(detail or {}),
    }
    session.flush()
    session.execute(statements.INSERT_STEP, step)


def announce(session: Session, alert: Alert) -> None:
    """Every screen that shows it asks again."""
    live.announce(session, f"stay-{alert.stay_id}", "alerts")


def write_down(session: Session, alert: Alert, kind: StepKind, *, actor_id: int | None) -> None:
    """The audit entry of a move; nobody did what the rules and the clock do."""
    audit.record(
        session,
        actor_id,
        f"alert.{kind.value}",
        unit_id=alert.unit_id,
        stay_id=alert.stay_id,
        alert_id=alert.id,
    )
