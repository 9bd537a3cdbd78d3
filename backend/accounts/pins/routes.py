"""Choose a PIN, once it is proved who chooses."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from backend.accounts.access import Actor, SignedIn
from backend.accounts.pins import queries, service
from backend.accounts.pins.forms import PinForm
from backend.accounts.pins.models import MOST_FAILURES, Pin
from backend.accounts.shell import shell
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.errors import Invalid
from backend.core.web import Screen, render

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class PinScreen(Screen, template="accounts/pin.html"):
    """Six digits, typed twice."""

    standing: str
    refusal: str | None


@router.get("/account/pin")
def pin_screen(db: Db, actor: SignedIn) -> Response:
    actor.must_have_stepped_up(clock.now())
    return render(_screen(actor, queries.of_person(db, actor.id), refusal=None))


@router.post("/account/pin")
def choose_pin(db: Db, actor: SignedIn, form: Annotated[PinForm, Form()]) -> Response:
    now = clock.now()
    actor.must_have_stepped_up(now)
    try:
        service.choose(db, actor.id, pin=form.pin.strip(), again=form.again.strip(), now=now)
    except Invalid as refused:
        words = " ".join([refused.sentence, *refused.fields.values()])
        return render(_screen(actor, queries.of_person(db, actor.id), refusal=words), 422)
    return RedirectResponse("/account/pin", 303)


def _screen(actor: Actor, pin: Pin | None, *, refusal: str | None) -> PinScreen:
    now = clock.now()
    if pin is None:
        standing = "You have no PIN yet."
    elif pin.failures >= MOST_FAILURES:
        standing = "Your PIN is off: it was wrong five times. A new one works at once."
    else:
        at = local_time.day_and_time(pin.set_at, actor.zone, now)
        standing = f"You have a PIN, chosen {at}."
    return PinScreen(
        shell=shell(actor, here="account", now=now), standing=standing, refusal=refusal
    )
