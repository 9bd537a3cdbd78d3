"""How long records are kept, what may go, and two people who let it go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session

from backend.accounts import census
from backend.accounts.access import Actor, Allowed, SignedIn
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.accounts.sign_in import service as sign_in
from backend.care.purge import queries, service
from backend.care.purge.access import PurgeToAnswer
from backend.care.purge.forms import AnswerForm, AskForm
from backend.care.purge.models import Purge, Verdict
from backend.care.purge.queries import Asked, Logged, Old
from backend.care.retention import queries as retention
from backend.care.retention.queries import Past
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.errors import StepUpNeeded
from backend.core.web import Screen, go, render, stands_on

router = APIRouter()
Agreeing = Annotated[Actor, Depends(Allowed(Permission.AGREE_TO_PURGE))]
Asking = Annotated[Actor, Depends(Allowed(Permission.ASK_FOR_PURGE))]
HERE = "/privacy/retention"
LOG_LINES = 50


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What somebody asked for, and what this person may say to it."""

    id: int
    key: UUID
    asked: str
    stays: int
    patients: tuple[str, ...]
    verdicts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One deletion, in words."""

    when: str
    what: str
    rules: tuple[str, ...]
    rows: str
    who: str


@dataclass(frozen=True, kw_only=True)
class RetentionScreen(Screen, template="care/retention.html"):
    """Rules, holds, what is past its time, what waits, what was deleted."""

    key: UUID
    opened_by: int
    opened_in: int | None
    rules: tuple[tuple[str, str], ...]
    holds: tuple[str, ...]
    free: int
    held: int
    kept: int
    most: int
    may_ask: bool
    waiting: tuple[Waiting, ...]
    log: tuple[LogLine, ...]


@router.get(HERE)
def retention_screen(db: Db, actor: Agreeing) -> Response:
    now = clock.now()
    old = queries.old(db, actor.unit.id, now)
    waiting = queries.waiting(db, actor.unit.id)
    return render(
        RetentionScreen(
            shell=shell(actor, here="privacy", now=now),
            key=uuid4(),
            opened_by=actor.id,
            opened_in=actor.sign_in_id,
            rules=tuple(_rule(one) for one in retention.past_their_time(db, actor.unit, now)),
            holds=_holds(db, actor),
            free=sum(one.may_go for one in old),
            held=sum(one.held for one in old),
            kept=sum(one.waits and not one.held for one in old),
            most=service.MOST_STAYS,
            may_ask=actor.may(Permission.ASK_FOR_PURGE) and not waiting,
            waiting=tuple(_waiting(db, one, old, actor) for one in waiting),
            log=tuple(_line(one, actor) for one in queries.log(db, actor.unit.id, most=LOG_LINES)),
        )
    )


def _rule(one: Past) -> tuple[str, str]:
    if one.rule is None or one.before is None:
        return one.kept.value, "no rule, so it is kept for ever"
    until = f"{one.before.day} {one.before:%b %Y}"
    words = f"{one.rule.years} years ({one.rule.source}): what ended before {until}"
    return one.kept.value, words


def _holds(db: Session, actor: Actor) -> tuple[str, ...]:
    """Why something is held may name somebody; it is for whoever looks after privacy."""
    names = actor.may(Permission.SEE_AUDIT)
    return tuple(
        ("The whole unit" if hold.stay_id is None else "One stay")
        + f", since {hold.set_at.astimezone(actor.zone):%d %b %Y}"
        + (f": {hold.reason}" if names else "")
        for hold in retention.holds(db, actor.unit.id)
    )


def _waiting(db: Session, one: Asked, old: Sequence[Old], actor: Actor) -> Waiting:
    purge = one.purge
    known = {row.stay_id: row for row in old} if actor.may(Permission.SEE_AUDIT) else {}
    shown = [known[stay_id] for stay_id in purge.stay_ids if stay_id in known]
    if shown:
        census.shown(db, actor, "retention", [row.stay_id for row in shown], clock.now())
    return Waiting(
        id=purge.id,
        key=uuid4(),
        asked=f"{local_time.day_and_time(purge.asked_at, actor.zone)}, {one.by}",
        stays=len(purge.stay_ids),
        patients=tuple(
            f"{row.code}, gone {row.discharged_at.astimezone(actor.zone):%d %b %Y}" for row in shown
        ),
        verdicts=_verdicts(purge, actor),
    )


def _verdicts(purge: Purge, actor: Actor) -> tuple[tuple[str, str], ...]:
    if purge.asked_by == actor.id:
        return ((Verdict.WITHDRAWN.value, "Take it back"),)
    return ((Verdict.APPROVED.value, "Delete for good"), (Verdict.DECLINED.value, "Decline"))


def _line(one: Logged, actor: Actor) -> LogLine:
    deleted = one.deletion.deleted
    at = one.deletion.done_at.astimezone(actor.zone)
    return LogLine(
        when=f"{at:%d %b %Y} {local_time.clock_time(one.deletion.done_at, actor.zone)}",
        what="1 stay" if one.stays == 1 else f"{one.stays} stays",
        rules=tuple(
            f"{kept}: rule no. {rule['rule']}, {rule['years']} years, before {rule['before'][:10]}"
            for kept, rule in sorted(one.deletion.rules.items())
        ),
        rows=", ".join(f"{table} {rows}" for table, rows in sorted(deleted.items()) if rows),
        who=f"asked by {one.asked_by}, approved by {one.approved_by}",
    )


@router.post(f"{HERE}/purges")
@stands_on(HERE)
def ask(request: Request, db: Db, actor: Asking, form: Annotated[AskForm, Form()]) -> Response:
    actor.signs(form)
    now = clock.now()
    actor.must_have_stepped_up(now)
    service.ask(db, actor.id, key=form.key, unit_id=actor.unit.id, now=now)
    return go(request, HERE)


@router.post(f"{HERE}/purges/{{purge_id}}/answer")
@stands_on(HERE)
def answer(
    request: Request,
    db: Db,
    actor: SignedIn,
    purge: PurgeToAnswer,
    form: Annotated[AnswerForm, Form()],
) -> Response:
    """To agree wants a proof of its own, and uses it up."""
    actor.signs(form)
    now = clock.now()
    if form.verdict is Verdict.APPROVED and not queries.answer_to(db, purge.id):
        if actor.sign_in_id is None:
            raise StepUpNeeded
        sign_in.use_step_up(db, actor.sign_in_id, now=now)
    service.answer(db, actor.id, purge, key=form.key, verdict=form.verdict, now=now)
    return go(request, HERE)
