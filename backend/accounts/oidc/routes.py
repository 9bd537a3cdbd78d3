"""Out to the hospital's provider, and back."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import asdict, dataclass
from hmac import compare_digest
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from backend.accounts.access import SignedIn, at_the_keys
from backend.accounts.account.forms import OwnDeed
from backend.accounts.locks.keys import take_the_keys
from backend.accounts.oidc import provider, service
from backend.accounts.shell import landing
from backend.accounts.sign_in import service as sign_in
from backend.accounts.sign_in.cookies import token_of
from backend.accounts.sign_in.models import TWO_FACTORS
from backend.core import clock, secret
from backend.core.db import Db
from backend.core.errors import NotAllowed, NotFound, Unavailable
from backend.core.settings import settings
from backend.core.web import anybody, go, local_path, stands_on

router = APIRouter()

BACK = "/sign-in/hospital/back"
COOKIE = "__Host-vigil-out"
# Plain HTTP on this machine only.
COOKIE_WITHOUT_TLS = "vigil-out"
SEAL = "way out to the provider"
LASTS_S = 600


@dataclass(frozen=True, kw_only=True)
class Out:
    """What this browser set out with; sealed, so that no other browser can come back with it."""

    flow: provider.Flow
    to: str
    until: float
    # Whoever is signed in and wants to link their account; 0: to sign in.
    staff_id: int


def _set_out(to: str, staff_id: int = 0) -> Response:
    if not settings().has_provider:
        raise NotFound("There is no such page.")
    flow = provider.new_flow()
    answer = RedirectResponse(provider.way_out(flow, settings().public_origin + BACK), 303)
    until = clock.now().timestamp() + LASTS_S
    out = Out(flow=flow, to=local_path(to), until=until, staff_id=staff_id)
    sealed = secret.seal(json.dumps(asdict(out)).encode(), purpose=SEAL, owner=0)
    secure = settings().secure_cookies
    answer.set_cookie(
        COOKIE if secure else COOKIE_WITHOUT_TLS,
        urlsafe_b64encode(sealed).decode(),
        max_age=LASTS_S,
        secure=secure,
        httponly=True,
        samesite="lax",
        path="/",
    )
    return answer


@router.get("/sign-in/hospital", dependencies=[Depends(anybody)])
def set_out(to: Annotated[str, Query(max_length=500)] = "/") -> Response:
    return _set_out(to)


@router.get("/account/hospital")
def set_out_to_link(actor: SignedIn) -> Response:
    """To link one's own account: who it is must have been proved just now."""
    actor.must_have_stepped_up(clock.now())
    return _set_out("/account", actor.id)


@router.post("/account/hospital/unlink")
@stands_on("/account")
def unlink(request: Request, db: Db, actor: SignedIn, form: Annotated[OwnDeed, Form()]) -> Response:
    actor.signs(form)
    actor.must_have_stepped_up(clock.now())
    service.unlink(db, actor.id, now=clock.now())
    return go(request, "/account")


@router.get(BACK, dependencies=[Depends(anybody)])
def come_back(
    request: Request,
    db: Db,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """Whatever else the provider sends along is not looked at; `iss` stands in what it signs."""
    now, out = clock.now(), _set_out_with(request)
    if (
        out is None
        or not code
        or out.until < now.timestamp()
        or not compare_digest(out.flow.state.encode(), state.encode("utf-8", "replace"))
    ):
        raise NotAllowed("This way in was not begun here, or too long ago. Start again.")
    # Before the first question to the database: no connection waits for the provider.
    who = provider.vouched(out.flow, code, settings().public_origin + BACK, now=now)
    sign_in.spend_once(db, state, now=now)
    if out.staff_id:
        return _linked(request, db, out.staff_id, who)
    begun = service.begin(
        db, issuer=who.issuer, subject=who.subject, two_factors=who.two_factors, now=now
    )
    if begun is None:
        raise NotAllowed(
            "No account here is linked with yours. Sign in with your password once and link it"
            " in your account."
        )
    if begun.assurance == TWO_FACTORS:
        to = landing(begun.role) if out.to == "/" else out.to
    else:
        to = "/sign-in/code" if begun.has_second_factor else "/account"
    answer = RedirectResponse(to, 303)
    take_the_keys(request, db, answer, begun.token)
    _forget(request, answer)
    return answer


def _linked(request: Request, db: Db, staff_id: int, who: provider.Vouched) -> Response:
    """Whoever set out to link their account must still be the one at the keys."""
    now = clock.now()
    actor = at_the_keys(db, token_of(request), active=True, now=now)
    if actor.id != staff_id or actor.assurance != TWO_FACTORS:
        raise NotAllowed("Somebody else has signed in meanwhile. Nothing was linked.")
    service.link(db, actor.id, issuer=who.issuer, subject=who.subject, now=now)
    answer = RedirectResponse("/account", 303)
    _forget(request, answer)
    return answer


def _set_out_with(request: Request) -> Out | None:
    sealed = request.cookies.get(COOKIE) or request.cookies.get(COOKIE_WITHOUT_TLS)
    try:
        opened = secret.unseal(urlsafe_b64decode(sealed or ""), purpose=SEAL, owner=0)
        told = json.loads(opened)
    except (Unavailable, NotBase64, ValueError):
        return None
    return Out(
        flow=provider.Flow(**told["flow"]),
        to=told["to"],
        until=told["until"],
        staff_id=told["staff_id"],
    )


def _forget(request: Request, answer: Response) -> None:
    for name in (COOKIE, COOKIE_WITHOUT_TLS):
        if name in request.cookies:
            answer.delete_cookie(name, path="/", secure=name == COOKIE, httponly=True)
