"""A machine records by the same deed as the screen, once, and reads back what is stored."""

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
from backend.audit.models import AuditEntry
from backend.core import clock
from backend.observations.models import Observation, Source
from backend.rounds import queries as rounds
from backend.stays.models import Stay
from tests import build
from tests.people import Ward

Machine = Callable[..., TestClient]
VITALS: dict[str, Any] = {
    "respiratory_rate_per_min": 16,
    "spo2_percent": 97,
    "on_oxygen": False,
    "systolic_mmhg": 124,
    "diastolic_mmhg": 78,
    "pulse_per_min": 72,
    "temperature_c": 36.8,
    "consciousness": "A",
}


def body(**fields: Any) -> dict[str, Any]:
    """A calm set, observed now."""
    return {"observed_at": clock.now().isoformat(), "vitals": VITALS} | fields


def post(client: TestClient, stay: Stay, sent: Any, key: str | None = None) -> Any:
    return client.post(
        f"/api/v1/stays/{stay.id}/observations",
        json=sent,
        headers={"Idempotency-Key": key or str(uuid4())},
    )


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward, orders={"news2": 240, "ciwa-ar": 240})


def test_what_is_answered_is_what_is_stored(session: Session, machine: Machine, stay: Stay) -> None:
    sent = body(answers={"ciwa-ar": dict.fromkeys(build.CIWA_AR, 1)}, note="Calm.")
    answer = post(machine(), stay, sent)
    assert answer.status_code == 201, answer.text
    row = session.scalars(select(Observation)).one()
    found = answer.json()
    assert found["id"] == row.id
    assert found["vitals"] == VITALS | {"oxygen_l_per_min": None}
    assert found["scores"]["ciwa-ar"]["total"] == 10
    assert found["scores"]["news2"]["total"] == 0
    assert found["note"] == row.note == "Calm."
    assert row.source is Source.API
    read = machine().get(f"/api/v1/stays/{stay.id}/observations").json()
    notice = found.pop("notice")
    assert read == {"notice": notice, "observations": [found], "next_before": None}


def test_a_set_moves_the_round_and_raises_what_the_rules_ask_for(
    session: Session, machine: Machine, stay: Stay
) -> None:
    due = {row.instrument: row.due_at for row in rounds.open_on_stay(session, stay.id)}
    high = {"respiratory_rate_per_min": 28, "spo2_percent": 90, "pulse_per_min": 128}
    answer = post(machine(), stay, body(vitals=VITALS | high))
    assert answer.json()["scores"]["news2"]["total"] == 8
    rules = {alert.rule for alert in alerts.open_on_stay(session, stay.id)}
    assert "news2-7" in rules
    now_due = {row.instrument: row.due_at for row in rounds.open_on_stay(session, stay.id)}
    assert now_due["news2"] > due["news2"]


def test_a_monitor_posts_and_reads_nothing(session: Session, machine: Machine, stay: Stay) -> None:
    monitor = machine(Role.DEVICE)
    assert post(monitor, stay, body()).status_code == 201
    assert session.scalars(select(Observation.source)).one() is Source.DEVICE
    for path in ("units", "board", "stays", f"stays/{stay.id}/observations", "alerts"):
        assert monitor.get(f"/api/v1/{path}").status_code in {403, 404}, path


def test_a_retry_gets_the_first_answer_and_stores_nothing_twice(
    session: Session, machine: Machine, stay: Stay
) -> None:
    interface, key, sent = machine(), str(uuid4()), body()
    first, second = post(interface, stay, sent, key), post(interface, stay, sent, key)
    assert first.json() == second.json()
    assert len(session.scalars(select(Observation.id)).all()) == 1


def test_the_same_key_with_other_values_is_refused(
    session: Session, machine: Machine, stay: Stay
) -> None:
    interface, key, sent = machine(), str(uuid4()), body()
    post(interface, stay, sent, key)
    other = post(interface, stay, sent | {"vitals": VITALS | {"pulse_per_min": 99}}, key)
    assert other.status_code == 409
    assert session.scalars(select(Observation.pulse_per_min)).one() == 72


def test_without_a_key_nothing_is_stored(session: Session, machine: Machine, stay: Stay) -> None:
    answer = machine().post(f"/api/v1/stays/{stay.id}/observations", json=body())
    assert answer.status_code == 422
    assert "header.Idempotency-Key" in answer.json()["errors"]
    assert session.scalars(select(Observation.id)).all() == []


