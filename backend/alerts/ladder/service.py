"""The watch's turn with an alert: a promise ends, kept or lapsed, and what nobody has climbs."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.alerts import service as alerts
from backend.alerts.models import Alert, AlertState, StepKind
from backend.clinical import ladder


def past_its_time(session: Session, now: datetime, leave: Collection[int]) -> Alert | None:
    """One alert that must lapse or climb now, locked; alerts in `leave` are left alone."""
    return session.scalars(
        select(Alert)
        .where(Alert.next_step_at <= now, Alert.closed_at.is_(None), Alert.id.not_in(leave))
        .order_by(Alert.next_step_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def move_on(session: Session, alert: Alert, now: datetime) -> None:
    """One step. Called until no alert is past its time.

    Times count from when each step was due, so that after an outage all who should have been told
    by now are told at once.
    """
    due_at = alert.next_step_at or now
    promised = alert.state is AlertState.ACKNOWLEDGED
    if promised and _looked_again(alert):
        alert.state = AlertState.OPEN
        rungs = alerts.rungs(session, alert)
        alert.next_step_at = ladder.next_at(rungs, rung=alert.rung, since=due_at)
        sentence = "Looked at again, and it still holds: somebody must take it again."
        _step(session, alert, StepKind.KEPT, now=now, sentence=sentence)
        return
    if promised:
        alert.state = AlertState.LAPSED
        sentence = "The promised recheck was not kept."
        _step(session, alert, StepKind.LAPSED, now=now, sentence=sentence)
    told = climb(session, alert, since=due_at)
    if told is None:
        alert.next_step_at = None
        session.flush()
        return
    sentence = f"{'It climbed' if promised else 'Nobody took it: it climbed'} to {told}."
    _step(session, alert, StepKind.ESCALATED, now=now, sentence=sentence, detail={"told": told})


def _looked_again(alert: Alert) -> bool:
    """Whether what the rule now rests on was observed after somebody took the alert."""
    return alert.acknowledged_at is not None and any(
        datetime.fromisoformat(item["observed_at"]) > alert.acknowledged_at
        for item in alert.evidence
        if item["observation_id"] is not None
    )


def climb(session: Session, alert: Alert, *, since: datetime) -> str | None:
    """One rung up, and who is told there; None at the top, where nobody is left to tell."""
    rungs = alerts.rungs(session, alert)
    if alert.rung + 1 >= len(rungs):
        return None
    alert.rung += 1
    alert.next_step_at = ladder.next_at(rungs, rung=alert.rung, since=since)
    return rungs[alert.rung].role_words


def _step(
    session: Session,
    alert: Alert,
    kind: StepKind,
    *,
    now: datetime,
    sentence: str,
    detail: dict[str, str] | None = None,
) -> None:
    alerts.add_step(session, alert, kind, at=now, sentence=sentence, detail=detail)
    alerts.write_down(session, alert, kind, actor_id=None)
    alerts.announce(session, alert)
