"""Proving once more who is at the keys: five minutes, a new token, and nothing typed is lost."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape
from typing import Annotated

import pytest
import time_machine
from fastapi import APIRouter, Form, Response
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.access import SignedIn
from backend.accounts.sign_in import service, throttle
from backend.accounts.sign_in.models import FailedTry, SignIn
from backend.core import clock
from backend.core.db import Db
from backend.core.errors import StepUpNeeded
from backend.main import app
from tests import people
from tests.people import PASSWORD, Ward

Browser = Callable[[str | None], TestClient]
TYPED = {"note": "  seen at 02:10 <b>&\"' é ", "key": "k1"}


@pytest.fixture
def careful() -> Iterator[None]:
    """A page and a form that want a fresh proof, and one that uses it up."""
    router, before = APIRouter(), list(app.router.routes)

    @router.get("/careful")
    def page(actor: SignedIn) -> Response:
        actor.must_have_stepped_up(clock.now())
        return Response("seen")

    @router.post("/careful")
    def deed(
        actor: SignedIn, note: Annotated[str, Form()], key: Annotated[str, Form()]
    ) -> Response:
        actor.must_have_stepped_up(clock.now())
        return Response(f"done {key} {note}")

    @router.post("/once")
    def once(db: Db, actor: SignedIn) -> Response:
        assert actor.sign_in_id is not None
        service.use_step_up(db, actor.sign_in_id, now=clock.now())
        return Response("done once")

    app.include_router(router)
    yield
    app.router.routes[:] = before


def hidden(text: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', text)
    return {name: unescape(value) for name, value in found}


def prove(browser: TestClient, **more: str) -> object:
    return browser.post("/step-up", data={"proof": PASSWORD, **more})


@pytest.mark.usefixtures("careful")
def test_a_page_leads_to_the_question_and_back(client: Browser) -> None:
    browser = client("nora")
    asked = browser.get("/careful?shift=2026-11-23T19:00")
    assert asked.status_code == 303
    question = browser.get(asked.headers["location"])
    assert question.status_code == 200
    assert hidden(question.text)["to"] == "/careful?shift=2026-11-23T19:00"
    back = browser.post("/step-up", data={**hidden(question.text), "proof": PASSWORD})
    assert back.headers["location"] == "/careful?shift=2026-11-23T19:00"
    assert browser.get("/careful").text == "seen"


@pytest.mark.usefixtures("careful")
def test_a_plain_form_comes_back_with_all_that_was_typed(client: Browser) -> None:
    browser = client("nora")
    asked = browser.post("/careful", data=TYPED)
    assert asked.status_code == 403
    wrong = browser.post("/step-up", data={**hidden(asked.text), "proof": "wrong"})
    assert wrong.status_code == 403
    proved = browser.post("/step-up", data={**hidden(wrong.text), "proof": PASSWORD})
    assert proved.status_code == 200
    assert 'action="/careful"' in proved.text
    assert hidden(proved.text) == TYPED
    assert browser.post("/careful", data=hidden(proved.text)).text == f"done k1 {TYPED['note']}"


@pytest.mark.usefixtures("careful")
def test_with_htmx_the_page_stays_and_only_the_question_comes(client: Browser) -> None:
    browser = client("nora")
    browser.headers["HX-Request"] = "true"
    asked = browser.post("/careful", data=TYPED)
    assert asked.status_code == 403
    assert 'hx-post="/step-up"' in asked.text
    assert "<html" not in asked.text
    assert browser.post("/step-up", data={"proof": "wrong"}).status_code == 403
    assert "Press the button again" in browser.post("/step-up", data={"proof": PASSWORD}).text
    assert browser.post("/careful", data=TYPED).text.startswith("done")


@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize(
    ("after", "holds"), [(timedelta(minutes=4, seconds=59), True), (timedelta(minutes=5), False)]
)
def test_a_proof_holds_for_five_minutes(client: Browser, after: timedelta, holds: bool) -> None:
    browser = client("nora")
    with time_machine.travel(clock.now(), tick=False) as time:
        prove(browser)
        time.shift(after)
        assert (browser.get("/careful").status_code == 200) is holds


@pytest.mark.usefixtures("careful")
def test_a_proof_gives_a_new_token_and_the_old_one_is_worth_nothing(client: Browser) -> None:
    browser, thief = client("nora"), client(None)
    thief.cookies.set("vigil", browser.cookies["vigil"])
    assert thief.get("/shift").status_code == 200
    prove(browser)
    assert browser.get("/careful").status_code == 200
    assert thief.get("/careful").headers["location"].startswith("/sign-in")


@pytest.mark.usefixtures("careful")
def test_a_deed_that_says_so_uses_the_proof_up(client: Browser, session: Session) -> None:
    browser = client("nora")
    assert browser.post("/once", data={}).status_code == 403
    prove(browser)
    assert browser.post("/once", data={}).text == "done once"
    assert browser.post("/once", data={}).status_code == 403
    row = session.scalars(select(SignIn)).one()
    with pytest.raises(StepUpNeeded):
        service.use_step_up(session, row.id, now=clock.now())


def test_one_persons_proof_proves_nobody_else(
    client: Browser, session: Session, ward: Ward
) -> None:
    browser = client("nora")
    chen = people.sign_in(session, ward.staff["chen"], stepped_up=True)
    assert chen
    browser.post("/step-up", data={"proof": "wrong"})
    assert session.scalars(select(FailedTry)).one()
    rows = session.scalars(select(SignIn).order_by(SignIn.id)).all()
    assert [row.stepped_up_until is None for row in rows] == [True, False]


def test_guessing_at_the_question_slows_down(client: Browser) -> None:
    browser = client("nora")
    for _ in range(throttle.ACCOUNT.free_tries):
        assert browser.post("/step-up", data={"proof": "wrong"}).status_code == 403
    slow = browser.post("/step-up", data={"proof": PASSWORD})
    assert slow.status_code == 429
    assert "Try again in" in slow.text


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_a_proof_never_leads_elsewhere(client: Browser, elsewhere: str) -> None:
    browser = client("nora")
    data = {"proof": PASSWORD, "to": elsewhere}
    assert browser.post("/step-up", data=data).headers["location"] == "/"
    sent = browser.post("/step-up", data={**data, "again": "true", "kept": "a=1"})
    assert 'action="/"' in sent.text


@pytest.mark.parametrize(
    "password", ["", "x" * 1001, "nul \x00", "\ud800".encode("utf-8", "surrogatepass")]
)
def test_what_cannot_be_a_password_is_refused_in_words(
    client: Browser, password: str | bytes
) -> None:
    assert client("nora").post("/step-up", data={"proof": password}).status_code in {403, 422}
