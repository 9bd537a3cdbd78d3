"""What needs somebody: the list, and for each alert a card that says why."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, Allowed, SignedIn
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.alerts import card, page, queries
from backend.alerts.access import AlertToSee
from backend.alerts.answers import page as forms
from backend.alerts.answers.page import Answers
from backend.alerts.card import Why
from backend.alerts.models import Alert, Level
from backend.alerts.page import Listing, Show
from backend.audit import service as audit
from backend.core import clock
from backend.core.db import Db
from backend.core.web import LARGEST_ID, Page, Screen, render

router = APIRouter()
SeesAlerts = Annotated[Actor, Depends(Allowed(Permission.SEE_ALERTS))]
Opened = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]


@dataclass(frozen=True, kw_only=True)
class AlertsScreen(Screen, template="alerts/alerts.html"):
    """The list, and beside it the alert that was opened."""

    listing: Listing
    why: Why | None
    answers: Answers | None


@dataclass(frozen=True, kw_only=True)
class AlertList(Page, template="alerts/_list.html"):
    """The list alone, after something changed on the unit."""

    listing: Listing


@dataclass(frozen=True, kw_only=True)
class WhyCard(Page, template="alerts/_why.html"):
    """The card alone, after something changed for this patient. The forms are not in it."""

    why: Why


@dataclass(frozen=True, kw_only=True)
class AlertCount(Page, template="alerts/_count.html"):
    """How many are open, in the top bar of every page."""

    count: int
    emergencies: int


@router.get("/alerts")
def alerts_screen(db: Db, actor: SeesAlerts, show: Show = "open") -> Response:
    return render(_screen(db, actor, None, show))


@router.get("/alerts/list")
def alert_list(db: Db, actor: SeesAlerts, show: Show = "open", opened: Opened = None) -> Response:
    listing = page.listing(db, actor, show=show, opened=opened, now=clock.now())
    return render(AlertList(listing=listing))


@router.get("/alerts/count")
def alert_count(db: Db, actor: SeesAlerts) -> Response:
    counts = queries.open_counts(db, actor.unit.id)
    return render(AlertCount(count=sum(counts.values()), emergencies=counts[Level.EMERGENCY]))


@router.get("/alerts/{alert_id}")
def alert_screen(db: Db, actor: SignedIn, alert: AlertToSee) -> Response:
    audit.viewed(db, actor.id, stay_id=alert.stay_id, unit_id=alert.unit_id, now=clock.now())
    return render(_screen(db, actor, alert, "open"))


@router.get("/alerts/{alert_id}/why")
def why(db: Db, actor: SignedIn, alert: AlertToSee) -> Response:
    audit.viewed(db, actor.id, stay_id=alert.stay_id, unit_id=alert.unit_id, now=clock.now())
    return render(WhyCard(why=card.why(db, actor, alert, clock.now())))


def _screen(db: Session, actor: Actor, alert: Alert | None, show: Show) -> AlertsScreen:
    now = clock.now()
    opened = alert.id if alert else None
    return AlertsScreen(
        shell=shell(actor, here="alerts", now=now),
        listing=page.listing(db, actor, show=show, opened=opened, now=now),
        why=card.why(db, actor, alert, now) if alert else None,
        answers=forms.answers(db, actor, alert, now) if alert else None,
    )
