"""What a machine reads leaves through the door: on the ledger, and by code where that was asked."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.alerts import queries as alerts
from backend.audit.models import AuditEntry
from backend.care.disclosures import service as door
from backend.care.disclosures.models import Basis, Disclosure, DisclosurePatient, What
from backend.clinical.vitals import Vitals
from backend.stays.models import Stay
from tests import build
from tests.care.build import restriction
from tests.people import Ward

Machine = Callable[..., TestClient]


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    """Somebody ill, of whom somebody wrote more than numbers."""
    made = build.stay(session, ward, orders={"news2": 240})
    ill = Vitals(respiratory_rate_per_min=28, spo2_percent=88, pulse_per_min=128)
    build.recorded(session, ward, made, vitals=ill, note="Rosa's sister rang.")
    return made


def ledger(session: Session) -> list[Disclosure]:
    return list(session.scalars(select(Disclosure).order_by(Disclosure.id)))


def test_reading_a_stay_stands_in_the_ledger_once_a_quarter_of_an_hour(
    session: Session, machine: Machine, stay: Stay
) -> None:
    engine = machine()
    for _ in range(3):
        assert engine.get(f"/api/v1/stays/{stay.id}").json()["patient"]["given_name"] == "Rosa"
    engine.get(f"/api/v1/stays/{stay.id}/observations")
    machine().get(f"/api/v1/stays/{stay.id}")  # another one
    found = ledger(session)
    assert [one.what for one in found] == [What.STAY, What.OBSERVATIONS, What.STAY]
    assert {one.basis for one in found} == {Basis.TREATMENT}
    assert {row.stay_id for row in session.scalars(select(DisclosurePatient))} == {stay.id}


def test_a_list_names_nobody_and_adds_nothing_to_the_ledger(
    session: Session, machine: Machine, stay: Stay
) -> None:
    assert stay.id
    engine = machine()
    for path in ("board", "stays", "alerts", "units"):
        text = engine.get(f"/api/v1/{path}").text
        assert "Pennywhistle" not in text
        assert "Rosa" not in text
        assert "1985-03-04" not in text
    assert ledger(session) == []


def test_whoever_asked_for_it_is_told_by_code_and_in_nobodys_words(
    session: Session, ward: Ward, machine: Machine, stay: Stay
) -> None:
    restriction(session, ward, stay)
    alert = alerts.open_on_stay(session, stay.id)[0]
    engine = machine()
    answers: dict[str, Any] = {
        path: engine.get(f"/api/v1/{path}")
        for path in (
            f"stays/{stay.id}",
            f"stays/{stay.id}/observations",
            f"alerts/{alert.id}",
        )
    }
    for path, answer in answers.items():
        assert answer.status_code == 200, path
        assert "Rosa" not in answer.text, path
    assert answers[f"stays/{stay.id}"].json()["patient"] is None
    shown = answers[f"stays/{stay.id}/observations"].json()["observations"][0]
    assert shown["note"] is None
    assert shown["vitals"]["pulse_per_min"] == 128
    assert ledger(session) == []


def test_a_machine_that_reads_more_than_a_unit_holds_is_stopped_and_it_is_on_record(
    session: Session,
    machine: Machine,
    stay: Stay,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(door, "MOST_ANSWERS_AN_HOUR", 1)
    engine = machine()
    assert engine.get(f"/api/v1/stays/{stay.id}").status_code == 200
    refused = engine.get(f"/api/v1/stays/{stay.id}")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "60"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert "Pennywhistle" not in refused.text
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "disclosure.refused"))
    assert [one.subject["status"] for one in entry] == [429]
