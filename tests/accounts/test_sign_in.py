"""Signing in: the right person, slowly for guessers, never for longer than a shift."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.accounts import passwords
from backend.accounts.permissions import Role
from backend.accounts.sign_in import service, throttle
from backend.accounts.sign_in.models import FailedTry, SignIn
from backend.accounts.staff.models import Posting, Staff
from backend.core import clock
from backend.core.errors import TooMany
from backend.core.settings import settings
from tests.people import PASSWORD, Ward

Browser = Callable[[str | None], TestClient]


def test_the_right_password_opens_the_way_to_the_second_factor(client: Browser) -> None:
    browser = client(None)
    answer = browser.post("/sign-in", data={"login_name": "nora", "password": PASSWORD})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/account"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert browser.get("/account").status_code == 200


def test_a_wrong_password_says_nothing_about_the_account(client: Browser) -> None:
    browser = client(None)
    known = browser.post("/sign-in", data={"login_name": "nora", "password": "wrong"})
    unknown = browser.post("/sign-in", data={"login_name": "nobody", "password": "wrong"})
    assert known.status_code == unknown.status_code == 401
    assert known.text.replace("nora", "") == unknown.text.replace("nobody", "")


@pytest.mark.parametrize("name", ["dana", "monty"])
def test_disabled_people_and_machines_cannot_sign_in(client: Browser, name: str) -> None:
    answer = client(None).post("/sign-in", data={"login_name": name, "password": PASSWORD})
    assert answer.status_code == 401


def test_only_the_hash_of_the_token_is_kept(session: Session) -> None:
    begun = service.begin(session, login_name="nora", password=PASSWORD, now=clock.now())
    assert begun is not None
    kept = session.scalars(select(SignIn.token_sha256)).one()
    assert kept == service.token_hash(begun.token)
    assert begun.token.encode() not in kept


def test_guessing_slows_down_but_never_locks_out(session: Session) -> None:
    now = clock.now()
    for _ in range(throttle.ACCOUNT.free_tries):
        assert service.begin(session, login_name="nora", password="wrong", now=now) is None  # noqa: S106
    with pytest.raises(TooMany, match="Try again in"):
        service.begin(session, login_name="nora", password=PASSWORD, now=now)
    later = now + timedelta(seconds=2)
    assert service.begin(session, login_name="nora", password=PASSWORD, now=later) is not None


def test_the_wait_never_exceeds_five_minutes(session: Session) -> None:
    now = clock.now()
    account = FailedTry.account_sha256
    for _ in range(40):
        session.add(FailedTry(account_sha256=throttle.account_hash("nora"), at=now))
    session.flush()
    assert account is not None
    after = now + throttle.ACCOUNT.longest_wait + timedelta(seconds=1)
    assert service.begin(session, login_name="nora", password=PASSWORD, now=after) is not None


def test_one_persons_wrong_tries_do_not_slow_another(session: Session) -> None:
    now = clock.now()
    for _ in range(throttle.ACCOUNT.free_tries + 1):
        session.add(FailedTry(account_sha256=throttle.account_hash("nora"), at=now))
    session.flush()
    assert service.begin(session, login_name="chen", password=PASSWORD, now=now) is not None


def test_signing_out_ends_the_token_at_once(client: Browser) -> None:
    browser = client("nora")
    token = browser.cookies["vigil"]
    assert browser.post("/sign-out").status_code == 303
    browser.cookies.set("vigil", token)
    assert browser.get("/").headers["location"].startswith("/sign-in")


@pytest.mark.parametrize(
    ("after", "leads_to"),
    [
        (timedelta(minutes=14), None),
        (timedelta(minutes=29), "/lock?to=/"),
        (timedelta(minutes=31), "/sign-in?to=/"),
        (timedelta(hours=13), "/sign-in?to=/"),
    ],
)
def test_an_idle_sign_in_ends(client: Browser, after: timedelta, leads_to: str | None) -> None:
    browser = client("nora")
    with time_machine.travel(clock.now() + after, tick=False):
        assert browser.get("/").headers.get("location") == leads_to


def test_a_page_that_refreshes_itself_is_nobodys_activity(
    client: Browser, session: Session
) -> None:
    browser = client("nora")
    last = session.scalars(select(SignIn.last_active_at)).one()
    with time_machine.travel(clock.now() + timedelta(minutes=10), tick=False):
        browser.get("/", headers={"Vigil-Refresh": "1"})
    assert session.scalars(select(SignIn.last_active_at)).one() == last
    with time_machine.travel(clock.now() + timedelta(minutes=10), tick=False):
        browser.get("/")
    assert session.scalars(select(SignIn.last_active_at)).one() > last


def test_disabling_somebody_takes_effect_on_the_next_request(
    client: Browser, session: Session, ward: Ward
) -> None:
    browser = client("nora")
    assert browser.get("/").status_code == 200
    session.execute(
        update(Staff).where(Staff.id == ward.staff["nora"].id).values(disabled_at=clock.now())
    )
    assert browser.get("/").status_code == 303


def test_a_change_of_role_takes_effect_on_the_next_request(
    client: Browser, session: Session, ward: Ward
) -> None:
    browser = client("nora")
    assert browser.get("/alerts").status_code == 200
    session.execute(
        update(Posting)
        .where(Posting.staff_id == ward.staff["nora"].id)
        .values(role=Role.ADMINISTRATOR)
    )
    assert browser.get("/alerts").status_code == 403


def test_the_demos_password_opens_nothing_in_earnest(
    client: Browser, session: Session, ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even in a database that the demo made."""
    ward.staff["nora"].password_hash = passwords.keep(service.DEMO_PASSWORD)
    session.flush()
    data = {"login_name": "nora", "password": service.DEMO_PASSWORD}
    page = client(None).get("/sign-in").text
    assert service.DEMO_PASSWORD not in page
    assert "demo" not in page
    assert client(None).post("/sign-in", data=data).status_code == 401
    assert session.scalars(select(SignIn)).all() == []
    monkeypatch.setenv("VIGIL_DEMO", "true")
    settings.cache_clear()
    try:
        assert 'id="demo-accounts"' in client(None).get("/sign-in").text
        browser = client(None)
        assert browser.post("/sign-in", data=data).headers["location"] == "/"
        assert browser.get("/").status_code == 200
    finally:
        monkeypatch.undo()
        settings.cache_clear()
