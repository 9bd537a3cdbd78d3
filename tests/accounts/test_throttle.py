"""Slow for guessers at any number of servers, and nobody locked out."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.accounts.sign_in import service, throttle
from backend.accounts.sign_in.models import FailedTry
from backend.core import clock
from backend.core.errors import TooMany
from tests.conftest import sessions_on
from tests.people import PASSWORD, Ward
from tests.processes import serving

Browser = Callable[[str | None], TestClient]
FREE = throttle.ACCOUNT.free_tries


@pytest.mark.parametrize(
    ("tries", "seconds"),
    [(4, 0), (5, 1), (6, 2), (7, 4), (8, 8), (12, 128), (13, 256), (14, 300), (400, 300)],
)
def test_the_wait_doubles_to_five_minutes(tries: int, seconds: int) -> None:
    now = clock.now()
    assert throttle.ACCOUNT.wait(tries, now, now) == timedelta(seconds=seconds)
    assert throttle.ACCOUNT.wait(tries, now - timedelta(seconds=seconds), now) == timedelta()


def _wrong(session: Session, login_name: str, address: str, times: int) -> None:
    now = clock.now()
    for _ in range(times):
        throttle.failed(session, throttle.claim(login_name, address), now=now)


def test_a_name_that_nobody_has_waits_like_any_other(client: Browser) -> None:
    browser, answers = client(None), {}
    for name in ("nora", "nobody"):
        for _ in range(FREE):
            wrong = browser.post("/sign-in", data={"login_name": name, "password": "wrong"})
            assert wrong.status_code == 401
        slow = browser.post("/sign-in", data={"login_name": name, "password": PASSWORD})
        answers[name] = (slow.status_code, slow.text.replace(name, ""))
    assert answers["nora"][0] == 429
    assert answers["nora"] == answers["nobody"]


def test_an_address_waits_for_seconds_only(session: Session) -> None:
    for number in range(60 + 10):
        _wrong(session, f"guess{number}", "10.0.0.9", 1)
    now = clock.now()
    wait = throttle.wait_of(session, throttle.claim("nora", "10.0.0.9"), now=now)
    assert timedelta(seconds=5) < wait <= timedelta(seconds=8)
    elsewhere = throttle.wait_of(session, throttle.claim("nora", "10.0.0.10"), now=now)
    assert elsewhere == timedelta()


def test_everybody_together_waits_for_two_seconds_at_most(session: Session) -> None:
    now = clock.now()
    session.add_all(
        FailedTry(account_sha256=number.to_bytes(32), address_sha256=None, at=now)
        for number in range(600 + 50)
    )
    session.flush()
    wait = throttle.wait_of(session, throttle.claim("nora", None), now=now)
    assert timedelta() < wait <= timedelta(seconds=2)


def test_a_colleague_lets_somebody_try_at_once(session: Session, ward: Ward) -> None:
    _wrong(session, "nora", "10.0.0.9", FREE + 8)
    now = clock.now()
    with pytest.raises(TooMany):
        service.begin(session, login_name="nora", password=PASSWORD, now=now)
    throttle.forgive(
        session, ward.staff["chen"].id, staff_id=ward.staff["nora"].id, login_name="Nora", now=now
    )
    assert service.begin(session, login_name="nora", password=PASSWORD, now=now)


def test_failed_tries_are_forgotten_after_an_hour(session: Session) -> None:
    """The count, that is: the wait itself is over long before, until one more is wrong."""
    _wrong(session, "nora", "10.0.0.9", 59)
    nora = throttle.claim("nora", "10.0.0.9")
    for minutes, counts in ((59, True), (61, False)):
        later = clock.now() + timedelta(minutes=minutes)
        with session.begin_nested() as before:
            throttle.failed(session, nora, now=later)
            assert (throttle.wait_of(session, nora, now=later) > timedelta()) is counts
            before.rollback()


def test_guesses_at_two_servers_at_once_and_after_a_restart_share_one_count(
    fresh_database: str,
) -> None:
    """Sixty guesses at once at two processes: as many are looked at as one after the other."""

    def guess(address: str) -> int:
        headers = {"Sec-Fetch-Site": "same-origin"}
        data = {"login_name": "nora", "password": "wrong"}
        return httpx.post(f"{address}/sign-in", data=data, headers=headers, timeout=60).status_code

    with serving(fresh_database) as one, serving(fresh_database) as other:
        began = time.monotonic()
        with ThreadPoolExecutor(20) as pool:
            statuses = list(pool.map(guess, [one.address, other.address] * 30))
        took = time.monotonic() - began
    assert set(statuses) == {401, 429}
    looked_at = statuses.count(401)
    # Five are free; then 1 + 2 + 4 … seconds must have passed for each one more.
    beyond = 0
    while 2 ** (beyond + 1) - 1 <= took:
        beyond += 1
    assert looked_at <= FREE + beyond
    with sessions_on(fresh_database) as sessions, sessions() as session:
        kept = session.scalars(select(func.count()).select_from(FailedTry)).one()
        assert kept == looked_at
    with serving(fresh_database) as restarted:
        again = [guess(restarted.address) for _ in range(FREE + 1)]
    assert 429 in again
    assert again.count(401) <= 3
