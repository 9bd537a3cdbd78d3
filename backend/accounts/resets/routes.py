"""Help with signing in: whoever must wait may try at once, and a lost telephone is replaced."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Request, Response

from backend.accounts.access import Actor, Allowed
from backend.accounts.factors import queries as factors
from backend.accounts.permissions import Permission
from backend.accounts.resets import queries, service
from backend.accounts.resets.forms import AskForm, HelpForm
from backend.accounts.shell import ROLE_WORDS, shell
from backend.accounts.sign_in import throttle
from backend.accounts.staff import queries as staff
from backend.accounts.staff.access import colleague
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.errors import UserError
from backend.core.web import Screen, go, render, stands_on

router = APIRouter()

Helps = Annotated[Actor, Depends(Allowed(Permission.HELP_SIGN_IN))]
SHORTEST_REASON = 5


@dataclass(frozen=True, kw_only=True)
class HelpRow:
    """One person, and what keeps them out."""

    id: int
    name: str
    role_words: str
    waits_words: str | None
    has_factor: bool
    asked_words: str | None
    may_agree: bool
    oneself: bool


@dataclass(frozen=True, kw_only=True)
class HelpScreen(Screen, template="accounts/help.html"):
    """Everybody of the unit who can sign in."""

    key: UUID
    opened_by: int
    opened_in: int | None
    people: tuple[HelpRow, ...]
    refusal: str | None
    reason: str
    reason_for: int | None


def _rows(db: Db, actor: Actor, now: datetime) -> tuple[HelpRow, ...]:
    waiting = {row.staff_id: row for row in queries.waiting(db, actor.unit.id, now=now)}
    names = staff.names(db, [row.asked_by for row in waiting.values()])
    rows = []
    for person, role in staff.on_unit(db, actor.unit.id):
        if person.disabled_at is not None:
            continue
        wait = throttle.wait_of(db, throttle.claim(person.login_name, None), now=now)
        asked = waiting.get(person.id)
        rows.append(
            HelpRow(
                id=person.id,
                name=person.name,
                role_words=ROLE_WORDS[role],
                waits_words=f"{int(wait.total_seconds()) + 1} s" if wait > timedelta() else None,
                has_factor=factors.any_of(db, person.id),
                asked_words=f"{names[asked.asked_by]} ({ROLE_WORDS[asked.asked_as]}),"
                f" {local_time.day_and_time(asked.asked_at, actor.zone, now)}"
                if asked
                else None,
                may_agree=asked is not None
                and asked.asked_by != actor.id
                and asked.asked_as is not actor.role,
                oneself=person.id == actor.id,
            )
        )
    return tuple(rows)


def _screen(
    db: Db,
    actor: Actor,
    *,
    refusal: str | None = None,
    reason: str = "",
    reason_for: int | None = None,
) -> HelpScreen:
    now = clock.now()
    return HelpScreen(
        shell=shell(actor, here="admin", now=now),
        key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        people=_rows(db, actor, now),
        refusal=refusal,
        reason=reason,
        reason_for=reason_for,
    )


@router.get("/admin/sign-in-help")
def help_screen(db: Db, actor: Helps) -> Response:
    return render(_screen(db, actor))


@router.post("/admin/sign-in-help/forgive")
@stands_on("/admin/sign-in-help")
def forgive(request: Request, db: Db, actor: Helps, form: Annotated[HelpForm, Form()]) -> Response:
    actor.signs(form)
    person = colleague(db, actor, form.staff_id)
    throttle.forgive(
        db, actor.id, staff_id=person.id, login_name=person.login_name, now=clock.now()
    )
    return go(request, "/admin/sign-in-help")


@router.post("/admin/sign-in-help/reset")
@stands_on("/admin/sign-in-help")
def ask(request: Request, db: Db, actor: Helps, form: Annotated[AskForm, Form()]) -> Response:
    actor.signs(form)
    actor.must_have_stepped_up(clock.now())
    person = colleague(db, actor, form.staff_id)
    words = "Say what was lost, and how you know that it is them."
    if len(form.reason) >= SHORTEST_REASON:
        try:
            service.ask(
                db,
                actor.id,
                person,
                unit_id=actor.unit.id,
                role=actor.role,
                reason=form.reason,
                now=clock.now(),
            )
            return go(request, "/admin/sign-in-help")
        except UserError as error:
            words = error.sentence
    screen = _screen(db, actor, refusal=words, reason=form.reason, reason_for=person.id)
    return render(screen, 422)


@router.post("/admin/sign-in-help/agree")
@stands_on("/admin/sign-in-help")
def agree(request: Request, db: Db, actor: Helps, form: Annotated[HelpForm, Form()]) -> Response:
    actor.signs(form)
    actor.must_have_stepped_up(clock.now())
    service.agree(
        db,
        actor.id,
        colleague(db, actor, form.staff_id),
        unit_id=actor.unit.id,
        role=actor.role,
        now=clock.now(),
    )
    return go(request, "/admin/sign-in-help")


@router.post("/admin/sign-in-help/withdraw")
@stands_on("/admin/sign-in-help")
def withdraw(request: Request, db: Db, actor: Helps, form: Annotated[HelpForm, Form()]) -> Response:
    actor.signs(form)
    service.withdraw(
        db,
        actor.id,
        colleague(db, actor, form.staff_id),
        unit_id=actor.unit.id,
        now=clock.now(),
    )
    return go(request, "/admin/sign-in-help")
