"""Ask who is at the keys once more, and lose nothing of what they were about to send."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from backend.accounts.access import SignedIn
from backend.accounts.shell import shell
from backend.accounts.sign_in import service
from backend.accounts.sign_in.cookies import address_of, give_token
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
    again: bool
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
    screen = StepUpScreen(shell=None, refusal=error.sentence, to=to, again=True, kept=kept)
    return render(screen, error.status)


@router.get("/step-up")
def step_up_screen(actor: SignedIn, to: str = "/") -> Response:
    screen = StepUpScreen(
        shell=shell(actor, here="", now=clock.now()),
        refusal=None,
        to=local_path(to),
        again=False,
        kept="",
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
    words, status, token = (
        "That is not it. Type your password, or the digits that your app shows now.",
        403,
        None,
    )
    try:
        token = service.step_up(
            db, actor.sign_in_id, person, proof=form.proof, now=now, address=address_of(request)
        )
    except UserError as error:
        words, status = error.sentence, error.status
    answer: Response
    if token is None and wants_fragment(request):
        return render(StepUp(refusal=words), status)
    if token is None:
        around = shell(actor, here="", now=now)
        screen = StepUpScreen(shell=around, refusal=words, to=to, again=form.again, kept=form.kept)
        return render(screen, status)
    if wants_fragment(request):
        answer = render(SteppedUp())
    elif form.again:
        typed = tuple(parse_qsl(form.kept, keep_blank_values=True))
        answer = render(SendAgainScreen(shell=shell(actor, here="", now=now), to=to, typed=typed))
    else:
        answer = RedirectResponse(to, 303)
    give_token(answer, token)
    return answer
