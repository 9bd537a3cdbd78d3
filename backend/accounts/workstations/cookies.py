"""The cookie that says which machine this is. It outlives every sign-in, and signs nobody in."""

from fastapi import Request, Response
from sqlalchemy.orm import Session

from backend.accounts.sign_in.service import token_hash
from backend.accounts.workstations import queries
from backend.accounts.workstations.models import Workstation
from backend.core.settings import settings

COOKIE = "__Host-vigil-workstation"
COOKIE_WITHOUT_TLS = "vigil-workstation"
# Browsers keep a cookie for 400 days at most. Each sign-in at the machine gives it anew.
KEPT_S = 400 * 24 * 3600


def workstation_of(request: Request, session: Session) -> Workstation | None:
    """The enrolled machine that asks, if it is one."""
    token = _token(request)
    return queries.by_token(session, token_hash(token)) if token else None


def give_workstation(answer: Response, token: str) -> None:
    """From this answer on the browser is this workstation."""
    secure = settings().secure_cookies
    answer.set_cookie(
        COOKIE if secure else COOKIE_WITHOUT_TLS,
        token,
        max_age=KEPT_S,
        secure=secure,
        httponly=True,
        samesite="lax",
        path="/",
    )


def keep_workstation(request: Request, answer: Response) -> None:
    """The same cookie for another 400 days."""
    if token := _token(request):
        give_workstation(answer, token)


def _token(request: Request) -> str | None:
    return request.cookies.get(COOKIE) or request.cookies.get(COOKIE_WITHOUT_TLS)
