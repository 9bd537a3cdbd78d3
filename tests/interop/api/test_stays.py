"""Another system says who comes, moves and goes; nobody is confused with somebody else."""

from collections.abc import Callable
from datetime import datetime, timedelta
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
from backend.patients.models import Patient
from backend.rounds import queries as rounds
from backend.stays import queries as stays
from backend.stays.models import Stay
from tests import build
from tests.people import Ward

Machine = Callable[..., TestClient]


def admission(ward: Ward, **fields: Any) -> dict[str, Any]:
    """Rosa comes into bed 3."""
    return {
        "patient": {
            "system": "hospital-mrn",
            "identifier": "0047114",
            "family_name": "Pennywhistle",
            "given_name": "Rosa",
            "born_on": "1985-03-04",
            "allergies": "penicillin (rash)",
            "risks": ["withdrawal seizure"],
        },
        "admitted_at": (clock.now() - timedelta(hours=1)).isoformat(),
        "bed_id": ward.beds["3"].id,
        "substances": ["alcohol"],
        "observe": ["news2", "ciwa-ar"],
    } | fields


def post(client: TestClient, path: str, sent: Any, key: str | None = None) -> Any:
    headers = {"Idempotency-Key": key or str(uuid4())}
    return client.post(f"/api/v1/{path}", json=sent, headers=headers)


def ago(**span: float) -> str:
    return (clock.now() - timedelta(**span)).isoformat()


def test_an_admission_is_on_the_board_and_watched(
    session: Session, ward: Ward, machine: Machine
) -> None:
    answer = post(machine(), "stays", admission(ward))
    assert answer.status_code == 201, answer.text
    found = answer.json()
    bed = stays.bed_now(session, found["id"])
    assert bed is not None
    assert found["bed"] == {"id": bed.id, "label": "3"}
    assert found["patient"]["allergies"] == "penicillin (rash)"
    assert found["patient"]["risks"] == ["withdrawal seizure"]
    due = {row.instrument for row in rounds.open_on_stay(session, found["id"])}
    assert due == {"news2", "ciwa-ar"} == {row["instrument"] for row in found["due"]}
    listed = machine().get("/api/v1/stays").json()["stays"]
    assert [row["id"] for row in listed] == [found["id"]]


def test_a_list_of_stays_names_nobody(ward: Ward, machine: Machine) -> None:
    post(machine(), "stays", admission(ward))
    assert "Pennywhistle" not in machine().get("/api/v1/stays").text


def test_an_admission_sent_twice_is_one_stay(
    session: Session, ward: Ward, machine: Machine
) -> None:
    interface, key, sent = machine(), str(uuid4()), admission(ward)
    first, second = (post(interface, "stays", sent, key) for _ in range(2))
    assert second.status_code == 201
    assert first.json() == second.json()
    assert len(session.scalars(select(Stay.id)).all()) == 1
    other = post(interface, "stays", sent | {"admitted_at": ago(hours=2)}, key)
    assert other.status_code == 409
    elsewhere = post(interface, "stays", sent | {"bed_id": ward.beds["4"].id}, key)
    assert elsewhere.status_code == 409


def test_another_unit_cannot_take_over_a_key(ward: Ward, machine: Machine) -> None:
    key = str(uuid4())
    post(machine(), "stays", admission(ward), key)
    answer = post(machine(elsewhere=True), "stays", admission(ward, bed_id=None), key)
    assert answer.status_code == 409
    assert "Pennywhistle" not in answer.text


@pytest.mark.parametrize(
    "wrong", [{"family_name": "Pennyworth"}, {"given_name": "Rose"}, {"born_on": "1985-04-03"}]
)
def test_a_name_that_disagrees_with_the_identifier_admits_nobody(
    session: Session, ward: Ward, machine: Machine, wrong: dict[str, str]
) -> None:
    build.patient(session, ward, source="hospital-mrn", source_id="0047114")
    sent = admission(ward)
    sent["patient"] |= wrong
    assert post(machine(), "stays", sent).status_code == 409
    assert session.scalars(select(Stay.id)).all() == []


def test_the_same_identifier_of_another_system_is_another_person(
    session: Session, ward: Ward, machine: Machine
) -> None:
    build.patient(session, ward, source="clinic", source_id="0047114", family_name="Other")
    assert post(machine(), "stays", admission(ward)).status_code == 201
    assert len(session.scalars(select(Patient.id)).all()) == 2


def test_a_known_patient_keeps_the_allergies_on_record(
    session: Session, ward: Ward, machine: Machine
) -> None:
    build.patient(
        session,
        ward,
        source="hospital-mrn",
        source_id="0047114",
        allergies="latex",
        risks=("falls",),
    )
    found = post(machine(), "stays", admission(ward)).json()
    assert found["patient"]["allergies"] == "latex; also reported: penicillin (rash)"
    assert found["patient"]["risks"] == ["falls", "withdrawal seizure"]


def test_a_patient_is_in_one_place_at_a_time(ward: Ward, machine: Machine) -> None:
    post(machine(), "stays", admission(ward))
    again = post(machine(), "stays", admission(ward, bed_id=ward.beds["4"].id))
    assert again.status_code == 409


