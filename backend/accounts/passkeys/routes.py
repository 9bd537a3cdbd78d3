"""The questions that a browser puts to a passkey, and the keys of one's own account."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, Enrolling, SignedIn
from backend.accounts.factors import queries as factor_queries
from backend.accounts.factors import service as factors
from backend.accounts.passkeys import service
from backend.accounts.passkeys.forms import PasskeyForm, RemovalForm
from backend.accounts.passkeys.models import Ceremony
from backend.accounts.shell import shell
from backend.accounts.sign_in import service as sign_in
from backend.accounts.sign_in.cookies import give_token
from backend.accounts.sign_in.models import TWO_FACTORS
from backend.accounts.staff import queries as staff
from backend.accounts.staff.models import Staff
from backend.core import clock
from backend.core.db import Db
from backend.core.errors import Invalid, NotFound, SignedOut, UserError
from backend.core.settings import settings
from backend.core.web import Screen, anybody, go, render, stands_on

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class PasskeyScreen(Screen, template="accounts/passkey.html"):
    """A new passkey, and what its owner calls it."""

    key: UUID
    opened_by: int
    opened_in: int | None
    name: str
    refusal: str | None


@dataclass(frozen=True, kw_only=True)
class NewCodesScreen(Screen, template="accounts/codes.html"):
    """The recovery codes that come with somebody's first second factor."""

    codes: tuple[str, ...]


def _question(asks: Callable[[], str]) -> Response:
    """For the script, which shows a refusal in the form that it belongs to."""
    try:
        return Response(asks(), media_type="application/json")
    except UserError as error:
        return JSONResponse({"refusal": error.sentence}, error.status)


def _person(db: Session, actor: Actor) -> tuple[Staff, int]:
    person = staff.by_id(db, actor.id)
    if person is None or actor.sign_in_id is None:
        raise SignedOut("Sign in first.")
    return person, actor.sign_in_id


def _must_have_proved(actor: Actor) -> None:
    """Whoever has no second factor yet has only just typed the password."""
    if actor.assurance == TWO_FACTORS:
        actor.must_have_stepped_up(clock.now())


@router.post("/sign-in/passkey/begin", dependencies=[Depends(anybody)])
def ask_to_sign_in(db: Db) -> Response:
    return _question(lambda: service.ask(db, Ceremony.SIGN_IN, now=clock.now()))


@router.post("/step-up/passkey/begin")
def ask_to_step_up(db: Db, actor: SignedIn) -> Response:
    now = clock.now()
    return _question(
        lambda: service.ask(
            db, Ceremony.STEP_UP, now=now, staff_id=actor.id, sign_in_id=actor.sign_in_id
        )
    )


@router.post("/account/passkeys/begin")
def ask_for_new(db: Db, actor: Enrolling) -> Response:
    def asks() -> str:
        _must_have_proved(actor)
        return service.ask_for_new(db, *_person(db, actor), now=clock.now())

    return _question(asks)


def _screen(actor: Actor, *, name: str = "", refusal: str | None = None) -> PasskeyScreen:
    around = shell(actor, here="account", now=clock.now())
    return PasskeyScreen(
        shell=around if actor.assurance == TWO_FACTORS else None,
        key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        name=name,
        refusal=refusal,
    )


@router.get("/account/passkeys/new")
def passkey_screen(actor: Enrolling) -> Response:
    _must_have_proved(actor)
    if settings().passkey_domain is None:
        raise NotFound("Passkeys need Vigil to be reached by a name, over HTTPS.")
    return render(_screen(actor))


@router.post("/account/passkeys")
@stands_on("/account/passkeys/new")
def enrol(
    request: Request, db: Db, actor: Enrolling, form: Annotated[PasskeyForm, Form()]
) -> Response:
    actor.signs(form)
    _must_have_proved(actor)
    now, (person, sign_in_id) = clock.now(), _person(db, actor)
    try:
        service.enrol(db, person, sign_in_id, name=form.name, answer=form.answer, now=now)
    except Invalid as error:
        return render(_screen(actor, name=form.name, refusal=error.sentence), error.status)
    answer = go(request, "/account")
    if factor_queries.recovery_codes_left(db, person.id) == 0:
        codes = factors.make_recovery_codes(db, person, now=now)
        answer = render(NewCodesScreen(shell=None, codes=codes))
    if actor.assurance != TWO_FACTORS:
        give_token(answer, sign_in.make_whole(db, sign_in_id))
    return answer


@router.post("/account/passkeys/remove")
@stands_on("/account")
def remove(
    request: Request, db: Db, actor: SignedIn, form: Annotated[RemovalForm, Form()]
) -> Response:
    actor.signs(form)
    now, (person, _) = clock.now(), _person(db, actor)
    actor.must_have_stepped_up(now)
    has_app = factor_queries.app(db, person.id) is not None
    service.remove(db, person, form.passkey_id, has_app=has_app, now=now)
    return go(request, "/account")
