"""Every body and every question of the OpenAPI document, spoilt in every place where it can be.

The places are read off the document, so that a new route is tried without anybody thinking of it.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from backend.alerts import queries as alerts
from backend.clinical.vitals import Vitals
from backend.interop.api import routes
from backend.main import tables
from tests import build
from tests.interop.api.conftest import restrained
from tests.people import Ward

Machine = Callable[..., TestClient]
CANARY = "Quicksilver"
DOCUMENT = routes.document()
# As JSON text: what takes the place of a value.
NEVER_RIGHT = {
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "1e400": "1e400",
    "NUL": f'"{CANARY}\\u0000"',
    "half a letter": f'"{CANARY}\\ud800"',
    "a letter that turns others round": f'"\\u202e{CANARY}"',
    "a control letter": f'"\\u001b[2J{CANARY}"',
    "100,000 characters": f'"{CANARY * 9_100}"',
    "a value twice": f'1, "{CANARY}": 1',
    "depth": "[" * 3000 + "]" * 3000,
    "an object of strangers": f'{{"{CANARY}": [1]}}',
}
STRANGE = [
    "1_80",
    "true",
    "-1",
    "99999999999999999999",
    '""',
    "null",
    "[]",
    '"\'; --"',
    "1.5",
    '"½"',
]
BODIES = [
    path for path, methods in DOCUMENT["paths"].items() if "requestBody" in methods.get("post", {})
]
QUESTIONS = [
    (path, parameter["name"])
    for path, methods in DOCUMENT["paths"].items()
    for parameter in methods.get("get", {}).get("parameters", ())
    if parameter["in"] == "query"
]


@pytest.fixture
def ids(session: Session, ward: Ward) -> dict[str, int]:
    """A patient who is ill enough for an alert."""
    stay = build.stay(session, ward, orders={"news2": 240})
    ill = Vitals(respiratory_rate_per_min=28, spo2_percent=88, pulse_per_min=128)
    build.recorded(session, ward, stay, vitals=ill)
    alert = alerts.open_on_stay(session, stay.id)[0]
    return {"stay_id": stay.id, "alert_id": alert.id, "event_id": restrained(session, ward, stay)}


def _example(path: str) -> Any:
    body = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return DOCUMENT["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]["examples"][
        0
    ]


def _spoilt(value: Any, by: str) -> Iterator[str]:
    """The body as text, once for every place in it, with this in that place."""
    mark = f"{uuid4()}"

    def marked(inner: Any) -> Iterator[Any]:
        yield mark
        if isinstance(inner, dict):
            for name, part in inner.items():
                yield from (inner | {name: one} for one in marked(part))
        elif isinstance(inner, list):
            for place, part in enumerate(inner):
                yield from ([*inner[:place], one, *inner[place + 1 :]] for one in marked(part))

    for one in marked(value):
        yield json.dumps(one).replace(f'"{mark}"', by)


def _rows(session: Session) -> int:
    return sum(
        session.scalars(select(func.count()).select_from(table)).one()
        for table in tables.metadata.sorted_tables
        if table.name not in {"audit_entry", "sign_in", "failed_try"}
    )


def _send(client: TestClient, address: str, body: str) -> Any:
    headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
    with capture_logs() as logged:
        answer = client.post(address, content=body, headers=headers)
    assert CANARY not in str(logged)
    assert CANARY not in answer.text
    return answer


def test_the_document_has_bodies_and_questions() -> None:
    assert len(BODIES) > 4
    assert len(QUESTIONS) > 4


@pytest.mark.parametrize("path", BODIES)
def test_no_place_of_a_body_takes_what_is_never_right(
    session: Session, machine: Machine, ids: dict[str, int], path: str
) -> None:
    client, address = machine(), path.format(**ids)
    before = _rows(session)
    for what, by in NEVER_RIGHT.items():
        for body in _spoilt(_example(path), by):
            answer = _send(client, address, body)
            assert 400 <= answer.status_code < 500, (what, body[:300])
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["title"].endswith((".", ")."))
    assert _rows(session) == before


@pytest.mark.parametrize("path", BODIES)
def test_no_place_of_a_body_is_broken_by_what_is_strange(
    machine: Machine, ids: dict[str, int], path: str
) -> None:
    client, address = machine(), path.format(**ids)
    for by in STRANGE:
        for body in _spoilt(_example(path), by):
            assert _send(client, address, body).status_code < 500, body


@pytest.mark.parametrize(("path", "name"), QUESTIONS)
def test_no_question_is_broken_or_asked_twice(
    machine: Machine, ids: dict[str, int], path: str, name: str
) -> None:
    client, address = machine(), path.format(**ids)
    for value in (
        "%00",
        "%ff",
        "%e2%80%ae",
        "1_80",
        "nan",
        "1e400",
        "true",
        "'",
        "-1",
        "[]",
        "9" * 30,
    ):
        answer = client.get(f"{address}?{name}={value}{CANARY}")
        assert 400 <= answer.status_code < 500, value
        assert CANARY not in answer.text
        assert client.get(f"{address}?{name}={value}").status_code < 500
    twice = client.get(f"{address}?{name}=1&{name}=2")
    assert twice.status_code == 422
