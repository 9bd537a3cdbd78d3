"""One's own account. Whoever has no second factor yet reaches this and nothing else."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

import segno
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, Enrolling, SignedIn
from backend.accounts.account.forms import AppForm, EndForm, OwnDeed, PasswordForm
from backend.accounts.factors import queries as factor_queries
from backend.accounts.factors import service as factors
from backend.accounts.oidc import queries as oidc
from backend.accounts.passkeys import queries as passkeys
from backend.accounts.shell import ROLE_WORDS, shell
from backend.accounts.sign_in import queries as sign_ins
from backend.accounts.sign_in import service as sign_in
from backend.accounts.sign_in.cookies import give_token
from backend.accounts.sign_in.models import TWO_FACTORS
from backend.accounts.staff import queries as staff_queries
from backend.accounts.staff import service as staff
from backend.accounts.staff.models import Staff
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.errors import Invalid, NotFound, SignedOut
from backend.core.settings import settings
from backend.core.web import Screen, Shell, go, render, stands_on

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class OwnSignIn:
    """One browser in which one is signed in."""

    id: int
    began_words: str
    active_words: str
    here: bool


@dataclass(frozen=True, kw_only=True)
class OwnPasskey:
    """One of one's keys."""

    id: int
    name: str
    made_words: str
    used_words: str | None


@dataclass(frozen=True, kw_only=True)
class AccountScreen(Screen, template="accounts/account.html"):
    """How one proves oneself, and where one is signed in."""

    key: UUID
    opened_by: int
    opened_in: int | None
    name: str
    login_name: str
    place_words: str
    whole: bool
    app_words: str | None
    has_factor: bool
    codes_left: int
    passkeys: tuple[OwnPasskey, ...]
    takes_passkeys: bool
    has_provider: bool
    hospital_words: str | None
    sign_ins: tuple[OwnSignIn, ...]


@dataclass(frozen=True, kw_only=True)
class AppScreen(Screen, template="accounts/app.html"):
    """The picture that an app reads, and the question for its first digits."""

    key: UUID
    opened_by: int
    opened_in: int | None
    picture: str
    seed_words: str
    refusal: str | None


@dataclass(frozen=True, kw_only=True)
class CodesScreen(Screen, template="accounts/codes.html"):
    """The recovery codes, shown once."""

    codes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PasswordScreen(Screen, template="accounts/password.html"):
    """A new password."""

    key: UUID
    opened_by: int
    opened_in: int | None
    login_name: str
    shortest: int
    refusal: str | None


def _shell(actor: Actor) -> Shell | None:
    """Half signed in there is no ward around the page."""
    return shell(actor, here="account", now=clock.now()) if _whole(actor) else None


def _whole(actor: Actor) -> bool:
    return actor.assurance == TWO_FACTORS


def _person(db: Session, actor: Actor) -> Staff:
    person = staff_queries.by_id(db, actor.id)
    if person is None or actor.sign_in_id is None:
        raise SignedOut("Sign in first.")
    return person


@router.get("/account")
def account(db: Db, actor: Enrolling) -> Response:
    now, person = clock.now(), _person(db, actor)
    app = factor_queries.app(db, actor.id)
    hospital, keys = oidc.linked(db, actor.id), passkeys.of(db, actor.id)
    return render(
        AccountScreen(
            shell=_shell(actor),
            key=uuid4(),
            opened_by=actor.id,
            opened_in=actor.sign_in_id,
            name=actor.name,
            login_name=person.login_name,
            place_words=f"{ROLE_WORDS[actor.role]}, {actor.unit.name}",
            whole=_whole(actor),
            app_words=local_time.day(app.confirmed_at, actor.zone)
            if app is not None and app.confirmed_at is not None
            else None,
            has_factor=app is not None or bool(keys),
            codes_left=factor_queries.recovery_codes_left(db, actor.id),
            passkeys=tuple(
                OwnPasskey(
                    id=row.id,
                    name=row.name,
                    made_words=local_time.day(row.made_at, actor.zone),
                    used_words=local_time.day_and_time(row.last_used_at, actor.zone, now)
                    if row.last_used_at
                    else None,
                )
                for row in keys
            ),
            takes_passkeys=settings().passkey_domain is not None,
            has_provider=settings().has_provider,
            hospital_words=local_time.day(hospital.linked_at, actor.zone) if hospital else None,
            sign_ins=tuple(
                OwnSignIn(
                    id=row.id,
                    began_words=local_time.day_and_time(row.created_at, actor.zone, now),
                    active_words=local_time.day_and_time(row.last_active_at, actor.zone, now),
                    here=row.id == actor.sign_in_id,
                )
                for row in sign_ins.standing(db, actor.id, now=now)
            ),
        )
    )


