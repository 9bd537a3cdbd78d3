"""The stream: words and heartbeats for those who are signed in, for as long as they are."""

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from tests import build
from tests.conftest import sessions_on
from tests.people import the_ward
from tests.processes import Served, serving, signed_in, watching


@pytest.fixture
def served(fresh_database: str) -> Iterator[Served]:
    with serving(fresh_database) as made:
        yield made


def _events(client: httpx.Client, *, most: int, seconds: float) -> list[tuple[str, str]]:
    """(event, data) as they come, until there are enough or time is up."""
    found: list[tuple[str, str]] = []
    event = "message"
    deadline = time.monotonic() + seconds
    with client.stream("GET", "/live", timeout=seconds) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("event:"):
                event = line.removeprefix("event:").strip()
            elif line.startswith("data:"):
                found.append((event, line.removeprefix("data:").strip()))
                event = "message"
            if len(found) >= most or time.monotonic() > deadline:
                return found
    return found


def test_a_screen_is_told_everything_first_and_then_hears_heartbeats(served: Served) -> None:
    with signed_in(served.address) as nora:
        events = _events(nora, most=3, seconds=15)
    assert events[0] == ("message", "ward")
    beat = json.loads(next(data for event, data in events if event == "heartbeat"))
    assert set(beat) == {"change", "watch_age_s", "server_time"}


def test_nobody_hears_without_signing_in(served: Served) -> None:
    answer = httpx.get(f"{served.address}/live", timeout=5)
    assert answer.status_code == 401


def test_a_recorded_set_is_announced_by_one_word_without_a_patient(
    served: Served, fresh_database: str
) -> None:
    with sessions_on(fresh_database) as sessions:
        with sessions.begin() as session:
            ward = the_ward(session)
            stay = build.stay(session, ward)
        with signed_in(served.address) as nora, nora.stream("GET", "/live", timeout=20) as stream:
            lines = stream.iter_lines()
            assert "ward" in next(line for line in lines if line.startswith("data:"))
            with sessions.begin() as session:
                build.recorded(session, ward, stay, answers=build.ciwa_b(5))
            said = ""
            for line in lines:
                if f"stay-{stay.id}" in line:
                    said = line
                    break
    assert said == f"data: stay-{stay.id}"


def test_a_stream_ends_when_the_sign_in_does(served: Served) -> None:
    with signed_in(served.address) as nora, nora.stream("GET", "/live", timeout=30) as stream:
        lines = stream.iter_lines()
        next(lines)
        nora.post("/sign-out")
        began = time.monotonic()
        for _ in lines:
            assert time.monotonic() - began < 15
    assert time.monotonic() - began < 15


def test_open_streams_hold_no_database_session(served: Served, fresh_database: str) -> None:
    """Forty boards must leave the pool of forty to those who record."""
    import psycopg  # noqa: PLC0415

    with signed_in(served.address) as nora:
        streams = [nora.stream("GET", "/live", timeout=30) for _ in range(45)]
        for stream in streams:
            stream.__enter__()
        try:
            assert nora.get("/about").status_code == 200
            assert nora.get("/").status_code == 200
            with psycopg.connect(fresh_database) as connection:
                row = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
                    " AND datname = current_database()"
                ).fetchone()
            assert row == (0,)
        finally:
            for stream in streams:
                stream.__exit__(None, None, None)


def test_healthz_names_what_is_not_well(served: Served, fresh_database: str) -> None:
    first = httpx.get(f"{served.address}/healthz")
    assert first.status_code == 503
    named = first.json()
    named.pop("audit")  # what migrating has written may wait for its seal: nobody seals yet
    assert named == {"web": "ok", "database": "ok", "watch": "has never run"}
    with watching(fresh_database):
        deadline = time.monotonic() + 60
        while httpx.get(f"{served.address}/healthz").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
