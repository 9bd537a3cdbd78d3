"""Whom nobody wakes, and what is measured in a sleeper: by a prescriber, never in red."""

from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.board import queries as board
from backend.board.knowledge import unknown
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.core.errors import Conflict
from backend.protocols import queries as protocols
from backend.rounds import queries as rounds
from backend.rounds.models import Round
from backend.rounds.nights import queries, service
from backend.rounds.nights.models import NightKind, NightOrder
from backend.stays.models import Stay
from tests import build
from tests.people import Ward, opens

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    """Past any risk window; CIWA-B due once an hour since an hour and a half."""
    now = clock.now()
    return build.stay(
        session,
        ward,
        admitted_at=now - timedelta(days=9),
        orders={"ciwa-b": 5},
        ordered_at=now - timedelta(minutes=90),
    )


def ordered(
    session: Session, ward: Ward, stay: Stay, kind: str = "do_not_wake", **changed: Any
) -> NightOrder:
    """Between times that now lies between, unless others are given."""
    now = clock.now()
    local = now.astimezone(BERLIN)
    around = (local - timedelta(hours=3)).time(), (local + timedelta(hours=3)).time()
    values: dict[str, Any] = {
        "key": uuid4(),
        "kind": NightKind(kind),
        "at": now - timedelta(hours=2),
        "in_force": protocols.in_force(session, ward.unit.id, at=now),
        "between": around if kind == "do_not_wake" else None,
    }
    return service.order(session, ward.staff["priya"].id, stay, **(values | changed))


def slept(
    session: Session, ward: Ward, stay: Stay, times: int, spo2_percent: int | None = None
) -> int:
    """How many of so many sleep checks in a row stood for a set."""
    at = clock.now() - timedelta(minutes=6 * times)
    for number in range(times):
        build.recorded(
            session,
            ward,
            stay,
            observed_at=at + timedelta(minutes=6 * number),
            outcome="asleep",
            vitals=Vitals(respiratory_rate_per_min=14, spo2_percent=spo2_percent),
        )
    reasons = session.scalars(select(Round.not_done_reason).where(Round.stay_id == stay.id)).all()
    return reasons.count("asleep")


def test_whom_nobody_is_to_wake_sleeps_through_more_than_two_sets(
    session: Session, ward: Ward, stay: Stay
) -> None:
    ordered(session, ward, stay)
    before = clock.now() - timedelta(minutes=40)
    scored = build.ciwa_b(10)
    build.recorded(session, ward, stay, observed_at=before, answers=scored)
    assert slept(session, ward, stay, 4) == 4
    (lying,) = board.lying(session, ward.unit.id)
    assert unknown(lying, asleep_at_most=2, zone=BERLIN) is None
    note = unknown(replace(lying, night=None), asleep_at_most=2, zone=BERLIN)
    assert note is not None
    assert note.title == "Asleep 4 times running"


@pytest.mark.parametrize("why", ["another hour", "ended", "not ordered"])
def test_at_other_times_two_sets_are_the_most(
    session: Session, ward: Ward, stay: Stay, why: str
) -> None:
    local = clock.now().astimezone(BERLIN)
    if why == "another hour":
        later = (local + timedelta(hours=2)).time(), (local + timedelta(hours=8)).time()
        ordered(session, ward, stay, between=later)
    elif why == "ended":
        ordered(session, ward, stay)
        at = clock.now() - timedelta(hours=1)
        priya = ward.staff["priya"].id
        service.end(session, priya, stay, kind=NightKind.DO_NOT_WAKE, at=at, reason="restless")
    assert slept(session, ward, stay, 4) == 2


@pytest.mark.parametrize(("breaths", "spo2_percent"), [(11, None), (14, 90)])
def test_a_bad_sleep_check_wakes_though_nobody_is_to_wake_them(
    *, session: Session, ward: Ward, stay: Stay, breaths: int, spo2_percent: int | None
) -> None:
    ordered(session, ward, stay)
    vitals = Vitals(respiratory_rate_per_min=breaths, spo2_percent=spo2_percent)
    build.recorded(session, ward, stay, outcome="asleep", vitals=vitals)
    assert all(row.due_at <= clock.now() for row in rounds.open_on_stay(session, stay.id))


def test_nobody_is_left_alone_in_red_or_at_risk(session: Session, ward: Ward, stay: Stay) -> None:
    build.recorded(session, ward, stay, answers=build.ciwa_b(70))
    with pytest.raises(Conflict, match="urgent alert"):
        ordered(session, ward, stay)
    early = build.stay(session, ward, bed="8", admitted_at=clock.now() - timedelta(hours=5))
    with pytest.raises(Conflict, match="risk window"):
        ordered(session, ward, early)
    # What is measured more is ordered at any time.
    assert ordered(session, ward, early, "spo2").kind is NightKind.SPO2


def test_a_sleep_check_without_the_ordered_spo2_stands_for_nothing(
    session: Session, ward: Ward, stay: Stay
) -> None:
    ordered(session, ward, stay, "spo2")
    assert slept(session, ward, stay, 1) == 0
    assert slept(session, ward, stay, 1, spo2_percent=97) == 1


def test_an_order_takes_the_place_of_one_of_its_kind_and_twice_is_once(
    session: Session, ward: Ward, stay: Stay
) -> None:
    ordered(session, ward, stay)
    ordered(session, ward, stay, "spo2")
    second = ordered(session, ward, stay, between=(time(22), time(6)))
    again = ordered(session, ward, stay, key=second.key, between=(time(23), time(5)))
    assert again is second
    standing = queries.standing(session, stay.id)
    assert standing[NightKind.DO_NOT_WAKE].from_time == time(22)
    assert set(standing) == {NightKind.DO_NOT_WAKE, NightKind.SPO2}


def test_it_is_ordered_read_and_ended_on_the_page_of_orders(
    session: Session, ward: Ward, stay: Stay, client: Callable[[str], TestClient]
) -> None:
    form = {
        "key": str(uuid4()),
        **opens(ward.staff["priya"]),
        "opened_for": str(stay.id),
        "kind": "do_not_wake",
        "from_time": "22:00",
        "to_time": "06:00",
        "reason": "sleeps badly",
    }
    priya, path = client("priya"), f"/stays/{stay.id}/nights"
    for wrong, sentence in (
        ({"from_time": "NaN"}, "Write a time like 22:00."),
        ({"to_time": "21:00"}, "A night has at most 12 hours."),
        ({"to_time": "22:00"}, "A night has at most 12 hours."),
        ({"kind": "tea"}, "Choose one of the list."),
    ):
        refused = priya.post(path, data=form | wrong)
        assert refused.status_code == 422
        assert sentence in refused.text
        assert 'value="sleeps badly"' in refused.text
    for _ in range(2):  # a double click
        assert priya.post(path, data=form).status_code == 303
    told = "Do not wake 22:00 to 06:00"
    for page in (f"/stays/{stay.id}/orders", f"/stays/{stay.id}/record"):
        assert told in client("nora").get(page).text, page
    assert session.scalars(select(NightOrder.ordered_by)).all() == [ward.staff["priya"].id]
    ending = form | {"key": str(uuid4())}
    for name in ("from_time", "to_time"):
        del ending[name]
    assert priya.post(f"{path}/end", data=ending).status_code == 303
    assert told not in priya.get(f"/stays/{stay.id}/orders").text
