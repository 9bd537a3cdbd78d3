"""kill -9 during a thousand saves: nothing acknowledged is lost, and nothing is doubled."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg
import pytest

from backend.accounts.devices import service as devices
from backend.accounts.permissions import Role
from backend.core import clock, embedded_postgres
from tests import build, people, processes
from tests.conftest import sessions_on

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SAVES = 1000
AT_ONCE = 16
PATIENCE_S = 120


@dataclass
class Unit:
    """A unit of its own: database server, web server, token, and stays to write to."""

    data: Path
    port: int
    token: str
    stay_ids: list[int]
    url: str
    web: list[object] = field(default_factory=list)


@pytest.fixture
def unit(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Unit]:
    """Everything made afresh, so that a killed server takes nobody else with it."""
    assert database
    url = embedded_postgres.ensure_running(tmp_path / "postgres")
    from backend.cli.migrate import upgrade  # noqa: PLC0415
    from tests.conftest import pointing_at  # noqa: PLC0415

    with pointing_at(url):
        upgrade()
    with sessions_on(url) as sessions, sessions.begin() as session:
        people.open_ward(session)
        ward = people.the_ward(session)
        token, _ = devices.enrol(
            session,
            ward.staff["ada"].id,
            unit_id=ward.unit.id,
            name="Test interface",
            role=Role.INTERFACE,
            now=clock.now(),
        )
        stay_ids = [
            build.stay(session, ward, bed=bed, orders={"ciwa-b": 240}).id for bed in ward.beds
        ]
    monkeypatch.setenv("VIGIL_DATABASE_URL", "")
    monkeypatch.setenv("VIGIL_DATA_DIR", str(tmp_path))
    yield Unit(tmp_path, processes.free_port(), token, stay_ids, url)
    embedded_postgres.leave(tmp_path / "postgres")


def _serve(unit: Unit) -> object:
    process = processes.start("serve", "", VIGIL_PORT=str(unit.port))
    processes.wait_until_served(f"http://127.0.0.1:{unit.port}")
    return process


def _save(unit: Unit, key: UUID, number: int, deadline: float) -> bool:
    """Try until it is acknowledged, with the same key, as a good client does."""
    body = {
        "observed_at": clock.now().isoformat(),
        "answers": build.ciwa_b(number % 20),
        "vitals": {"pulse_per_min": 60 + number % 40},
    }
    address = f"http://127.0.0.1:{unit.port}/api/v1/stays/{unit.stay_ids[number % 12]}/observations"
    headers = {"Authorization": f"Bearer {unit.token}", "Idempotency-Key": str(key)}
    while time.monotonic() < deadline:
        try:
            answer = httpx.post(address, json=body, headers=headers, timeout=10)
        except httpx.HTTPError:
            time.sleep(0.2)
            continue
        if answer.status_code in (200, 201):
            return True
        assert answer.status_code >= 500, answer.text
        time.sleep(0.2)
    return False


def _save_all(unit: Unit, strike: Callable[[], None]) -> tuple[list[UUID], list[bool]]:
    """A thousand saves, a few at a time, while somebody strikes; which were acknowledged."""
    keys = [uuid4() for _ in range(SAVES)]
    deadline = time.monotonic() + PATIENCE_S
    striker = threading.Thread(target=strike)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        striker.start()
        acknowledged = list(
            pool.map(lambda pair: _save(unit, pair[1], pair[0], deadline), enumerate(keys))
        )
    striker.join()
    return keys, acknowledged


def _stored(unit: Unit) -> dict[UUID, int]:
    url = embedded_postgres.ensure_running(unit.data / "postgres")
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT key, count(*) FROM observation GROUP BY key").fetchall()
        whole = connection.execute(
            "SELECT count(*) FROM observation o WHERE (SELECT count(*) FROM score s"
            " WHERE s.observation_id = o.id) <> 2"
        ).fetchone()
    assert whole == (0,), "a set without its scores"
    return dict(rows)


def _check(unit: Unit, keys: list[UUID], acknowledged: list[bool]) -> None:
    stored = _stored(unit)
    lost = [
        key for key, acked in zip(keys, acknowledged, strict=True) if acked and key not in stored
    ]
    assert lost == []
    assert set(stored.values()) == {1}
    assert set(stored) <= set(keys)
    assert all(acknowledged), "some saves were never acknowledged although the server came back"
    assert len(stored) == SAVES


def test_killing_the_web_server_loses_and_doubles_nothing(unit: Unit) -> None:
    running = [_serve(unit)]

    def strike() -> None:
        for _ in range(3):
            time.sleep(3)
            running[-1].send_signal(signal.SIGKILL)  # type: ignore[attr-defined]
            running[-1].wait()  # type: ignore[attr-defined]
            running.append(_serve(unit))

    try:
        keys, acknowledged = _save_all(unit, strike)
    finally:
        processes.end(running[-1])  # type: ignore[arg-type]
    _check(unit, keys, acknowledged)


def test_killing_the_database_loses_and_doubles_nothing(unit: Unit) -> None:
    web = _serve(unit)

    def strike() -> None:
        for _ in range(2):
            time.sleep(4)
            _kill_database(unit)

    try:
        keys, acknowledged = _save_all(unit, strike)
    finally:
        processes.end(web)  # type: ignore[arg-type]
    _check(unit, keys, acknowledged)


def _kill_database(unit: Unit) -> None:
    """The postmaster and all it started, at once, as when the machine loses its mind."""
    pid = int((unit.data / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    postmaster = psutil.Process(pid)
    for process in [postmaster, *postmaster.children(recursive=True)]:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
