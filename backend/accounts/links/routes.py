"""What opens without signing in, to whoever holds a link."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import RedirectResponse

from backend.accounts import passwords
from backend.accounts.links import service
from backend.accounts.links.forms import FirstRunForm, WelcomeForm
from backend.accounts.links.models import LinkKind
from backend.accounts.sign_in.cookies import give_token
from backend.accounts.staff import service as staff
from backend.accounts.units import service as units
from backend.core import clock
from backend.core.db import Db
from backend.core.errors import Invalid, UserError
from backend.core.web import Screen, anybody, render, stands_on

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class WelcomeScreen(Screen, template="accounts/welcome.html"):
    """Choose a password: the first one, or a new one."""

    link: str
    name: str
    login_name: str
    first: bool
    shortest: int
    refusal: str | None


@dataclass(frozen=True, kw_only=True)
class FirstRunScreen(Screen, template="accounts/first_run.html"):
    """The first administrator and the first unit."""

    typed: FirstRunForm
    shortest: int
    refusal: str | None
    field_errors: dict[str, str]


def _welcome(db: Db, link: str, refusal: str | None = None) -> WelcomeScreen:
    row = service.waiting(db, link, LinkKind.INVITATION, LinkKind.RECOVERY, now=clock.now())
    person = service.owner(db, row)
    return WelcomeScreen(
        shell=None,
        link=link,
        name=person.name,
        login_name=person.login_name,
        first=row.kind is LinkKind.INVITATION,
        shortest=staff.shortest_password(db, person),
        refusal=refusal,
    )


@router.get("/welcome", dependencies=[Depends(anybody)])
def welcome(db: Db, link: str = "") -> Response:
    return render(_welcome(db, link))


@router.post("/welcome", dependencies=[Depends(anybody)])
@stands_on("/welcome?link={link}")
def choose_password(db: Db, form: Annotated[WelcomeForm, Form()]) -> Response:
    try:
        begun = service.choose_password(db, form.link, password=form.password, now=clock.now())
    except Invalid as error:
        return render(_welcome(db, form.link, error.sentence), error.status)
    to = "/sign-in/code" if begun.has_second_factor else "/account"
    answer = RedirectResponse(to, 303)
    give_token(answer, begun.token)
    return answer


def _first_run(typed: FirstRunForm, refused: UserError | None = None) -> FirstRunScreen:
    return FirstRunScreen(
        shell=None,
        typed=typed,
        shortest=passwords.SHORTEST_ALONE,
        refusal=refused.sentence if refused else None,
        field_errors=refused.fields if isinstance(refused, Invalid) else {},
    )


def _unit(form: FirstRunForm) -> service.FirstUnit:
    return service.FirstUnit(
        code=form.unit_code,
        name=form.unit_name,
        time_zone=form.time_zone,
        shift_starts=form.starts(),
        beds=units.labels_in(form.beds),
    )


@router.get("/first-run", dependencies=[Depends(anybody)])
def first_run(db: Db, link: str = "") -> Response:
    service.waiting(db, link, LinkKind.FIRST_RUN, now=clock.now())
    return render(_first_run(FirstRunForm(link=link, shift_starts="07:00, 19:00")))


@router.post("/first-run", dependencies=[Depends(anybody)])
@stands_on("/first-run?link={link}")
def set_up(db: Db, form: Annotated[FirstRunForm, Form()]) -> Response:
    try:
        with db.begin_nested():
            begun = service.set_up(
                db,
                form.link,
                login_name=form.login_name,
                name=form.name,
                password=form.password,
                first=_unit(form),
                now=clock.now(),
            )
    except Invalid as error:
        return render(_first_run(form, error), error.status)
    answer = RedirectResponse("/account", 303)
    give_token(answer, begun.token)
    return answer
