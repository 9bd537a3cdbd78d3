"""A body that could mean two things, or nothing, is refused: never echoed, never a 500."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.core import clock
from backend.core.strict_json import MOST_BYTES
from backend.observations.models import Observation
from backend.stays.models import Stay
from tests import build
from tests.people import Ward

Machine = Callable[..., TestClient]
SET = '{"observed_at": "%s", "vitals": {"pulse_per_min": %s}, "note": %s}'


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward)


def send(client: TestClient, stay: Stay, text: str | bytes, **headers: str) -> Any:
    given = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"} | headers
    return client.post(f"/api/v1/stays/{stay.id}/observations", content=text, headers=given)


def a_set(pulse: str = "72", note: str = '"calm"', at: str = "") -> str:
    return SET % (at or clock.now().isoformat(), pulse, note)


UNREADABLE = {
    "not JSON": "pulse=72",
    "NaN": a_set("NaN"),
    "Infinity": a_set("Infinity"),
    "minus Infinity": a_set("-Infinity"),
    "1e400": a_set("1e400"),
    "a huge exponent": a_set("1e99999999999999999999"),
    "a huge whole number": a_set("9" * 5000),
    "a name twice": '{"note": "a", "note": "b", "observed_at": "2026-01-01T00:00:00Z"}',
    "a name twice, deep down": a_set("72, " + '"pulse_per_min": 73'),
    "a lone surrogate": a_set(note='"\\ud800"'),
    "a lone surrogate as a name": a_set(note='"a", "\\udfff": 1'),
    "not UTF-8": a_set().encode().replace(b"calm", b"\xff\xfe"),
    "UTF-16": a_set().encode("utf-16"),
    "too deep": "[" * 100_000,
    "two values": a_set() + a_set(),
}
WRONG = {
    "null": "null",
    "a list": "[]",
    "a number in quotes": a_set('"72"'),
    "a number with an underscore": a_set('"7_2"'),
    "true for a number": a_set("true"),
    "a fraction of a beat": a_set("72.5"),
    "a fraction that is whole": a_set("72.0"),
    "a list for a number": a_set("[72]"),
    "NUL": a_set(note='"a\\u0000b"'),
    "a replacement character": a_set(note='"a\\ufffdb"'),
    "100,000 characters": a_set(note=f'"{"x" * 100_000}"'),
    "a number for a text": a_set(note="1"),
    "a field that is not known": a_set(note='"a", "Rosa Pennywhistle": 1'),
    "a time without an offset": a_set(at="2026-11-24T02:10:00"),
    "a time as a number": a_set().replace('"observed_at": "', '"observed_at": 1764000000, "x": "'),
    "a time before all times": a_set(at="0001-01-01T00:00:00+14:00"),
    "a time after all times": a_set(at="9999-12-31T23:59:59-14:00"),
    "a day": a_set(at="2026-11-24"),
    "a leap second": a_set(at="2026-06-30T23:59:60Z"),
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_body_without_one_meaning_is_not_read(
    session: Session, machine: Machine, stay: Stay, text: str | bytes
) -> None:
    answer = send(machine(), stay, text)
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert session.scalars(select(Observation.id)).all() == []


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_a_value_of_the_wrong_kind_is_refused_and_not_echoed(
    session: Session, machine: Machine, stay: Stay, text: str
) -> None:
    answer = send(machine(), stay, text)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]
    for said in ("7_2", "72.5", "xxx", "Pennywhistle", "1764000000", "0001-01", "9999-12"):
        assert said not in answer.text
    assert session.scalars(select(Observation.id)).all() == []


def test_a_body_of_megabytes_is_not_read(machine: Machine, stay: Stay) -> None:
    assert send(machine(), stay, b" " * (MOST_BYTES + 1)).status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/x+json"])
def test_a_body_that_does_not_say_it_is_json_is_not_read(
    machine: Machine, stay: Stay, kind: str
) -> None:
    assert send(machine(), stay, a_set(), **{"Content-Type": kind}).status_code == 400


def test_a_body_that_is_right_is_read(machine: Machine, stay: Stay) -> None:
    kind = "application/json; charset=utf-8"
    assert (
        send(machine(), stay, a_set(note='"Zoë 🙂"'), **{"Content-Type": kind}).status_code == 201
    )


@pytest.mark.parametrize(
    "key", ["", "1", "nonsense", "Rosa Pennywhistle", "00000000-0000-0000-0000-00000000000g"]
)
def test_a_key_that_is_no_uuid_is_refused(machine: Machine, stay: Stay, key: str) -> None:
    answer = send(machine(), stay, a_set(), **{"Idempotency-Key": key})
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"header.Idempotency-Key": "This must be a UUID."}


@pytest.mark.parametrize(
    "query", ["limit=1_0", "limit=0", "limit=201", "limit=+5", "limit=5&limit=6", "limt=5", "x=%00"]
)
def test_an_address_that_asks_something_unclear_is_refused(
    machine: Machine, stay: Stay, query: str
) -> None:
    answer = machine().get(f"/api/v1/stays/{stay.id}/observations?{query}")
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    "stay_id", ["0", "-1", "x", "1e3", "1.0", "3000000000", "9223372036854775808", "%00"]
)
def test_an_address_that_cannot_be_reads_404(machine: Machine, stay_id: str) -> None:
    assert machine().get(f"/api/v1/stays/{stay_id}").status_code == 404


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    ["observed_at", "outcome", "vitals", "answers", "unscored", "note", "confirmed", "", "id"]
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sent=st.dictionaries(FIELDS, JSON, max_size=5) | JSON)
def test_whatever_is_sent_is_answered_in_words(
    session: Session, machine: Machine, stay: Stay, sent: Any
) -> None:
    answer = send(machine(), stay, json.dumps(sent))
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["title"]
    assert session.scalars(select(Observation.id)).all() == []
