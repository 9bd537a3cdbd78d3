"""Ask who is at the keys once more, and lose nothing of what they were about to send."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, SignedIn
from backend.accounts.passkeys import queries as passkeys
from backend.accounts.shell import shell
from backend.accounts.sign_in import service
from backend.accounts.sign_in.cookies import address_of, give_token
from backend.accounts.staff import queries as staff
from backend.accounts.step_up.forms import Kept, PasskeyForm, StepUpForm
from backend.core import clock
from backend.core import db as database
from backend.core.db import Db
from backend.core.errors import NotAllowed, SignedOut, StepUpNeeded, UserError
from backend.core.settings import settings
from backend.core.web import Page, Screen, local_path, render, wants_fragment

router = APIRouter()

ONLY_GET = {"GET", "HEAD"}


@dataclass(frozen=True, kw_only=True)
class StepUpScreen(Screen, template="accounts/step_up.html"):
    """A page of its own, for whoever came by a link or by a plain form."""

    refusal: str | None
    to: str
    again: bool
    kept: str
    passkey_path: str | None


@dataclass(frozen=True, kw_only=True)
class StepUp(Page, template="accounts/_step_up.html"):
    """The same question above a page that stays as it is."""

    refusal: str
    passkey_path: str | None


@dataclass(frozen=True, kw_only=True)
class SteppedUp(Page, template="accounts/_stepped_up.html"):
    """Proved, above a page that stays as it is."""


@dataclass(frozen=True, kw_only=True)
class SendAgainScreen(Screen, template="accounts/send_again.html"):
    """Proved; what was about to be sent comes back, and its owner sends it."""

    to: str
    typed: tuple[tuple[str, str], ...]


def _passkey_path(session: Session, staff_id: int) -> str | None:
    usable = settings().passkey_domain and passkeys.any_of(session, staff_id)
    return "/step-up/passkey" if usable else None


def _passkey_path_of(request: Request) -> str | None:
    """The same after the request's own transaction was undone."""
    with database.apart() as session:
        return _passkey_path(session, request.state.staff_id)


async def ask(request: Request, error: StepUpNeeded) -> Response:
    """Where a refused deed leads: a page to the question, a form too, with all that it held."""
    if not wants_fragment(request) and request.method in ONLY_GET:
        to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/step-up?to={quote(to, safe='/')}", 303)
    passkey_path = await run_in_threadpool(_passkey_path_of, request)
    if wants_fragment(request):
        return render(StepUp(refusal=error.sentence, passkey_path=passkey_path), error.status)
    to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    typed = [(name, value) for name, value in (await request.form()).multi_items() if name]
    kept = urlencode([(name, value) for name, value in typed if isinstance(value, str)])
    screen = StepUpScreen(
        shell=None,
        refusal=error.sentence,
        to=to,
        again=True,
        kept=kept,
        passkey_path=passkey_path,
    )
    return render(screen, error.status)


@router.get("/step-up")
def step_up_screen(db: Db, actor: SignedIn, to: str = "/") -> Response:
    screen = StepUpScreen(
        shell=shell(actor, here="", now=clock.now()),
        refusal=None,
        to=local_path(to),
        again=False,
        kept="",
        passkey_path=_passkey_path(db, actor.id),
    )
    return render(screen)


@router.post("/step-up")
def step_up(
    request: Request, db: Db, actor: SignedIn, form: Annotated[StepUpForm, Form()]
) -> Response:
    person = staff.by_id(db, actor.id)
    if actor.sign_in_id is None or person is None:
        raise SignedOut("Sign in first.")
    token = None
    refusal: UserError = NotAllowed(
        "That is not it. Type your password, or the digits that your app shows now."
    )
    try:
        token = service.step_up(
            db,
            actor.sign_in_id,
            person,
            proof=form.proof,
            now=clock.now(),
            address=address_of(request),
        )
    except UserError as error:
        refusal = error
    if token is None:
        return _refused(request, db, actor, form, refusal)
    return _proved(request, actor, form, token)


@router.post("/step-up/passkey")
def step_up_by_passkey(
    request: Request, db: Db, actor: SignedIn, form: Annotated[PasskeyForm, Form()]
) -> Response:
    if actor.sign_in_id is None:
        raise SignedOut("Sign in first.")
    token = service.step_up_by_passkey(
        db, actor.sign_in_id, actor.id, answer=form.answer, now=clock.now()
    )
    if token is None:
        words = "No passkey of yours was shown, or too late. Type your password or digits instead."
        return _refused(request, db, actor, form, NotAllowed(words))
    return _proved(request, actor, form, token)


def _refused(
    request: Request, db: Session, actor: Actor, form: Kept, refusal: UserError
) -> Response:
    passkey_path = _passkey_path(db, actor.id)
    if wants_fragment(request):
        return render(StepUp(refusal=refusal.sentence, passkey_path=passkey_path), refusal.status)
    screen = StepUpScreen(
        shell=shell(actor, here="", now=clock.now()),
        refusal=refusal.sentence,
        to=local_path(form.to),
        again=form.again,
        kept=form.kept,
        passkey_path=passkey_path,
    )
    return render(screen, refusal.status)


def _proved(request: Request, actor: Actor, form: Kept, token: str) -> Response:
    answer: Response
    around, to = shell(actor, here="", now=clock.now()), local_path(form.to)
    if wants_fragment(request):
        answer = render(SteppedUp())
    elif form.again:
        typed = tuple(parse_qsl(form.kept, keep_blank_values=True))
        answer = render(SendAgainScreen(shell=around, to=to, typed=typed))
    else:
        answer = RedirectResponse(to, 303)
    give_token(answer, token)
    return answer
