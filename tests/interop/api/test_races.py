"""One deed sent at once, and deeds that exclude each other: real commits, real threads."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from backend.accounts.devices import service as devices
from backend.accounts.permissions import Role
from backend.core import clock, db
from backend.main import app
from backend.observations.models import Observation
from backend.patients.models import Patient
from backend.stays.models import Placement, Stay
from tests import build, people
from tests.conftest import sessions_on

AT_ONCE = 8
Post = Callable[[str, Any, str], Any]


@pytest.fixture
def sessions(fresh_database: str) -> Iterator[sessionmaker[Session]]:
    def own_session() -> Iterator[Session]:
        with made.begin() as session:
            yield session

    with sessions_on(fresh_database) as made:
        app.dependency_overrides[db.request_session] = own_session
        yield made
        app.dependency_overrides.clear()


@pytest.fixture
def post(sessions: sessionmaker[Session]) -> Post:
    with sessions.begin() as session:
        ward = people.the_ward(session)
        token, _ = devices.enrol(
            session,
            ward.staff["ada"].id,
            unit_id=ward.unit.id,
            name="ADT feed",
            role=Role.INTERFACE,
            now=clock.now(),
        )

    def send(path: str, sent: Any, key: str) -> Any:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        with TestClient(app, raise_server_exceptions=False) as client:
            return client.post(f"/api/v1/{path}", json=sent, headers=headers)

    return send


def at_once(send: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(send, range(AT_ONCE)))


def admission(bed_id: int | None = None) -> dict[str, Any]:
    return {
        "patient": {
            "system": "hospital-mrn",
            "identifier": "0047114",
            "family_name": "Pennywhistle",
            "given_name": "Rosa",
        },
        "admitted_at": (clock.now() - timedelta(hours=1)).isoformat(),
        "bed_id": bed_id,
    }


def how_many(sessions: sessionmaker[Session], table: Any) -> int:
    with sessions() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def test_one_set_sent_at_once_is_stored_once(sessions: sessionmaker[Session], post: Post) -> None:
    with sessions.begin() as session:
        stay = build.stay(session, people.the_ward(session), orders={"news2": 240})
    sent = {"observed_at": clock.now().isoformat(), "vitals": {"pulse_per_min": 72}}
    key = str(uuid4())
    answers = at_once(lambda _: post(f"stays/{stay.id}/observations", sent, key))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert how_many(sessions, Observation) == 1


def test_one_admission_sent_at_once_is_one_stay(
    sessions: sessionmaker[Session], post: Post
) -> None:
    sent, key = admission(bed_id=1), str(uuid4())
    answers = at_once(lambda _: post("stays", sent, key))
    assert {answer.status_code for answer in answers} == {201}, [a.text for a in answers]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [how_many(sessions, table) for table in (Stay, Patient, Placement)] == [1, 1, 1]


def test_of_two_admissions_of_one_patient_one_wins(
    sessions: sessionmaker[Session], post: Post
) -> None:
    answers = at_once(lambda _: post("stays", admission(), str(uuid4())))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] + [409] * (AT_ONCE - 1), [a.text for a in answers]
    assert [how_many(sessions, table) for table in (Stay, Patient)] == [1, 1]


def test_of_two_patients_for_one_bed_one_gets_it(
    sessions: sessionmaker[Session], post: Post
) -> None:
    def send(number: int) -> Any:
        sent = admission(bed_id=1)
        sent["patient"]["identifier"] = str(number)
        return post("stays", sent, str(uuid4()))

    statuses = sorted(answer.status_code for answer in at_once(send))
    assert statuses == [201] + [409] * (AT_ONCE - 1)
    assert how_many(sessions, Stay) == 1


def test_a_discharge_sent_at_once_ends_the_stay_once(
    sessions: sessionmaker[Session], post: Post
) -> None:
    with sessions.begin() as session:
        stay = build.stay(session, people.the_ward(session), orders={"news2": 240})
    sent = {"at": clock.now().isoformat(), "reason": "completed"}
    answers = at_once(lambda _: post(f"stays/{stay.id}/discharge", sent, str(uuid4())))
    assert {answer.status_code for answer in answers} == {200}, [a.text for a in answers]
