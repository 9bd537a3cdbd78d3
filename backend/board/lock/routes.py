"""Lock the screen, keep its alarms in sight, and let the next person in."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.accounts.access import SignedIn
from backend.accounts.locks import queries as locks
from backend.accounts.locks import service
from backend.accounts.locks.access import AtTheLock, Locker
from backend.accounts.shell import ROLE_WORDS, landing
from backend.accounts.sign_in.cookies import give_token
from backend.accounts.staff import queries as staff
from backend.board.lock import queries
from backend.board.lock.forms import LockForm, UnlockForm
from backend.board.lock.queries import Call
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.web import Page, Screen, go, local_path, render, stands_on

router = APIRouter()

REFUSED = (
    "This is not the PIN. After five wrong ones it is off until a full sign-in;"
    " the alarms stay on this screen meanwhile."
)


@dataclass(frozen=True, kw_only=True)
class Strip:
    """What calls, and how many screens should sound for it."""

    calls: tuple[Call, ...]
    sounds: int


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One person whose shift at this machine goes on. `name` is never a patient's."""

    sign_in_id: int
    name: str
    role_words: str
    has_pin: bool
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class LockScreen(Screen, template="board/lock.html"):
    """No patient, every alarm, and the way back."""

    unit_name: str
    time_zone: str
    time_words: str
    now: str
    strip: Strip
    machine: str | None
    who: str | None
    tiles: tuple[Tile, ...]
    any_pin: bool
    refusal: str | None
    to: str
    sign_in_path: str


@dataclass(frozen=True, kw_only=True)
class StripPage(Page, template="board/_strip.html"):
    """The alarms alone, after something changed on the unit."""

    strip: Strip


@router.get("/lock")
def lock_screen(db: Db, locker: AtTheLock, to: str = "/") -> Response:
    actor = locker.actor
    if actor is not None and not actor.locked:
        return RedirectResponse(local_path(to), 303)
    if actor is not None and actor.sign_in_id is not None:
        service.lock(db, actor.sign_in_id, now=clock.now(), idle=True)
    return render(_screen(db, locker, to=local_path(to)))


@router.get("/lock/alarms")
def alarms(db: Db, locker: AtTheLock) -> Response:
    return render(StripPage(strip=_strip(db, locker.unit.id)))


@router.post("/lock")
def lock(request: Request, db: Db, actor: SignedIn, form: Annotated[LockForm, Form()]) -> Response:
    if actor.sign_in_id is not None:
        service.lock(db, actor.sign_in_id, now=clock.now())
    return go(request, f"/lock?to={quote(local_path(form.to))}")


@router.post("/lock/unlock")
@stands_on("/lock")
def unlock(db: Db, locker: AtTheLock, form: Annotated[UnlockForm, Form()]) -> Response:
    now, unlocked = clock.now(), None
    if locker.workstation is not None:
        unlocked = service.unlock(
            db, locker.workstation, form.sign_in_id, pin=form.pin.strip(), now=now
        )
    if unlocked is None:
        chosen, to = form.sign_in_id, local_path(form.to)
        screen = _screen(db, locker, to=to, chosen=chosen, refusal=REFUSED)
        return render(screen, 401)
    token, row = unlocked
    posting = staff.posting_on(db, row.staff_id, row.unit_id)
    had_the_keys = locker.actor is not None and locker.actor.sign_in_id == row.id
    home = landing(posting.role) if posting else "/about"
    to = local_path(form.to)
    answer = RedirectResponse(to if had_the_keys and to != "/" else home, 303)
    give_token(answer, token)
    return answer


def _strip(db: Session, unit_id: int) -> Strip:
    calls = queries.calls(db, unit_id, clock.now())
    sounds = sum(call.level == "emergency" and not call.taken for call in calls)
    return Strip(calls=tuple(calls), sounds=sounds)


def _screen(
    db: Session,
    locker: Locker,
    *,
    to: str,
    chosen: int | None = None,
    refusal: str | None = None,
) -> LockScreen:
    now, actor = clock.now(), locker.actor
    waiting = locks.waiting(db, locker.workstation, now=now) if locker.workstation else []
    with_pin = [one for one in waiting if one.has_pin]
    if chosen is None and actor is not None:
        chosen = actor.sign_in_id
    if with_pin and chosen not in {one.sign_in_id for one in with_pin}:
        chosen = with_pin[0].sign_in_id
    zone = ZoneInfo(locker.unit.time_zone)
    return LockScreen(
        shell=None,
        unit_name=locker.unit.name,
        time_zone=locker.unit.time_zone,
        time_words=local_time.clock_time(now, zone),
        now=now.isoformat(),
        strip=_strip(db, locker.unit.id),
        machine=locker.workstation.label if locker.workstation else None,
        who=actor.name if actor else None,
        tiles=tuple(
            Tile(
                sign_in_id=one.sign_in_id,
                name=one.name,
                role_words=ROLE_WORDS[one.role],
                has_pin=one.has_pin,
                chosen=one.sign_in_id == chosen,
            )
            for one in waiting
        ),
        any_pin=bool(with_pin),
        refusal=refusal,
        to=to,
        sign_in_path=f"/sign-in?to={quote(to)}" if actor else "/sign-in",
    )
