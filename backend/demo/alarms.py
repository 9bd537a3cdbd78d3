"""How the simulated staff answers alarms: mostly soon, sometimes late, now and then not at all."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid5

from sqlalchemy.orm import Session

from backend.alerts import queries
from backend.alerts.answers import service as answers
from backend.alerts.models import Alert, AlertState
from backend.demo.unit import SPACE
from backend.demo.ward import Ward, dice
from backend.protocols import queries as protocols

# Level -> minutes until half of them are taken. Invented, like the shares below.
TAKEN_AFTER = {"emergency": 2.5, "urgent": 7.0, "advisory": 30.0}
# Nobody comes at first; the charge nurse takes it when it has climbed.
LEFT = 0.12
# Whoever took it looks in again in time.
KEPT = 0.85
SETTLED_AFTER = timedelta(hours=3)
OLD = timedelta(hours=10)
PLANS = (
    "Seen at the bedside; vital signs again, physician told",
    "Sitting with the patient; set again before the time is up",
    "Physician called; orders for the night changed",
)

# Looks in on a stay out of turn, some minutes after it was decided to.
LookIn = Callable[[int, timedelta, Session, datetime], None]


def hear(ward: Ward, session: Session, at: datetime, *, look_in: LookIn) -> None:
    """Whatever rang since somebody listened last is somebody's, sooner or later.

    What rings for the patients whose night is written waits for the visitor.
    """
    for alert in queries.open_on_unit(session, ward.unit_id):
        if alert.id in ward.heard or alert.stay_id not in ward.persons:
            continue
        ward.heard.add(alert.id)
        rng = dice("alert", alert.id)
        wait = TAKEN_AFTER[alert.level.value] * rng.lognormvariate(0, 0.6)
        left = rng.random() < LEFT
        taken_at = at + timedelta(minutes=wait + (rng.uniform(50, 110) if left else 0))
        by = ward.staff["chen"] if left else ward.nurse(alert.stay_id, taken_at)
        # What is overdue is done with the round itself.
        keeps = rng.random() < KEPT and not alert.rule.startswith("overdue")
        takes = partial(_take, ward, alert.id, by=by, look_in=look_in if keeps else None)
        ward.plan(taken_at, takes, now=at)
        ward.plan(taken_at + SETTLED_AFTER, partial(_settle, ward, alert.id), now=at)


def _take(
    ward: Ward, alert_id: int, session: Session, at: datetime, *, by: int, look_in: LookIn | None
) -> None:
    alert = session.get(Alert, alert_id)
    if alert is None or alert.state in {AlertState.ACKNOWLEDGED, AlertState.CLOSED}:
        return
    in_force = protocols.by_id(session, alert.protocol_id)
    recheck = in_force.protocol.recheck_minutes[alert.level.value][-1]
    answers.acknowledge(
        session,
        by,
        alert,
        key=uuid5(SPACE, f"taken {alert_id} {at}"),
        plan=PLANS[alert_id % len(PLANS)],
        recheck_minutes=recheck,
        at=at,
    )
    if look_in is not None:
        again = at + timedelta(minutes=recheck * 0.8)
        ward.plan(again, partial(look_in, alert.stay_id, timedelta(minutes=1)), now=at)


def _settle(ward: Ward, alert_id: int, session: Session, at: datetime) -> None:
    """The physician's round: closes what is over, and asks for what is not to be taken."""
    alert = session.get(Alert, alert_id)
    if alert is None or alert.closed_at is not None:
        return
    if alert.cleared_at is not None or at - alert.raised_at > OLD / ward.speed:
        answers.close(
            session,
            ward.staff["priya"],
            alert,
            key=uuid5(SPACE, f"closed {alert_id}"),
            reason="Seen on the round; plan reviewed",
            at=at,
            may_close_emergency=True,
        )
        return
    if alert.state is not AlertState.ACKNOWLEDGED:
        _take(ward, alert_id, session, at, by=ward.staff["chen"], look_in=None)
    ward.plan(at + SETTLED_AFTER, partial(_settle, ward, alert_id), now=at)
