"""The one cookie: an opaque token, out of the reach of scripts and of other sites."""

from fastapi import Request, Response

from backend.accounts.sign_in.service import LONGEST
from backend.core.settings import settings

COOKIE = "__Host-vigil"
# Plain HTTP on this machine only: the demo.
COOKIE_WITHOUT_TLS = "vigil"


def token_of(request: Request) -> str | None:
    """What this browser presents, if it presents anything."""
    return request.cookies.get(COOKIE) or request.cookies.get(COOKIE_WITHOUT_TLS)


def address_of(request: Request) -> str | None:
    """Where a request comes from, for counting tries; kept only as a digest."""
    return request.client.host if request.client else None


def give_token(answer: Response, token: str) -> None:
    """From this answer on the browser presents this token, and no other."""
    secure = settings().secure_cookies
    answer.set_cookie(
        COOKIE if secure else COOKIE_WITHOUT_TLS,
        token,
        max_age=int(LONGEST.total_seconds()),
        secure=secure,
        httponly=True,
        samesite="lax",
        path="/",
    )


def take_token(request: Request, answer: Response) -> None:
    """The browser forgets what it presented."""
    for name in (COOKIE, COOKIE_WITHOUT_TLS):
        if name in request.cookies:
            answer.delete_cookie(name, path="/", secure=name == COOKIE, httponly=True)
