"""Sign in and out."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from backend.accounts.access import Actor, HalfIn
from backend.accounts.factors import queries as factors
from backend.accounts.locks.keys import take_the_keys
from backend.accounts.passkeys import queries as passkeys
from backend.accounts.permissions import Role
from backend.accounts.shell import ROLE_WORDS, landing
from backend.accounts.sign_in import service
from backend.accounts.sign_in.cookies import address_of, take_token
from backend.accounts.sign_in.forms import CodeForm, PasskeyForm, SignInForm
from backend.accounts.sign_in.models import TWO_FACTORS
from backend.accounts.staff import queries as staff
from backend.accounts.staff.models import Staff
from backend.accounts.workstations.cookies import workstation_of
from backend.core import clock
from backend.core.db import Db
from backend.core.errors import SignedOut, UserError
from backend.core.settings import settings
from backend.core.web import Screen, anybody, local_path, render

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class DemoAccount:
    """One account of the demo unit, offered with one tap."""

    login_name: str
    name: str
    role_words: str
    try_words: str


# What a visitor of the demo finds to do as each; of several people of a role, the first is offered.
TRY: dict[Role, str] = {
    Role.NURSE: "Open bed 7, take its alert, then record a set for bed 20.",
    Role.TECHNICIAN: "Go round: see what is due, and count somebody's breaths.",
    Role.CHARGE_NURSE: "See who is overdue, give a patient to a nurse, admit somebody.",
    Role.PHYSICIAN: "Look at bed 9: the score falls, and so does the breathing.",
    Role.THERAPIST: "Write a counselling note that no other page shows.",
    Role.ADMINISTRATOR: "Make last night's shift report, and add a colleague.",
    Role.APPROVER: "Read what Vigil is meant for, and what it must never decide.",
    Role.PRIVACY_OFFICER: "Ask who looked at a patient, and what left the house.",
}


@dataclass(frozen=True, kw_only=True)
class SignInScreen(Screen, template="accounts/sign_in.html"):
    """The first page anybody sees."""

    refusal: str | None
    login_name: str
    to: str
    demo_accounts: tuple[DemoAccount, ...]
    demo_password: str | None
    any_account: bool
    has_provider: bool
    passkey_path: str | None


@dataclass(frozen=True, kw_only=True)
class CodeScreen(Screen, template="accounts/code.html"):
    """The second step of signing in."""

    name: str
    refusal: str | None
    to: str
    has_app: bool
    passkey_path: str | None


def _passkey_path() -> str | None:
    return "/sign-in/passkey" if settings().passkey_domain else None


def _screen(
    db: Db, *, refusal: str | None = None, login_name: str = "", to: str = "/"
) -> SignInScreen:
    demo = settings().demo
    first: dict[Role, Staff] = {}
    for person, role in staff.with_roles(db) if demo else ():
        if person.password_hash and role in TRY:
            first.setdefault(role, person)
    return SignInScreen(
        shell=None,
        refusal=refusal,
        login_name=login_name,
        to=local_path(to),
        demo_accounts=tuple(
            DemoAccount(
                login_name=person.login_name,
                name=person.name,
                role_words=ROLE_WORDS[role],
                try_words=TRY[role],
            )
            for role, person in first.items()
        ),
        demo_password=service.DEMO_PASSWORD if demo else None,
        any_account=staff.how_many(db) > 0,
        has_provider=settings().has_provider,
        passkey_path=_passkey_path(),
    )


@router.get("/sign-in", dependencies=[Depends(anybody)])
def sign_in_screen(db: Db, to: str = "/") -> Response:
    return render(_screen(db, to=to))


@router.post("/sign-in", dependencies=[Depends(anybody)])
def sign_in(request: Request, db: Db, form: Annotated[SignInForm, Form()]) -> Response:
    now = clock.now()
    try:
        begun = service.begin(
            db,
            login_name=form.login_name,
            password=form.password,
            now=now,
            address=address_of(request),
        )
    except UserError as error:
        return render(
            _screen(db, refusal=error.sentence, login_name=form.login_name, to=form.to),
            error.status,
        )
    if begun is None:
        words = "This name and password do not go together. Nothing else is said on purpose."
        return render(_screen(db, refusal=words, login_name=form.login_name, to=form.to), 401)
    answer = RedirectResponse(_next(begun, local_path(form.to)), 303)
    take_the_keys(request, db, answer, begun.token)
    return answer


def _next(begun: service.Begun, to: str) -> str:
    """Where they wanted to go, or to the second step first."""
    if begun.assurance == TWO_FACTORS:
        return landing(begun.role) if to == "/" else to
    return f"/sign-in/code?to={quote(to)}" if begun.has_second_factor else "/account"


@router.post("/sign-in/passkey", dependencies=[Depends(anybody)])
def sign_in_by_passkey(request: Request, db: Db, form: Annotated[PasskeyForm, Form()]) -> Response:
    now, begun, status = clock.now(), None, 401
    words = "No passkey of anybody here was shown, or too late. Use your name and password."
    try:
        begun = service.begin_by_passkey(db, answer=form.answer, now=now)
    except UserError as error:
        words, status = error.sentence, error.status
    if begun is None:
        return render(_screen(db, refusal=words, to=form.to), status)
    answer = RedirectResponse(_next(begun, local_path(form.to)), 303)
    take_the_keys(request, db, answer, begun.token)
    return answer


def _code_screen(db: Db, actor: Actor, to: str, refusal: str | None = None) -> CodeScreen:
    return CodeScreen(
        shell=None,
        name=actor.name,
        refusal=refusal,
        to=to,
        has_app=factors.app(db, actor.id) is not None,
        passkey_path=_passkey_path() if passkeys.any_of(db, actor.id) else None,
    )


@router.get("/sign-in/code")
def code_screen(db: Db, actor: HalfIn, to: str = "/") -> Response:
    return render(_code_screen(db, actor, local_path(to)))


@router.post("/sign-in/code")
def code(request: Request, db: Db, actor: HalfIn, form: Annotated[CodeForm, Form()]) -> Response:
    to, person = local_path(form.to), staff.by_id(db, actor.id)
    if actor.sign_in_id is None or person is None:
        raise SignedOut("Sign in first.")
    words = "These are not the digits that your app shows now. Wait for new ones and type them."
    status, token = 401, None
    try:
        token = service.add_second_factor(
            db,
            actor.sign_in_id,
            person,
            code=form.code,
            now=clock.now(),
            address=address_of(request),
        )
    except UserError as error:
        words, status = error.sentence, error.status
    if token is None:
        return render(_code_screen(db, actor, to, words), status)
    answer = RedirectResponse(landing(actor.role) if to == "/" else to, 303)
    take_the_keys(request, db, answer, token)
    return answer


@router.post("/sign-out")
def sign_out(request: Request, db: Db, actor: HalfIn) -> Response:
    if actor.sign_in_id is not None:
        service.end(db, actor.sign_in_id, now=clock.now())
    # A machine of the ward goes on showing which beds call.
    answer = RedirectResponse("/lock" if workstation_of(request, db) else "/sign-in", 303)
    take_token(request, answer)
    return answer
