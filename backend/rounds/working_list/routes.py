"""The working list, and who has whom this shift."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from backend.accounts import census
from backend.accounts.access import Actor, Allowed
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.clinical import shift
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.web import Page, Screen, go, render, stands_on
from backend.rounds.assignments import service as assignments
from backend.rounds.assignments.forms import AssignForm
from backend.rounds.working_list import page

router = APIRouter()
GoesRound = Annotated[Actor, Depends(Allowed(Permission.RECORD_OBSERVATION))]
Assigns = Annotated[Actor, Depends(Allowed(Permission.ASSIGN_PATIENTS))]
Whose = Annotated[Literal["mine", "all"], Query()]


@dataclass(frozen=True, kw_only=True)
class Assigning:
    """The form by which patients are given into somebody's hands."""

    key: UUID
    opened_by: int
    opened_in: int | None
    patients: tuple[page.Held, ...]
    people: tuple[tuple[int, str], ...]
    ends: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class RoundsScreen(Screen, template="rounds/rounds.html"):
    """The working list, and for the charge nurse the assignments."""

    rounds: page.Rounds
    assigning: Assigning | None
    makes_tags: bool


@dataclass(frozen=True, kw_only=True)
class RoundsPart(Page, template="rounds/_rounds.html"):
    """The list alone, which keeps itself up to date."""

    rounds: page.Rounds


@router.get("/rounds")
def rounds_screen(db: Db, actor: GoesRound, whose: Whose = "mine") -> Response:
    now = clock.now()
    ward = page.look(db, actor.unit.id, now)
    census.shown(db, actor, "rounds", [stay.id for stay, _, _ in ward.people], now)
    assigning = None
    if actor.may(Permission.ASSIGN_PATIENTS):
        ends = shift.ends(now, actor.unit.shift_starts, actor.zone)
        assigning = Assigning(
            key=uuid4(),
            opened_by=actor.id,
            opened_in=actor.sign_in_id,
            patients=page.held(ward),
            people=tuple(ward.names.items()),
            ends=tuple(
                (name, f"the end of {name} ({local_time.clock_time(at, actor.zone)})")
                for name, at in ends.items()
            ),
        )
    return render(
        RoundsScreen(
            shell=shell(actor, here="rounds", now=now),
            rounds=page.rounds(db, actor, ward, whose=whose, now=now),
            assigning=assigning,
            makes_tags=actor.may(Permission.MANAGE_WORKSTATIONS),
        )
    )


@router.get("/rounds/list")
def rounds_list(db: Db, actor: GoesRound, whose: Whose = "mine") -> Response:
    now = clock.now()
    ward = page.look(db, actor.unit.id, now)
    census.shown(db, actor, "rounds", [stay.id for stay, _, _ in ward.people], now)
    return render(RoundsPart(rounds=page.rounds(db, actor, ward, whose=whose, now=now)))


@router.post("/rounds/assignments")
@stands_on("/rounds")
def assign(
    request: Request, db: Db, actor: Assigns, form: Annotated[AssignForm, Form()]
) -> Response:
    actor.signs(form)
    now = clock.now()
    assignments.assign(
        db,
        actor.id,
        key=form.key,
        unit_id=actor.unit.id,
        stay_ids=form.stays,
        staff_id=form.staff_id,
        from_at=now,
        until_at=shift.ends(now, actor.unit.shift_starts, actor.zone)[form.until],
    )
    return go(request, "/rounds")
