"""Who is in charge tonight, and on which unit one works."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, Allowed, SignedIn
from backend.accounts.duty import queries, service
from backend.accounts.duty.access import DutyToEnd
from backend.accounts.duty.forms import DutyForm, UnitForm
from backend.accounts.permissions import Permission, Role
from backend.accounts.shell import ROLE_WORDS, landing, shell
from backend.clinical import shift
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.errors import Conflict, Invalid
from backend.core.web import Screen, go, render, stands_on

router = APIRouter()

GivesDuty = Annotated[Actor, Depends(Allowed(Permission.GIVE_DUTY))]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One duty that stands or is to come."""

    id: int
    name: str
    role_words: str
    until_words: str


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who can be given a duty."""

    id: int
    words: str


@dataclass(frozen=True, kw_only=True)
class DutyScreen(Screen, template="accounts/duty.html"):
    """What the shift makes of whom."""

    key: UUID
    opened_by: int
    opened_in: int | None
    refusal: str | None
    duties: tuple[Standing, ...]
    people: tuple[Person, ...]
    roles: tuple[tuple[str, str], ...]
    chosen: tuple[str, str, str]
    ends: tuple[tuple[str, str], ...]


def _screen(
    db: Session,
    actor: Actor,
    *,
    refusal: str | None = None,
    chosen: tuple[str, str, str] = ("", "", "this shift"),
) -> DutyScreen:
    now = clock.now()
    times = shift.ends(now, actor.unit.shift_starts, actor.zone)
    return DutyScreen(
        shell=shell(actor, here="duty", now=now),
        key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        refusal=refusal,
        duties=tuple(
            Standing(
                id=duty.id,
                name=name,
                role_words=ROLE_WORDS[duty.role],
                until_words=local_time.clock_time(duty.until_at, actor.zone),
            )
            for duty, name in queries.on_unit(db, actor.unit.id, now)
        ),
        people=tuple(
            Person(id=person.id, words=f"{person.name} ({ROLE_WORDS[role]})")
            for person, role in queries.posted(db, actor.unit.id)
            if role in service.MAY_BECOME
        ),
        roles=tuple(
            (role.value, ROLE_WORDS[role])
            for role in (Role.CHARGE_NURSE, Role.NURSE, Role.TECHNICIAN)
        ),
        chosen=chosen,
        ends=tuple(
            (name, f"the end of {name} ({local_time.clock_time(at, actor.zone)})")
            for name, at in times.items()
        ),
    )


@router.get("/duty")
def duty_screen(db: Db, actor: GivesDuty) -> Response:
    return render(_screen(db, actor))


@router.post("/duty")
def give(request: Request, db: Db, actor: GivesDuty, form: Annotated[DutyForm, Form()]) -> Response:
    actor.signs(form)
    now = clock.now()
    try:
        service.give(
            db,
            actor.id,
            key=form.key,
            unit_id=actor.unit.id,
            staff_id=form.staff_id,
            role=form.role,
            from_at=now,
            until_at=shift.ends(now, actor.unit.shift_starts, actor.zone)[form.until],
        )
    except (Conflict, Invalid) as refused:
        typed = (str(form.staff_id), form.role.value, form.until)
        return render(_screen(db, actor, refusal=refused.sentence, chosen=typed), refused.status)
    return go(request, "/duty")


@router.post("/duty/{duty_id}/end")
@stands_on("/duty")
def end(request: Request, db: Db, actor: GivesDuty, duty: DutyToEnd) -> Response:
    service.end(db, actor.id, duty, now=clock.now())
    return go(request, "/duty")


@router.post("/unit")
def work_on(
    request: Request, db: Db, actor: SignedIn, form: Annotated[UnitForm, Form()]
) -> Response:
    assert actor.sign_in_id is not None  # noqa: S101 (a person at a browser has one)
    role = service.work_on(db, actor.id, actor.sign_in_id, unit_id=form.unit_id)
    return go(request, landing(role))
