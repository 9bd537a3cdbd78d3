"""A machine sees the unit that its token is for, and nothing of any other."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from backend.clinical.schedule import HowOften
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.protocols import queries as protocols
from backend.rounds.leave import service as leaves
from backend.rounds.orders import service as orders
from backend.stays.leave.facts import Facts
from backend.stays.leave.models import Away
from tests import build
from tests.people import Ward

Machine = Callable[..., TestClient]


def test_a_token_is_for_one_unit(machine: Machine) -> None:
    (unit,) = machine().get("/api/v1/units").json()["units"]
    assert (unit["code"], unit["shift_starts"]) == ("lantern", ["07:00", "19:00"])
    assert [bed["label"] for bed in unit["beds"]] == [str(number) for number in range(1, 13)]
    (other,) = machine(elsewhere=True).get("/api/v1/units").json()["units"]
    assert other["code"] == "harbour"


def test_the_board_shows_what_the_ward_sees(session: Session, ward: Ward, machine: Machine) -> None:
    stay = build.stay(session, ward, bed="7", orders={"ciwa-b": 240, "news2": 240})
    ill = Vitals(respiratory_rate_per_min=28, spo2_percent=90, pulse_per_min=128)
    build.recorded(session, ward, stay, vitals=ill, answers=build.ciwa_b(33))
    board = machine().get("/api/v1/board").json()
    (place,) = board["places"]
    assert (place["stay_id"], place["bed"]["label"]) == (stay.id, "7")
    assert place["scores"]["ciwa-b"]["total"] == 33
    news2 = place["scores"]["news2"]
    assert (news2["status"], news2["total"], news2["lowest"]) == ("incomplete", None, 8)
    assert place["alerts"][0]["level"] == "emergency"
    assert {row["instrument"] for row in place["rounds"]} == {"ciwa-b", "news2"}
    assert [bed["label"] for bed in board["free_beds"]] == [
        str(number) for number in range(1, 13) if number != 7
    ]
    assert "Pennywhistle" not in machine().get("/api/v1/board").text


def test_a_patient_without_a_bed_or_a_set_is_on_the_board(
    session: Session, ward: Ward, machine: Machine
) -> None:
    stay = build.stay(session, ward, bed=None)
    (place,) = machine().get("/api/v1/board").json()["places"]
    assert place["stay_id"] == stay.id
    assert (place["bed"], place["last_set"], place["scores"]) == (None, None, {})


def test_the_board_of_another_unit_is_empty_of_ours(
    session: Session, ward: Ward, machine: Machine
) -> None:
    build.stay(session, ward)
    interface = machine(elsewhere=True)
    assert interface.get("/api/v1/board").json()["places"] == []
    assert interface.get("/api/v1/stays").json()["stays"] == []


def test_somebody_who_is_away_has_nothing_due_until_they_are_back(
    session: Session, ward: Ward, machine: Machine
) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 240}, ordered_at=clock.now())
    nora, left_at = ward.staff["nora"].id, clock.now()
    facts = Facts(why=Away.PASS, left_at=left_at, expected_at=left_at + timedelta(hours=3))
    leaves.leave(session, nora, stay, key=uuid4(), facts=facts)
    interface = machine()
    (place,) = interface.get("/api/v1/board").json()["places"]
    assert (place["away"]["why"], place["rounds"]) == ("pass", [])
    in_full = interface.get(f"/api/v1/stays/{stay.id}").json()
    assert (in_full["away"]["seen_at"], in_full["due"]) == (None, [])
    leaves.come_back(session, nora, stay, key=uuid4())
    (place,) = interface.get("/api/v1/board").json()["places"]
    assert place["away"] is None
    assert {one["instrument"] for one in place["rounds"]} >= {"news2", "ciwa-b"}


def test_what_an_order_calls_for_after_its_end_is_told_as_what_comes_then(
    session: Session, ward: Ward, machine: Machine
) -> None:
    began = clock.now() - timedelta(days=9)
    stay = build.stay(session, ward, admitted_at=began)
    now = clock.now()
    for instrument, then_minutes in (("ciwa-b", 480), ("cows", None)):
        orders.order(
            session,
            ward.staff["priya"].id,
            stay,
            key=uuid4(),
            instrument=instrument,
            how_often=HowOften(
                interval_minutes=240,
                until_at=now + timedelta(minutes=60),
                then_minutes=then_minutes,
            ),
            at=now - timedelta(minutes=1),
            in_force=protocols.in_force(session, ward.unit.id, at=now),
        )
    cows = {"cows": dict.fromkeys(build.COWS, 0)}
    build.recorded(session, ward, stay, observed_at=now, answers=build.ciwa_b(10) | cows)
    due = now + timedelta(minutes=480)
    interface = machine()
    (place,) = interface.get("/api/v1/board").json()["places"]
    in_full = interface.get(f"/api/v1/stays/{stay.id}").json()
    for told in (place["rounds"], in_full["due"]):
        found = [(one["instrument"], datetime.fromisoformat(one["due_at"])) for one in told]
        assert found == [("ciwa-b", due)]
