"""Sign in and out."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from backend.accounts.access import SignedIn
from backend.accounts.locks import service as locks
from backend.accounts.shell import ROLE_WORDS, landing
from backend.accounts.sign_in import service
from backend.accounts.sign_in.cookies import give_token, take_token, token_of
from backend.accounts.sign_in.forms import SignInForm
from backend.accounts.staff import queries as staff
from backend.accounts.workstations.cookies import keep_workstation, workstation_of
from backend.core import clock
from backend.core.db import Db
from backend.core.errors import UserError
from backend.core.settings import settings
from backend.core.web import Screen, local_path, render

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class DemoAccount:
    """One account of the demo unit, offered with one tap."""

    login_name: str
    name: str
    role_words: str


@dataclass(frozen=True, kw_only=True)
class SignInScreen(Screen, template="accounts/sign_in.html"):
    """The first page anybody sees."""

    refusal: str | None
    login_name: str
    to: str
    demo_accounts: tuple[DemoAccount, ...]
    demo_password: str | None
    any_account: bool


def _screen(
    db: Db, *, refusal: str | None = None, login_name: str = "", to: str = "/"
) -> SignInScreen:
    demo = settings().demo
    accounts = staff.with_roles(db) if demo else []
    return SignInScreen(
        shell=None,
        refusal=refusal,
        login_name=login_name,
        to=local_path(to),
        demo_accounts=tuple(
            DemoAccount(login_name=person.login_name, name=person.name, role_words=ROLE_WORDS[role])
            for person, role in accounts
            if person.password_hash
        ),
        demo_password=service.DEMO_PASSWORD if demo else None,
        any_account=staff.how_many(db) > 0,
    )


@router.get("/sign-in")
def sign_in_screen(db: Db, to: str = "/") -> Response:
    return render(_screen(db, to=to))


@router.post("/sign-in")
def sign_in(request: Request, db: Db, form: Annotated[SignInForm, Form()]) -> Response:
    now = clock.now()
    try:
        begun = service.begin(db, login_name=form.login_name, password=form.password, now=now)
    except UserError as error:
        return render(
            _screen(db, refusal=error.sentence, login_name=form.login_name, to=form.to),
            error.status,
        )
    if begun is None:
        words = "This name and password do not go together. Nothing else is said on purpose."
        return render(_screen(db, refusal=words, login_name=form.login_name, to=form.to), 401)
    token, role = begun
    machine = workstation_of(request, db)
    locks.settle(db, token, workstation=machine, before=token_of(request), now=now)
    to = local_path(form.to)
    answer = RedirectResponse(landing(role) if to == "/" else to, 303)
    give_token(answer, token)
    keep_workstation(request, answer)
    return answer


@router.post("/sign-out")
def sign_out(request: Request, db: Db, actor: SignedIn) -> Response:
    if actor.sign_in_id is not None:
        service.end(db, actor.sign_in_id, now=clock.now())
    # A machine of the ward goes on showing which beds call.
    answer = RedirectResponse("/lock" if workstation_of(request, db) else "/sign-in", 303)
    take_token(request, answer)
    return answer