@router.post("/account/app")
@stands_on("/account")
def begin_app(
    request: Request, db: Db, actor: Enrolling, form: Annotated[OwnDeed, Form()]
) -> Response:
    actor.signs(form)
    now = clock.now()
    if _whole(actor):
        actor.must_have_stepped_up(now)
    factors.begin_app(db, _person(db, actor), now=now)
    return go(request, "/account/app")


def _app_screen(db: Session, actor: Actor, refusal: str | None = None) -> AppScreen | None:
    app = factor_queries.waiting_app(db, actor.id)
    if app is None:
        return None
    seed = factors.seed_of(app)
    address = factors.address_of(app, _person(db, actor))
    return AppScreen(
        shell=_shell(actor),
        key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        picture=segno.make(address, error="m").svg_data_uri(scale=5, border=4, light="#fff"),
        seed_words=" ".join(seed[at : at + 4] for at in range(0, len(seed), 4)),
        refusal=refusal,
    )


@router.get("/account/app")
def app_screen(db: Db, actor: Enrolling) -> Response:
    if _whole(actor):
        actor.must_have_stepped_up(clock.now())
    screen = _app_screen(db, actor)
    return RedirectResponse("/account", 303) if screen is None else render(screen)


@router.post("/account/app/confirm")
@stands_on("/account/app")
def confirm_app(db: Db, actor: Enrolling, form: Annotated[AppForm, Form()]) -> Response:
    actor.signs(form)
    now, whole = clock.now(), _whole(actor)
    if whole:
        actor.must_have_stepped_up(now)
    try:
        codes = factors.confirm_app(db, _person(db, actor), code=form.code, now=now)
    except Invalid as error:
        screen = _app_screen(db, actor, refusal=error.sentence)
        return render(screen, error.status) if screen else RedirectResponse("/account", 303)
    answer = render(CodesScreen(shell=_shell(actor), codes=codes))
    if not whole and actor.sign_in_id is not None:
        give_token(answer, sign_in.make_whole(db, actor.sign_in_id))
    return answer


@router.post("/account/codes")
@stands_on("/account")
def new_codes(db: Db, actor: SignedIn, form: Annotated[OwnDeed, Form()]) -> Response:
    actor.signs(form)
    now = clock.now()
    actor.must_have_stepped_up(now)
    codes = factors.make_recovery_codes(db, _person(db, actor), now=now)
    return render(CodesScreen(shell=_shell(actor), codes=codes))


def _password_screen(db: Session, actor: Actor, refusal: str | None = None) -> PasswordScreen:
    person = _person(db, actor)
    return PasswordScreen(
        shell=_shell(actor),
        key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        login_name=person.login_name,
        shortest=staff.shortest_password(db, person),
        refusal=refusal,
    )


@router.get("/account/password")
def password_screen(db: Db, actor: SignedIn) -> Response:
    actor.must_have_stepped_up(clock.now())
    return render(_password_screen(db, actor))


@router.post("/account/password")
def change_password(
    request: Request, db: Db, actor: SignedIn, form: Annotated[PasswordForm, Form()]
) -> Response:
    actor.signs(form)
    now, person = clock.now(), _person(db, actor)
    actor.must_have_stepped_up(now)
    try:
        staff.change_password(
            db, actor.id, person, password=form.password, now=now, keeping=actor.sign_in_id
        )
    except Invalid as error:
        return render(_password_screen(db, actor, error.sentence), error.status)
    return go(request, "/account")


@router.post("/account/sign-ins/end")
@stands_on("/account")
def end_sign_in(
    request: Request, db: Db, actor: SignedIn, form: Annotated[EndForm, Form()]
) -> Response:
    actor.signs(form)
    own = {row.id for row in sign_ins.standing(db, actor.id, now=clock.now())}
    if form.sign_in_id not in own:
        raise NotFound("This sign-in has ended already.")
    sign_in.end(db, form.sign_in_id, now=clock.now())
    return go(request, "/account")
