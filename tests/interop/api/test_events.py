"""A machine writes down what happened by the same deed as the screen, and reads all of it back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.permissions import Role
from backend.alerts import queries as alerts
from backend.core import clock
from backend.observations.events import service
from backend.observations.events.models import Event, EventKind
from backend.stays.models import Stay
from tests import build
from tests.care.build import restriction
from tests.people import Ward

Machine = Callable[..., TestClient]


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward)


def post(client: TestClient, path: str, sent: Any, key: str | None = None) -> Any:
    headers = {"Idempotency-Key": key or str(uuid4())}
    return client.post(f"/api/v1{path}", json=sent, headers=headers)


def now(minutes: int = 0) -> str:
    return (clock.now() - timedelta(minutes=minutes)).isoformat()


def test_what_happened_is_stored_calls_and_is_read_back(
    session: Session, machine: Machine, stay: Stay
) -> None:
    path = f"/stays/{stay.id}/events"
    began = now(5)
    answer = post(machine(Role.DEVICE), path, {"kind": "seizure", "started_at": began})
    assert answer.status_code == 201, answer.text
    assert [alert.rule for alert in alerts.open_on_stay(session, stay.id)] == ["event/seizure"]
    row = session.scalars(select(Event)).one()
    said = {"started_at": began, "ended_at": None}
    over = post(machine(), f"{path}/{row.id}/end", {"ended_at": now(3)})
    assert over.status_code == 201, over.text
    first, second = machine().get(f"/api/v1{path}").json()["events"]
    assert (first["id"], first["superseded_by_id"]) == (row.id, second["id"])
    assert (second["change"], second["supersedes_id"]) == ("ended", row.id)
    assert first["kind"] == second["kind"] == "seizure"
    assert {name: first[name] is None for name in said} == {"started_at": False, "ended_at": True}


def test_a_retry_is_the_same_event_and_another_body_is_refused(
    session: Session, machine: Machine, stay: Stay
) -> None:
    path, key, engine = f"/stays/{stay.id}/events", str(uuid4()), machine()
    sent = {"kind": "restraint", "started_at": now(30)}
    first, again = post(engine, path, sent, key), post(engine, path, sent, key)
    assert first.json() == again.json()
    assert post(engine, path, sent | {"started_at": now(20)}, key).status_code == 409
    assert post(engine, path, sent | {"kind": "fall"}, key).status_code == 409
    ending = f"{path}/{first.json()['id']}/end"
    over, late = str(uuid4()), now(10)
    assert post(engine, ending, {"ended_at": late}, over).status_code == 201
    assert post(engine, ending, {"ended_at": late}, over).status_code == 201
    assert post(engine, ending, {"ended_at": now(5)}, over).status_code == 409
    assert post(engine, ending, {"ended_at": late}, key).status_code == 409
    assert len(session.scalars(select(Event)).all()) == 2


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"kind": "seizure", "started_at": "2026-01-01T00:00:00"}, 422),
        ({"kind": "sneezing", "started_at": "2026-11-24T02:10:00Z"}, 422),
        ({"kind": "fall", "started_at": "2199-01-01T00:00:00Z"}, 422),
        ({"kind": "fall", "started_at": "1999-01-01T00:00:00Z"}, 422),
        ({"kind": "fall"}, 422),
        ({"kind": "fall", "started_at": "now"}, 422),
    ],
)
def test_what_cannot_have_happened_is_refused_in_words(
    session: Session, machine: Machine, stay: Stay, sent: dict[str, str], status: int
) -> None:
    answer = post(machine(), f"/stays/{stay.id}/events", sent)
    assert answer.status_code == status
    assert answer.json()["errors"]
    assert session.scalars(select(Event)).all() == []


def test_what_people_wrote_stays_here_where_the_name_does(
    session: Session, machine: Machine, ward: Ward, stay: Stay
) -> None:
    nora = ward.staff["nora"].id
    row = service.record(session, nora, stay, key=uuid4(), kind=EventKind.FALL)
    service.take_back(
        session, nora, stay, key=uuid4(), event_id=row.id, reason="it was Rosa's sister"
    )
    path = f"/api/v1/stays/{stay.id}/events"
    assert "sister" in machine().get(path).text
    restriction(session, ward, stay)
    assert "sister" not in machine().get(path).text
    assert machine(elsewhere=True).get(path).status_code == 404
    assert machine(Role.DEVICE).get(path).status_code == 403