def test_a_taken_bed_is_refused_and_nobody_is_admitted(
    session: Session, ward: Ward, machine: Machine
) -> None:
    build.stay(session, ward, bed="3")
    answer = post(machine(), "stays", admission(ward))
    assert answer.status_code == 409
    assert "Bed 3" in answer.json()["title"]
    assert len(session.scalars(select(Stay.id)).all()) == 1


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"bed_id": 2**40}, "bed_id"),
        ({"observe": ["made-up"]}, "observe"),
        ({"observe": []}, "observe"),
        ({"admitted_at": "2999-01-01T00:00:00Z"}, "admitted_at"),
        ({"admitted_at": "1999-01-01T00:00:00Z"}, "admitted_at"),
        ({"last_use_at": "2999-01-01T00:00:00Z"}, "last_use_at"),
        ({"patient": {}}, "patient.system"),
        ({"unit_id": 1}, "body"),
    ],
)
def test_an_admission_that_cannot_be_right_is_refused(
    session: Session, ward: Ward, machine: Machine, fields: dict[str, Any], wrong: str
) -> None:
    answer = post(machine(), "stays", admission(ward, **fields))
    assert answer.status_code == 422, answer.text
    assert wrong in answer.json()["errors"]
    assert session.scalars(select(Patient.id)).all() == []


def test_the_bed_of_another_unit_is_no_bed_here(
    session: Session, ward: Ward, machine: Machine
) -> None:
    from backend.accounts.units import queries as units  # noqa: PLC0415

    theirs = units.beds(session, ward.elsewhere.id)[0]
    assert post(machine(), "stays", admission(ward, bed_id=theirs.id)).status_code == 422


def test_a_move_frees_the_bed_before(session: Session, ward: Ward, machine: Machine) -> None:
    stay = build.stay(session, ward, bed="7")
    sent = {"bed_id": ward.beds["9"].id, "at": ago(minutes=5)}
    key = str(uuid4())
    for _ in range(2):
        answer = post(machine(), f"stays/{stay.id}/placements", sent, key)
        assert answer.status_code == 201, answer.text
        assert answer.json()["bed"]["label"] == "9"
    assert ward.beds["7"] in stays.free_beds(session, ward.unit.id)


@pytest.mark.parametrize("at", [{"days": 5}, {"days": -1}, {"days": 800}])
def test_a_move_at_an_impossible_time_is_refused(
    session: Session, ward: Ward, machine: Machine, at: dict[str, float]
) -> None:
    stay = build.stay(session, ward, bed="7")
    sent = {"bed_id": ward.beds["9"].id, "at": ago(**at)}
    assert post(machine(), f"stays/{stay.id}/placements", sent).status_code == 422
    assert (bed := stays.bed_now(session, stay.id))
    assert bed.label == "7"


def test_a_discharge_leaves_nothing_open(session: Session, ward: Ward, machine: Machine) -> None:
    stay = build.stay(session, ward, orders={"news2": 240})
    low = {"vitals": build.CALM.__class__(spo2_percent=84)}
    build.recorded(session, ward, stay, confirmed=frozenset({"spo2_percent"}), **low)
    assert alerts.open_on_stay(session, stay.id)
    sent = {"at": clock.now().isoformat(), "reason": "transferred"}
    for _ in range(2):
        answer = post(machine(), f"stays/{stay.id}/discharge", sent)
        assert answer.status_code == 200, answer.text
    assert answer.json()["bed"] is None
    assert answer.json()["due"] == []
    assert not alerts.open_on_stay(session, stay.id)
    deeds = session.scalars(
        select(AuditEntry.action).where(AuditEntry.action == "stay.discharged")
    ).all()
    assert len(deeds) == 1
    other = post(machine(), f"stays/{stay.id}/discharge", sent | {"reason": "completed"})
    assert other.status_code == 409


def test_a_discharge_before_the_last_move_is_refused(
    session: Session, ward: Ward, machine: Machine
) -> None:
    stay = build.stay(session, ward, bed="7")
    moved = {"bed_id": ward.beds["9"].id, "at": ago(minutes=5)}
    assert post(machine(), f"stays/{stay.id}/placements", moved).status_code == 201
    sent = {"at": ago(hours=1), "reason": "completed"}
    assert post(machine(), f"stays/{stay.id}/discharge", sent).status_code == 422
    session.refresh(stay)
    assert stay.discharged_at is None


def test_a_monitor_admits_nobody(ward: Ward, machine: Machine) -> None:
    assert post(machine(Role.DEVICE), "stays", admission(ward)).status_code == 403


def test_times_are_answered_with_their_offset(
    session: Session, ward: Ward, machine: Machine
) -> None:
    stay = build.stay(session, ward)
    found = machine().get(f"/api/v1/stays/{stay.id}").json()
    assert datetime.fromisoformat(found["admitted_at"]) == stay.admitted_at
    assert found["admitted_at"].endswith("+00:00")
