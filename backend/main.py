"""Builds the web application: routers, error answers, headers, the listener. No logic."""

import asyncio
import contextlib
import gc
import secrets
from collections.abc import AsyncIterator

import structlog
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from psycopg.errors import OperationalError as PsycopgOperationalError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from backend import tables
from backend.accounts.account import routes as account
from backend.accounts.admin import routes as admin
from backend.accounts.duty import routes as duty
from backend.accounts.links import routes as links
from backend.accounts.locks import access as lock_access
from backend.accounts.oidc import routes as oidc
from backend.accounts.passkeys import routes as passkeys
from backend.accounts.pins import routes as pins
from backend.accounts.resets import routes as resets
from backend.accounts.sign_in import routes as sign_in
from backend.accounts.sign_in.cookies import token_of
from backend.accounts.staff import routes as staff
from backend.accounts.step_up import routes as step_up
from backend.accounts.undeclared import undeclared
from backend.accounts.workstations import routes as workstations
from backend.alerts import routes as alerts
from backend.alerts.answers import routes as answers
from backend.audit import refusals
from backend.board import routes as board
from backend.board.live import routes as live_words
from backend.board.lock import routes as lock
from backend.board.wall import routes as wall
from backend.care.admission import routes as admission
from backend.care.consents import routes as consents
from backend.care.counselling import routes as counselling
from backend.care.glass import routes as glass
from backend.care.purge import routes as purge
from backend.care.sharing import routes as sharing
from backend.core import guard, live, refused, strict_form, web
from backend.core import routes as health
from backend.core.errors import (
    Conflict,
    HalfSignedIn,
    Invalid,
    Locked,
    NotAllowed,
    NotFound,
    OtherHands,
    SignedOut,
    StepUpNeeded,
    TooMany,
    UserError,
)
from backend.interop.api import routes as api
from backend.observations.chart import routes as chart
from backend.observations.events import routes as events
from backend.observations.offline import routes as offline
from backend.observations.paper import routes as paper
from backend.observations.sheet import routes as sheet
from backend.reports.disclosures import routes as disclosures
from backend.reports.privacy import routes as privacy
from backend.reports.shift import routes as shift_report
from backend.rounds.door_tags import routes as door_tags
from backend.rounds.leave import routes as leave
from backend.rounds.nights import routes as nights
from backend.rounds.orders import routes as orders
from backend.rounds.safety import routes as safety
from backend.rounds.safety_orders import routes as safety_orders
from backend.rounds.working_list import routes as working_list

__all__ = ["app", "tables"]

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """One listener per process tells every open screen what changed."""
    # What is loaded by now stays for good: else the collector walks through all of it again and
    # again, which took a seventh of each save.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    listening = asyncio.create_task(live.broadcast.run())
    try:
        yield
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


class Vigil(FastAPI):
    """The guard stands outside everything, also of what answers to a bug."""

    def build_middleware_stack(self) -> ASGIApp:
        """All of it, guarded."""
        return guard.Guard(super().build_middleware_stack())


app = Vigil(
    title="Vigil",
    lifespan=lifespan,
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(strict_form.unambiguous)],
    redirect_slashes=False,  # it would lead to whatever host the request named
)


@app.exception_handler(Invalid)
@app.exception_handler(Conflict)
async def refused_form(request: Request, error: Invalid | Conflict) -> Response:
    """The form again, as it was typed."""
    fields = error.fields if isinstance(error, Invalid) else {}
    return await refused.answer(request, error.status, error.sentence, fields)


@app.exception_handler(OtherHands)
def of_other_hands(request: Request, error: OtherHands) -> Response:
    """Never what the other person typed; the page takes itself away."""
    answer = web.refusal(request, error.status, lock_access.whose(error))
    answer.headers["Vigil-Hands"] = "other"
    return answer


