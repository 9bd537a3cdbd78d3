"""One patient's course on one page."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from backend.accounts.access import SignedIn
from backend.accounts.shell import shell
from backend.audit import service as audit
from backend.core import clock
from backend.core.db import Db
from backend.core.web import Page, Screen, render
from backend.observations.chart import page, view
from backend.observations.events.page import Tap, tap
from backend.stays import queries as stay_queries
from backend.stays.access import ChartOf
from backend.stays.queries import Banner

router = APIRouter()

Chosen = Annotated[Literal["36h", "24h", "7d", "stay"], Query(alias="range")]
Most = Annotated[int, Query(alias="sets", ge=1, le=4000)]
FIRST_SETS = 40


@dataclass(frozen=True, kw_only=True)
class ChartScreen(Screen, template="observations/chart.html"):
    """The chart under the name of the patient."""

    banner: Banner
    tap: Tap | None
    chart: page.Chart


@dataclass(frozen=True, kw_only=True)
class ChartPage(Page, template="observations/_chart.html"):
    """The body of the chart, which keeps itself up to date."""

    chart: page.Chart


@dataclass(frozen=True, kw_only=True)
class CoursePart(Page, template="observations/_course.html"):
    """The drawings alone, for the card of an alert."""

    chart: page.Chart


@router.get("/stays/{stay_id}")
def chart_screen(
    db: Db, actor: SignedIn, stay: ChartOf, chosen: Chosen = "36h", most: Most = FIRST_SETS
) -> Response:
    now = clock.now()
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=now)
    return render(
        ChartScreen(
            shell=shell(actor, here="chart", now=now),
            banner=stay_queries.banner(db, stay, actor.zone, now),
            tap=tap(actor, stay.id),
            chart=view.chart(db, actor, stay, chosen=chosen, most=most, now=now),
        )
    )


@router.get("/stays/{stay_id}/chart")
def chart(
    db: Db, actor: SignedIn, stay: ChartOf, chosen: Chosen = "36h", most: Most = FIRST_SETS
) -> Response:
    now = clock.now()
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=now)
    return render(ChartPage(chart=view.chart(db, actor, stay, chosen=chosen, most=most, now=now)))


@router.get("/stays/{stay_id}/course")
def course(db: Db, actor: SignedIn, stay: ChartOf) -> Response:
    now = clock.now()
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=now)
    return render(CoursePart(chart=view.chart(db, actor, stay, chosen="36h", most=1, now=now)))
