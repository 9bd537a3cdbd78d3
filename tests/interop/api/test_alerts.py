"""A machine sees what needs somebody, and hands in the promise of the person who took it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.permissions import Role
from backend.alerts import queries
from backend.alerts.models import Alert, AlertState, AlertStep, StepKind
from backend.clinical.vitals import Vitals
from backend.stays.models import Stay
from tests import build
from tests.people import Ward

Machine = Callable[..., TestClient]
PLAN = {"plan": "Dr Vance is with the patient.", "recheck_minutes": 15}


@pytest.fixture
def alert(session: Session, ward: Ward) -> Alert:
    stay = build.stay(session, ward)
    ill = Vitals(
        respiratory_rate_per_min=28,
        spo2_percent=90,
        on_oxygen=True,
        systolic_mmhg=98,
        pulse_per_min=118,
        consciousness="A",
    )
    build.recorded(session, ward, stay, vitals=ill)
    return next(a for a in queries.open_on_stay(session, stay.id) if a.rule == "news2-7")


def acknowledge(client: TestClient, alert: Alert, sent: Any, key: str | None = None) -> Any:
    return client.post(
        f"/api/v1/alerts/{alert.id}/acknowledgements",
        json=sent,
        headers={"Idempotency-Key": key or str(uuid4())},
    )


def test_open_alerts_are_listed_worst_first(machine: Machine, alert: Alert) -> None:
    found = machine().get("/api/v1/alerts").json()["alerts"]
    assert (found[0]["id"], found[0]["level"], found[0]["state"]) == (
        alert.id,
        "emergency",
        "open",
    )
    levels = [row["level"] for row in found]
    assert levels == sorted(levels, key=["emergency", "urgent", "advisory"].index)


def test_an_alert_says_why(machine: Machine, alert: Alert) -> None:
    found = machine().get(f"/api/v1/alerts/{alert.id}").json()
    assert found["sentence"] == alert.sentence
    assert found["evidence"]
    assert found["rule_source"]
    assert found["recheck_minutes"] == [5, 10, 15, 30]
    assert [step["kind"] for step in found["steps"]] == ["raised"]


def test_an_acknowledgement_is_a_promise_with_a_name_and_a_time(
    session: Session, machine: Machine, alert: Alert
) -> None:
    answer = acknowledge(machine(), alert, PLAN)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert (found["state"], found["plan"]) == ("acknowledged", PLAN["plan"])
    assert found["acknowledged_by"]["name"] == "A interface"
    assert found["recheck_at"] == found["next_step_at"]
    session.refresh(alert)
    assert alert.state is AlertState.ACKNOWLEDGED
    assert alert.closed_at is None


def test_an_acknowledgement_sent_twice_is_one(
    session: Session, machine: Machine, alert: Alert
) -> None:
    interface, key = machine(), str(uuid4())
    first, second = (acknowledge(interface, alert, PLAN, key) for _ in range(2))
    assert first.json() == second.json()
    taken = select(AlertStep.id).where(AlertStep.kind == StepKind.ACKNOWLEDGED)
    assert len(session.scalars(taken).all()) == 1


def test_a_key_of_another_deed_takes_no_alert(
    session: Session, machine: Machine, alert: Alert
) -> None:
    interface, key = machine(), str(uuid4())
    other = next(a for a in queries.open_on_stay(session, alert.stay_id) if a.id != alert.id)
    assert acknowledge(interface, other, PLAN, key).status_code == 201
    assert acknowledge(interface, alert, PLAN, key).status_code == 409
    session.refresh(alert)
    assert alert.state is AlertState.OPEN


@pytest.mark.parametrize(
    "sent",
    [
        {"plan": "x", "recheck_minutes": 7},
        {"plan": "x", "recheck_minutes": 0},
        {"plan": "x", "recheck_minutes": "15"},
        {"plan": " ", "recheck_minutes": 15},
        {"plan": "x" * 501, "recheck_minutes": 15},
        {"recheck_minutes": 15},
        {"plan": "x"},
        PLAN | {"acknowledged_by": 1},
    ],
    ids=str,
)
def test_a_promise_that_cannot_be_kept_is_refused(
    session: Session, machine: Machine, alert: Alert, sent: dict[str, Any]
) -> None:
    answer = acknowledge(machine(), alert, sent)
    assert answer.status_code == 422, answer.text
    session.refresh(alert)
    assert alert.state is AlertState.OPEN


def test_a_closed_alert_is_listed_by_when_it_was_closed_and_takes_no_more(
    session: Session, ward: Ward, machine: Machine, alert: Alert
) -> None:
    before = alert.raised_at.isoformat().replace("+00:00", "Z")
    stay_id = alert.stay_id
    build.recorded(session, ward, session.get_one(Stay, stay_id))  # a calm set clears
    closed = machine().get("/api/v1/alerts", params={"closed_since": before}).json()["alerts"]
    assert closed
    assert {row["state"] for row in closed} == {"closed"}
    row = session.get_one(Alert, closed[0]["id"])
    assert acknowledge(machine(), row, PLAN).status_code == 409


@pytest.mark.parametrize("since", ["yesterday", "2026-11-24", "2026-11-24T00:00:00", "1e9"])
def test_a_time_without_an_offset_is_no_question(machine: Machine, since: str) -> None:
    assert machine().get("/api/v1/alerts", params={"closed_since": since}).status_code == 422


def test_a_monitor_answers_no_alert(machine: Machine, alert: Alert) -> None:
    assert acknowledge(machine(Role.DEVICE), alert, PLAN).status_code == 403


def test_another_units_alert_reads_404(machine: Machine, alert: Alert) -> None:
    interface = machine(elsewhere=True)
    assert interface.get(f"/api/v1/alerts/{alert.id}").status_code == 404
    assert acknowledge(interface, alert, PLAN).status_code == 404
    assert interface.get("/api/v1/alerts").json()["alerts"] == []