@app.exception_handler(UserError)
def refuse(request: Request, error: UserError) -> Response:
    """A sentence for the person who asked; on the audit trail where it kept somebody out."""
    if isinstance(error, SignedOut | NotAllowed | NotFound):
        _written_down(request, error)
    if isinstance(error, SignedOut) and _shows_a_page(request):
        return RedirectResponse(f"/sign-in?to={request.url.path}", 303)
    if isinstance(error, Locked) and _shows_a_page(request):
        return RedirectResponse(f"/lock?to={request.url.path}", 303)
    if isinstance(error, HalfSignedIn) and _shows_a_page(request):
        return RedirectResponse(f"{error.leads_to}?to={request.url.path}", 303)
    answer = web.refusal(request, error.status, error.sentence)
    if isinstance(error, SignedOut) and request.url.path.startswith("/api/"):
        answer.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooMany):
        answer.headers["Retry-After"] = "60"
    return answer


def _written_down(request: Request, error: UserError) -> None:
    known = request.state
    refusals.refused(
        status=error.status,
        method=request.method,
        path=request.url.path,
        actor_id=getattr(known, "staff_id", None),
        unit_id=getattr(known, "unit_id", None),
        sign_in_id=getattr(known, "sign_in_id", None),
        token=token_of(request),
    )


@app.exception_handler(StepUpNeeded)
async def prove_again(request: Request, error: StepUpNeeded) -> Response:
    """Not before the person has proved once more who they are."""
    return await step_up.ask(request, error)


def _shows_a_page(request: Request) -> bool:
    machine = request.url.path.startswith(("/api/", "/live"))
    return request.method == "GET" and not machine and not web.wants_fragment(request)


@app.exception_handler(RequestValidationError)
async def invalid(request: Request, error: RequestValidationError) -> Response:
    """What was sent cannot be right. It is not logged, and stands in its own form alone."""
    if any(problem["loc"][:1] == ("path",) for problem in error.errors()):
        return web.refusal(request, 404, "There is no such page.")
    fields = {refused.place(problem): refused.words(problem) for problem in error.errors()}
    return await refused.answer(request, 422, "Check what was entered; nothing was saved.", fields)


@app.exception_handler(HTTPException)
def not_found(request: Request, error: HTTPException) -> Response:
    """No such page, or no such method on it."""
    sentence = {404: "There is no such page.", 405: "This page does not take that."}.get(
        error.status_code, "The request could not be read."
    )
    return web.refusal(request, error.status_code, sentence)


@app.exception_handler(OperationalError)
@app.exception_handler(PsycopgOperationalError)
@app.exception_handler(NoConnectionFree)
def unavailable(request: Request, error: Exception) -> Response:
    """The database did not answer, or gave up waiting: whatever was asked did not happen."""
    log.error("database_unavailable", kind=type(error).__name__)
    return web.refusal(
        request, 503, "The database does not answer. Nothing was saved; try again in a moment."
    )


@app.exception_handler(Exception)
def broken(request: Request, error: Exception) -> Response:
    """A bug: a number to find it by, and nothing about it."""
    reference = secrets.token_hex(4)
    log.error("bug", reference=reference, kind=type(error).__name__, exc_info=error)
    return web.refusal(
        request, 500, "Something went wrong here. Nothing was saved.", reference=reference
    )


# The first are asked most: a request is tried against one router after the other.
for domain in (
    board,
    live_words,
    sheet,
    chart,
    events,
    offline,
    paper,
    wall,
    health,
    sign_in,
    step_up,
    pins,
    workstations,
    lock,
    duty,
    account,
    links,
    oidc,
    passkeys,
    admin,
    staff,
    resets,
    admission,
    counselling,
    consents,
    sharing,
    glass,
    purge,
    orders,
    safety_orders,
    safety,
    door_tags,
    leave,
    nights,
    working_list,
    alerts,
    answers,
    shift_report,
    privacy,
    disclosures,
    api,
):
    app.include_router(domain.router)
if silent := undeclared(app):
    raise RuntimeError(f"These routes do not say who may open them: {'; '.join(silent)}")

app.mount("/static/vendor", guard.OnlyFiles(web.ROOT / "node_modules", web.VENDOR), name="vendor")
app.mount("/static", StaticFiles(directory=web.ROOT / "static"), name="static")
