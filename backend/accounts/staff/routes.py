"""The people of a unit: invite them, change their part, end their sign-ins, let them go."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response

from backend.accounts import passwords
from backend.accounts.access import Actor, Allowed
from backend.accounts.links import service as links
from backend.accounts.links.models import LinkKind
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.accounts.sign_in import queries as sign_ins
from backend.accounts.sign_in import service as sign_in
from backend.accounts.staff import service
from backend.accounts.staff.access import Managed
from backend.accounts.staff.forms import EndOneForm, InviteForm, RoleForm, StaffDeed
from backend.accounts.staff.models import Staff
from backend.accounts.staff.page import LinkScreen, person_screen, staff_screen
from backend.audit import service as audit
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.errors import Conflict, Invalid, NotFound
from backend.core.web import go, render, stands_on

router = APIRouter()

Manages = Annotated[Actor, Depends(Allowed(Permission.MANAGE_STAFF))]


@router.get("/admin/staff")
def people(db: Db, actor: Manages) -> Response:
    return render(staff_screen(db, actor, now=clock.now()))


@router.post("/admin/staff")
def invite(db: Db, actor: Manages, form: Annotated[InviteForm, Form()]) -> Response:
    actor.signs(form)
    now = clock.now()
    actor.must_have_stepped_up(now)
    try:
        with db.begin_nested():
            person = service.create(
                db,
                actor.id,
                login_name=form.login_name,
                name=form.name,
                password=None,
                invited=True,
            )
            service.post(db, actor.id, person, unit_id=actor.unit.id, role=form.role, now=now)
    except (Invalid, Conflict) as error:
        screen = staff_screen(
            db,
            actor,
            now=now,
            name=form.name,
            login_name=form.login_name,
            role=form.role,
            refusal=error.sentence,
        )
        return render(screen, error.status)
    return _link(db, actor, LinkKind.INVITATION, person)


def _link(db: Db, actor: Actor, kind: LinkKind, person: Staff) -> Response:
    now = clock.now()
    token = links.make(db, actor.id, kind, person, now=now)
    return render(
        LinkScreen(
            shell=shell(actor, here="admin", now=now),
            address=links.address(token),
            name=person.name,
            lasts_words=local_time.day_and_time(now + links.LASTS[kind], actor.zone, now),
            back=f"/admin/staff/{person.id}",
        )
    )


@router.get("/admin/staff/{staff_id}")
def one_person(db: Db, actor: Manages, person: Managed) -> Response:
    return render(person_screen(db, actor, person, now=clock.now()))


@router.post("/admin/staff/{staff_id}/link")
@stands_on("/admin/staff/{staff_id}")
def new_link(
    db: Db, actor: Manages, person: Managed, form: Annotated[StaffDeed, Form()]
) -> Response:
    """The invitation again, or a way to a new password; it opens no second factor."""
    actor.signs(form)
    actor.must_have_stepped_up(clock.now())
    _not_oneself(actor, person)
    if person.disabled_at is not None:
        raise Conflict("This person was let go.")
    awaited = person.password_hash == passwords.AWAITED
    return _link(db, actor, LinkKind.INVITATION if awaited else LinkKind.RECOVERY, person)


@router.post("/admin/staff/{staff_id}/role")
@stands_on("/admin/staff/{staff_id}")
def change_role(
    request: Request,
    db: Db,
    actor: Manages,
    person: Managed,
    form: Annotated[RoleForm, Form()],
) -> Response:
    actor.signs(form)
    actor.must_have_stepped_up(clock.now())
    _not_oneself(actor, person)
    service.post(db, actor.id, person, unit_id=actor.unit.id, role=form.role, now=clock.now())
    return go(request, f"/admin/staff/{person.id}")


@router.post("/admin/staff/{staff_id}/end-sign-ins")
@stands_on("/admin/staff/{staff_id}")
def end_sign_ins(
    request: Request,
    db: Db,
    actor: Manages,
    person: Managed,
    form: Annotated[StaffDeed, Form()],
) -> Response:
    actor.signs(form)
    sign_in.end_all(db, person.id, now=clock.now(), but=actor.sign_in_id)
    audit.record(db, actor.id, "staff.signed_out", unit_id=actor.unit.id, staff_id=person.id)
    return go(request, f"/admin/staff/{person.id}")


@router.post("/admin/staff/{staff_id}/end-sign-in")
@stands_on("/admin/staff/{staff_id}")
def end_one_sign_in(
    request: Request,
    db: Db,
    actor: Manages,
    person: Managed,
    form: Annotated[EndOneForm, Form()],
) -> Response:
    actor.signs(form)
    now = clock.now()
    if form.sign_in_id not in {row.id for row in sign_ins.standing(db, person.id, now=now)}:
        raise NotFound("This sign-in has ended already.")
    sign_in.end(db, form.sign_in_id, now=now)
    audit.record(db, actor.id, "staff.signed_out", unit_id=actor.unit.id, staff_id=person.id)
    return go(request, f"/admin/staff/{person.id}")


@router.post("/admin/staff/{staff_id}/disable")
@stands_on("/admin/staff/{staff_id}")
def let_go(
    request: Request,
    db: Db,
    actor: Manages,
    person: Managed,
    form: Annotated[StaffDeed, Form()],
) -> Response:
    actor.signs(form)
    actor.must_have_stepped_up(clock.now())
    _not_oneself(actor, person)
    service.disable(db, actor.id, person, now=clock.now())
    return go(request, f"/admin/staff/{person.id}")


def _not_oneself(actor: Actor, person: Staff) -> None:
    """So that nobody raises themselves, and no unit loses its last administrator by a slip."""
    if person.id == actor.id:
        raise Conflict("This is your own account: another administrator does this for you.")
