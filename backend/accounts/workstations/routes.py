"""Enrol the machine in front of you, see which there are, take one away."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.locks import service as locks
from backend.accounts.shell import shell
from backend.accounts.sign_in import service as sign_in
from backend.accounts.sign_in.cookies import token_of
from backend.accounts.workstations import queries, service
from backend.accounts.workstations.access import Manages, WorkstationToManage
from backend.accounts.workstations.cookies import give_workstation, workstation_of
from backend.accounts.workstations.forms import (
    CodeForm,
    EnrolForm,
    LimitsForm,
    RevokeForm,
    SignOutForm,
)
from backend.accounts.workstations.models import Kind, Workstation
from backend.accounts.workstations.queries import Enrolled
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.web import Screen, anybody, go, render, stands_on

router = APIRouter()

KINDS = {Kind.WARD_PC: "ward PC", Kind.TABLET: "tablet", Kind.WALLBOARD: "wallboard"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One machine of the list."""

    workstation_id: int
    label: str
    kind: str
    enrolled: str
    standing: str
    here: bool
    occupied: bool
    revocable: bool


@dataclass(frozen=True, kw_only=True)
class WorkstationsScreen(Screen, template="accounts/workstations.html"):
    """Enrol this browser; the list; how soon machines lock."""

    key: UUID
    opened_by: int
    opened_in: int | None
    here: str | None
    kinds: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    ward_pc_lock_s: int
    tablet_lock_s: int


@dataclass(frozen=True, kw_only=True)
class ClaimScreen(Screen, template="accounts/workstation_code.html"):
    """For a machine at which nobody may sign in to enrol it: a code that was read out."""

    refusal: str | None
    enrolled: str | None


@router.get("/admin/workstations")
def workstations_screen(request: Request, db: Db, actor: Manages) -> Response:
    now = clock.now()
    here = workstation_of(request, db)
    return render(
        WorkstationsScreen(
            shell=shell(actor, here="admin", now=now),
            key=uuid4(),
            opened_by=actor.id,
            opened_in=actor.sign_in_id,
            here=here.label if here else None,
            kinds=tuple((kind.value, words) for kind, words in KINDS.items()),
            rows=tuple(_row(one, actor, here) for one in queries.on_unit(db, actor.unit.id)),
            ward_pc_lock_s=actor.unit.ward_pc_lock_s,
            tablet_lock_s=actor.unit.tablet_lock_s,
        )
    )


def _row(one: Enrolled, actor: Actor, here: Workstation | None) -> Row:
    row = one.workstation
    if row.revoked_at is not None:
        standing = f"revoked {local_time.day_and_time(row.revoked_at, actor.zone)}"
    elif row.claimed_at is None:
        standing = "its code has not been typed yet"
    elif row.kind is Kind.WALLBOARD and not one.people:
        standing = "shows the beds by itself"
    else:
        standing = f"{one.people} signed in" if one.people else "nobody signed in"
    at = local_time.day_and_time(row.enrolled_at, actor.zone)
    return Row(
        workstation_id=row.id,
        label=row.label,
        kind=KINDS[row.kind],
        enrolled=f"{at}, {one.enrolled_by}",
        standing=standing,
        here=here is not None and here.id == row.id,
        occupied=one.people > 0,
        revocable=row.revoked_at is None,
    )


@router.post("/admin/workstations")
def enrol(request: Request, db: Db, actor: Manages, form: Annotated[EnrolForm, Form()]) -> Response:
    actor.signs(form)
    now = clock.now()
    before = workstation_of(request, db)
    token, row = service.enrol(
        db,
        actor.id,
        key=form.key,
        unit_id=actor.unit.id,
        label=form.label,
        kind=form.kind,
        now=now,
    )
    if before is not None and before.unit_id == row.unit_id and before.id != row.id:
        service.revoke(db, actor.id, before, now=now, but=actor.sign_in_id)
    if row.kind is Kind.WALLBOARD and actor.sign_in_id is not None:
        sign_in.end(db, actor.sign_in_id, now=now)  # nobody's rights stay behind in a hallway
    elif (held := token_of(request)) is not None:
        locks.settle(db, held, workstation=row, before=held, now=now)
    answer = go(request, _shows(row, otherwise="/admin/workstations"))
    give_workstation(answer, token)
    return answer


def _shows(row: Workstation, *, otherwise: str) -> str:
    return "/wall" if row.kind is Kind.WALLBOARD else otherwise


@router.post("/admin/workstations/limits")
@stands_on("/admin/workstations")
def change_limits(
    request: Request, db: Db, actor: Manages, form: Annotated[LimitsForm, Form()]
) -> Response:
    actor.signs(form)
    service.change_limits(
        db,
        actor.id,
        actor.unit.id,
        ward_pc_lock_s=form.ward_pc_lock_s,
        tablet_lock_s=form.tablet_lock_s,
    )
    return go(request, "/admin/workstations")


@router.post("/admin/workstations/{workstation_id}/revocation")
@stands_on("/admin/workstations")
def revoke(
    request: Request,
    db: Db,
    actor: Manages,
    workstation: WorkstationToManage,
    form: Annotated[RevokeForm, Form()],
) -> Response:
    actor.signs(form)
    service.revoke(db, actor.id, workstation, now=clock.now(), but=actor.sign_in_id)
    return go(request, "/admin/workstations")


@router.post("/admin/workstations/{workstation_id}/sign-outs")
def sign_everybody_out(
    request: Request,
    db: Db,
    actor: Manages,
    workstation: WorkstationToManage,
    form: Annotated[SignOutForm, Form()],
) -> Response:
    actor.signs(form)
    service.sign_everybody_out(db, actor.id, workstation, now=clock.now(), but=actor.sign_in_id)
    return go(request, "/admin/workstations")


@router.get("/workstation", dependencies=[Depends(anybody)])
def code_screen(request: Request, db: Db) -> Response:
    return render(_code_screen(request, db))


@router.post("/workstation", dependencies=[Depends(anybody)])
def claim(request: Request, db: Db, form: Annotated[CodeForm, Form()]) -> Response:
    claimed = service.claim(db, code=form.code, now=clock.now())
    if claimed is None:
        words = "This code opens nothing: mistyped, used already, or older than a day."
        return render(_code_screen(request, db, refusal=words), 401)
    token, row = claimed
    answer = RedirectResponse(_shows(row, otherwise="/lock"), 303)
    give_workstation(answer, token)
    return answer


def _code_screen(request: Request, db: Session, *, refusal: str | None = None) -> ClaimScreen:
    here = workstation_of(request, db)
    return ClaimScreen(shell=None, refusal=refusal, enrolled=here.label if here else None)
