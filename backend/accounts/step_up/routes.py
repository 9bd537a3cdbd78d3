"""Ask who is at the keys once more, and lose nothing of what they were about to send."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from backend.accounts.access import SignedIn
from backend.accounts.shell import shell
from backend.accounts.sign_in import service
from backend.accounts.sign_in.cookies import give_token
from backend.accounts.staff import queries as staff
from backend.accounts.step_up.forms import StepUpForm
from backend.core import clock
from backend.core.db import Db
from backend.core.errors import SignedOut, StepUpNeeded, UserError
from backend.core.web import Page, Screen, local_path, render, wants_fragment

router = APIRouter()

ONLY_GET = {"GET", "HEAD"}


@dataclass(frozen=True, kw_only=True)
class StepUpScreen(Screen, template="accounts/step_up.html"):
    """A page of its own, for whoever came by a link or by a plain form."""

    refusal: str | None
    to: str
    kept: str


@dataclass(frozen=True, kw_only=True)
class StepUp(Page, template="accounts/_step_up.html"):
    """The same question above a page that stays as it is."""

    refusal: str


@dataclass(frozen=True, kw_only=True)
class SteppedUp(Page, template="accounts/_stepped_up.html"):
    """Proved, above a page that stays as it is."""


@dataclass(frozen=True, kw_only=True)
class SendAgainScreen(Screen, template="accounts/send_again.html"):
    """Proved; what was about to be sent comes back, and its owner sends it."""

    to: str
    typed: tuple[tuple[str, str], ...]


async def ask(request: Request, error: StepUpNeeded) -> Response:
    """Where a refused deed leads: a page to the question, a form too, with all that it held."""
    if wants_fragment(request):
        return render(StepUp(refusal=error.sentence), error.status)
    to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method in ONLY_GET:
        return RedirectResponse(f"/step-up?to={quote(to, safe='/')}", 303)
    typed = [(name, value) for name, value in (await request.form()).multi_items() if name]
    kept = urlencode([(name, value) for name, value in typed if isinstance(value, str)])
    screen = StepUpScreen(shell=None, refusal=error.sentence, to=to, kept=kept)
    return render(screen, error.status)


@router.get("/step-up")
def step_up_screen(actor: SignedIn, to: str = "/") -> Response:
    screen = StepUpScreen(
        shell=shell(actor, here="", now=clock.now()), refusal=None, to=local_path(to), kept=""
    )
    return render(screen)


@router.post("/step-up")
def step_up(
    request: Request, db: Db, actor: SignedIn, form: Annotated[StepUpForm, Form()]
) -> Response:
    now, to = clock.now(), local_path(form.to)
    person = staff.by_id(db, actor.id)
    if actor.sign_in_id is None or person is None:
        raise SignedOut("Sign in first.")
    words, status, token = "This password is not yours. Type it again.", 403, None
    try:
        token = service.step_up(db, actor.sign_in_id, person, password=form.password, now=now)
    except UserError as error:
        words, status = error.sentence, error.status
    answer: Response
    if token is None and wants_fragment(request):
        return render(StepUp(refusal=words), status)
    if token is None:
        around = shell(actor, here="", now=now)
        return render(StepUpScreen(shell=around, refusal=words, to=to, kept=form.kept), status)
    if wants_fragment(request):
        answer = render(SteppedUp())
    elif form.kept:
        typed = tuple(parse_qsl(form.kept, keep_blank_values=True))
        answer = render(SendAgainScreen(shell=shell(actor, here="", now=now), to=to, typed=typed))
    else:
        answer = RedirectResponse(to, 303)
    give_token(answer, token)
    return answer
