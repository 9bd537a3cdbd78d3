"""kill -9 during a thousand saves at once: nothing acknowledged is lost, and nothing is doubled."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Sequence
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
PATIENCE_S = 180


@dataclass
class Unit:
    """A unit of its own: database server, web server, token, and stays to write to."""

    data: Path
    port: int
    token: str
    stay_ids: list[int]
    url: str


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


def _serve(unit: Unit) -> processes.Running:
    process = processes.start_anew("serve", "", VIGIL_PORT=str(unit.port))
    processes.wait_until_served(f"http://127.0.0.1:{unit.port}")
    return process


@dataclass
class Saves:
    """A thousand saves, all sent at once and each sent again until it is acknowledged.

    Somebody strikes each time that so many are acknowledged: in the middle, however fast it goes.
    """

    unit: Unit
    strike: Callable[[], None]
    at: Sequence[int]
    keys: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(SAVES)])
    acknowledged: set[UUID] = field(default_factory=set)

    async def run(self) -> None:
        """Until all are acknowledged, or patience ends."""
        limits = httpx.Limits(max_connections=SAVES)
        headers = {"Authorization": f"Bearer {self.unit.token}"}
        base_url = f"http://127.0.0.1:{self.unit.port}/api/v1"
        async with (
            asyncio.timeout(PATIENCE_S),
            httpx.AsyncClient(
                base_url=base_url, headers=headers, limits=limits, timeout=90
            ) as client,
            asyncio.TaskGroup() as tasks,
        ):
            for number, key in enumerate(self.keys):
                tasks.create_task(self._save(client, key, number))

    async def _save(self, client: httpx.AsyncClient, key: UUID, number: int) -> None:
        """Try until it is acknowledged, with the same key, as a good client does."""
        body = {
            "observed_at": clock.now().isoformat(),
            "answers": build.ciwa_b(number % 20),
            "vitals": {"pulse_per_min": 60 + number % 40},
        }
        address = f"/stays/{self.unit.stay_ids[number % 12]}/observations"
        while key not in self.acknowledged:
            try:
                answer = await client.post(
                    address, json=body, headers={"Idempotency-Key": str(key)}
                )
            except httpx.HTTPError:
                await asyncio.sleep(0.2)
                continue
            if answer.status_code in (200, 201):
                self.acknowledged.add(key)
                if len(self.acknowledged) in self.at:
                    await asyncio.to_thread(self.strike)
                return
            assert answer.status_code >= 500, answer.text
            await asyncio.sleep(0.2)


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


def _check(saves: Saves) -> None:
    stored = _stored(saves.unit)
    assert saves.acknowledged - set(stored) == set(), "lost"
    assert set(stored.values()) == {1}, "doubled"
    assert set(stored) == set(saves.keys) == saves.acknowledged


def test_a_thousand_at_once_are_all_stored(unit: Unit) -> None:
    web = _serve(unit)
    saves = Saves(unit, strike=lambda: None, at=[])
    try:
        asyncio.run(saves.run())
    finally:
        processes.end(web)
    _check(saves)


def test_killing_the_web_server_loses_and_doubles_nothing(unit: Unit) -> None:
    running = [_serve(unit)]

    def strike() -> None:
        running[-1].send_signal(signal.SIGKILL)
        running[-1].wait()
        running.append(_serve(unit))

    saves = Saves(unit, strike, at=[50, 350, 650])
    try:
        asyncio.run(saves.run())
    finally:
        processes.end(running[-1])
    assert len(running) == 4
    _check(saves)


def test_killing_the_database_loses_and_doubles_nothing(unit: Unit) -> None:
    web = _serve(unit)
    saves = Saves(unit, lambda: _kill_database(unit), at=[50, 500])
    try:
        asyncio.run(saves.run())
    finally:
        processes.end(web)
    _check(saves)


def _kill_database(unit: Unit) -> None:
    """The postmaster and all it started, at once, as when the machine loses its mind."""
    pid = int((unit.data / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    postmaster = psutil.Process(pid)
    for process in [postmaster, *postmaster.children(recursive=True)]:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