def test_a_pulse_scores_in_cows_and_is_not_denied_by_it(machine: Machine, stay: Stay) -> None:
    answers = {item: 0 for item in build.COWS if item != "pulse"}
    sent = body(vitals=VITALS | {"pulse_per_min": 112}, answers={"cows": answers})
    score = post(machine(), stay, sent).json()["scores"]["cows"]
    assert (score["total"], score["answers"]["pulse"]) == (2, 2)
    denied = post(machine(), stay, sent | {"answers": {"cows": answers | {"pulse": 4}}})
    assert denied.status_code == 422
    assert "Pulse 112 /min is 2 on COWS" in denied.json()["errors"]["cows.pulse"]


def test_an_unusual_value_is_asked_about_and_then_alerts(
    session: Session, machine: Machine, stay: Stay
) -> None:
    high = body(vitals=VITALS | {"pulse_per_min": 230})
    asked = post(machine(), stay, high)
    assert asked.status_code == 422
    assert "pulse_per_min" in asked.json()["errors"]
    taken = post(machine(Role.DEVICE), stay, high | {"confirmed": ["pulse_per_min"]})
    assert taken.status_code == 201, taken.text
    assert alerts.open_on_stay(session, stay.id)


def test_a_missing_item_is_not_a_zero(machine: Machine, stay: Stay) -> None:
    answers = dict.fromkeys(build.CIWA_AR, 2) | {"headache": None}
    refused = post(machine(), stay, body(answers={"ciwa-ar": answers}))
    assert refused.status_code == 422
    del answers["headache"]
    score = post(machine(), stay, body(answers={"ciwa-ar": answers})).json()["scores"]["ciwa-ar"]
    assert (score["status"], score["total"], score["band"]) == ("incomplete", None, None)
    assert (score["lowest"], score["highest"]) == (18, 25)


@pytest.mark.parametrize(
    "fields",
    [
        {"vitals": {}},
        {"outcome": "asleep", "answers": {"cows": {"tremor": 1}}},
        {"outcome": "entered_in_error"},
        {"answers": {"news2": {"respiratory_rate": 12}}},
        {"answers": {"acvpu": {"consciousness": "A"}}},
        {"answers": {"made-up": {"one": 1}}},
        {"answers": {"ciwa-ar": {"made_up": 1}}},
        {"answers": {"ciwa-ar": {"tremor": 8}}},
        {"answers": {"Ciwa Ar": {"tremor": 1}}},
        {"confirmed": ["everything"]},
        {"stay_id": 1},
        {"id": 1},
        {"note": ""},
        {"note": "x" * 2001},
        {"vitals": {"systolic_mmhg": 80, "diastolic_mmhg": 120}},
        {"vitals": {"temperature_f": 98.6}},
        {"vitals": {"temperature_c": 98.6}},
        {"vitals": {"oxygen_l_per_min": -1}},
    ],
    ids=str,
)
def test_what_cannot_be_right_is_refused_in_words(
    session: Session, machine: Machine, stay: Stay, fields: dict[str, Any]
) -> None:
    answer = post(machine(), stay, body(**fields))
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["title"]
    assert answer.json()["errors"]
    assert session.scalars(select(Observation.id)).all() == []


@pytest.mark.parametrize("days", [-3, 1])
def test_a_time_outside_the_stay_is_refused(machine: Machine, stay: Stay, days: int) -> None:
    at = clock.now() + timedelta(days=days)
    assert post(machine(), stay, body(observed_at=at.isoformat())).status_code == 422


def test_pages_stay_put_while_sets_come_in(
    session: Session, ward: Ward, machine: Machine, stay: Stay
) -> None:
    interface, path = machine(), f"/api/v1/stays/{stay.id}/observations"
    ids = [build.recorded(session, ward, stay).id for _ in range(5)]
    first = interface.get(path, params={"limit": 2}).json()
    assert [row["id"] for row in first["observations"]] == [ids[4], ids[3]]
    build.recorded(session, ward, stay)
    second = interface.get(path, params={"limit": 2, "before": first["next_before"]}).json()
    assert [row["id"] for row in second["observations"]] == [ids[2], ids[1]]
    last = interface.get(path, params={"limit": 2, "before": second["next_before"]}).json()
    assert [row["id"] for row in last["observations"]] == [ids[0]]
    assert last["next_before"] is None


def test_reading_a_chart_is_written_down_once_a_quarter_of_an_hour(
    session: Session, machine: Machine, stay: Stay
) -> None:
    interface = machine()
    for _ in range(3):
        interface.get(f"/api/v1/stays/{stay.id}/observations")
        interface.get(f"/api/v1/stays/{stay.id}")
    views = session.scalars(select(AuditEntry).where(AuditEntry.action == "audit.viewed")).all()
    assert [view.stay_id for view in views] in ([stay.id], [stay.id, stay.id])
