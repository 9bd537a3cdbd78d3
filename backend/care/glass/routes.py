"""Break the glass in an emergency; and look, as the privacy officer, at who did."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, Allowed, SignedIn
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.accounts.sign_in import service as sign_in
from backend.accounts.units import queries as units
from backend.care.glass import queries, service
from backend.care.glass.access import GlassToAnswer
from backend.care.glass.forms import BreakForm, ReviewForm
from backend.care.glass.models import LASTS, GlassReason, Outcome
from backend.care.glass.queries import Broken
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.errors import Conflict, NotFound, StepUpNeeded, UserError
from backend.core.web import Page, Screen, go, render, stands_on

router = APIRouter()
InNeed = Annotated[Actor, Depends(Allowed(Permission.BREAK_GLASS))]
Reviewer = Annotated[Actor, Depends(Allowed(Permission.REVIEW_GLASS))]
DAYS = 90


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What stays in the form when it is refused."""

    unit_id: int
    where: str = ""
    reason: str = ""
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class GlassScreen(Screen, template="care/glass.html"):
    """Where somebody says whose record they must read, and why."""

    key: UUID
    opened_by: int
    opened_in: int | None
    units: tuple[tuple[int, str], ...]
    reasons: tuple[str, ...]
    minutes: int
    typed: Typed
    refusal: str | None


@dataclass(frozen=True, kw_only=True)
class Line:
    """One time that glass was broken, in words."""

    id: int
    who: str
    code: str
    stay_id: int
    from_words: str
    until_words: str
    why: str
    found: str | None
    waits: bool
    own: bool
    key: UUID


@dataclass(frozen=True, kw_only=True)
class ReviewScreen(Screen, template="care/glass_review.html"):
    """Who read what they may not, and what somebody else makes of it."""

    waiting: tuple[Line, ...]
    reviewed: tuple[Line, ...]
    outcomes: tuple[str, ...]
    opened_by: int
    opened_in: int | None
    days: int


@dataclass(frozen=True, kw_only=True)
class GlassCount(Page, template="care/_glass_count.html"):
    """How many wait for a review: beside the word Privacy, on every page."""

    count: int


@router.get("/glass")
def glass_screen(db: Db, actor: InNeed) -> Response:
    return render(_screen(db, actor, Typed(unit_id=actor.unit.id)))


def _screen(db: Session, actor: Actor, typed: Typed, refusal: str | None = None) -> GlassScreen:
    return GlassScreen(
        shell=shell(actor, here="glass", now=clock.now()),
        key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        units=tuple((unit.id, unit.name) for unit in units.every(db)),
        reasons=tuple(GlassReason),
        minutes=LASTS // timedelta(minutes=1),
        typed=typed,
        refusal=refusal,
    )


@router.post("/glass")
def break_glass(
    request: Request, db: Db, actor: InNeed, form: Annotated[BreakForm, Form()]
) -> Response:
    """The proof is asked for before anything is looked up, and is used up by it."""
    actor.signs(form)
    if Permission.SEE_CHART in actor.denied:
        actor.must(Permission.SEE_CHART)
    if actor.sign_in_id is None:
        raise StepUpNeeded
    standing = actor.glass
    if standing and service.is_of(db, standing, form.key, back_to=actor.unit.id):
        return go(request, f"/stays/{standing.stay_id}")
    sign_in.use_step_up(db, actor.sign_in_id, now=clock.now())
    try:
        stay = service.find(db, actor.id, unit_id=form.unit_id, where=form.where)
        if stay is None:
            raise NotFound("Nobody lies there, and nobody of that unit has that code. Look again.")
        if stay.unit_id == actor.unit.id and actor.may(Permission.SEE_CHART):
            raise Conflict("You may open this record without this: it is on your board.")
        service.break_(
            db,
            actor.id,
            stay,
            key=form.key,
            reason=form.reason,
            words=form.words,
            standing=standing,
        )
    except UserError as refused:
        typed = Typed(unit_id=form.unit_id, where=form.where, reason=form.reason, words=form.words)
        return render(_screen(db, actor, typed, refused.sentence), refused.status)
    return go(request, f"/stays/{stay.id}")


@router.post("/glass/end")
def end(request: Request, db: Db, actor: InNeed) -> Response:
    if actor.glass is not None:
        service.end(db, actor.id, actor.glass)
    return go(request, "/home")


@router.get("/privacy/glass")
def review_screen(db: Db, actor: Reviewer) -> Response:
    now = clock.now()
    lines = queries.of_unit(db, actor.unit.id, since=now - timedelta(days=DAYS))
    return render(
        ReviewScreen(
            shell=shell(actor, here="privacy", now=now),
            waiting=tuple(_line(one, actor) for one in lines if one.waits),
            reviewed=tuple(_line(one, actor) for one in lines if not one.waits),
            outcomes=tuple(Outcome),
            opened_by=actor.id,
            opened_in=actor.sign_in_id,
            days=DAYS,
        )
    )


def _line(one: Broken, actor: Actor) -> Line:
    glass, review = one.glass, one.review
    until_at = one.ended_at or glass.opened_at + LASTS
    return Line(
        id=glass.id,
        who=one.name,
        code=one.code,
        stay_id=glass.stay_id,
        from_words=local_time.day_and_time(glass.opened_at, actor.zone),
        until_words=local_time.clock_time(until_at, actor.zone),
        why=f"{glass.reason.capitalize()}: {glass.words}",
        found=f"{review.outcome.capitalize()}, {one.reviewer}: {review.words}" if review else None,
        waits=one.waits,
        own=glass.staff_id == actor.id,
        key=uuid4(),
    )


@router.get("/privacy/glass/count")
def count(db: Db, actor: Reviewer) -> Response:
    return render(GlassCount(count=queries.waiting(db, actor.unit.id)))


@router.post("/privacy/glass/{glass_id}/review")
@stands_on("/privacy/glass")
def review(
    request: Request,
    db: Db,
    actor: SignedIn,
    glass: GlassToAnswer,
    form: Annotated[ReviewForm, Form()],
) -> Response:
    actor.signs(form)
    service.review(db, actor.id, glass, key=form.key, outcome=form.outcome, words=form.words)
    return go(request, "/privacy/glass")
