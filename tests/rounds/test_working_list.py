"""The list for one person and one hand, and who has whom."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.core import clock
from backend.rounds.assignments import queries as assignments
from backend.rounds.assignments.models import Assignment
from backend.stays.models import Stay
from tests import build
from tests.people import Ward, opens

Browser = Callable[[str | None], TestClient]


def lying(session: Session, ward: Ward, bed: str, name: str, *, minutes: int) -> Stay:
    """A patient whose vital signs fall due so many minutes from now."""
    who = build.patient(session, ward, family_name=name)
    due = clock.now() + timedelta(minutes=minutes, seconds=30)
    stay = build.stay(
        session,
        ward,
        bed=bed,
        admitted_at=due - timedelta(minutes=240),
        orders={"news2": 240},
        patient_row=who,
    )
    build.recorded(session, ward, stay, observed_at=due - timedelta(minutes=240))
    return stay


def form(ward: Ward, *stays: Stay, to: str | None, by: str = "chen") -> dict[str, object]:
    return {
        "key": str(uuid4()),
        **opens(ward.staff[by]),
        "stays": [str(stay.id) for stay in stays],
        "staff_id": str(ward.staff[to].id) if to else "",
        "until": "this shift",
    }


def place_in(text: str, *names: str) -> list[int]:
    """Where each stands; -1 where it does not."""
    shown = text[: text.find('id="load-h"')]
    return [shown.find(name) for name in names]


def test_the_list_goes_by_time_and_room_with_the_overdue_first(
    session: Session, ward: Ward, client: Browser
) -> None:
    lying(session, ward, "9", "Ash", minutes=20)
    lying(session, ward, "2", "Birch", minutes=28)
    lying(session, ward, "1", "Cedar", minutes=100)
    lying(session, ward, "12", "Dogwood", minutes=-40)
    lying(session, ward, "3", "Elm", minutes=239)
    text = client("nora").get("/rounds").text
    order = place_in(text, "Dogwood", "Birch", "Ash", "Cedar", "Elm")
    assert order == sorted(order)
    assert -1 not in order
    assert "39 min overdue" in text or "40 min overdue" in text


def test_a_list_of_ones_own_hides_no_overdue_patient_and_nobody_s(
    session: Session, ward: Ward, client: Browser
) -> None:
    mine = lying(session, ward, "1", "Ash", minutes=20)
    theirs = lying(session, ward, "2", "Birch", minutes=20)
    late = lying(session, ward, "3", "Cedar", minutes=-30)
    lying(session, ward, "4", "Dogwood", minutes=20)
    chen, nora = client("chen"), client("nora")
    assert chen.post("/rounds/assignments", data=form(ward, mine, to="nora")).status_code == 303
    assert (
        chen.post("/rounds/assignments", data=form(ward, theirs, late, to="tess")).status_code
        == 303
    )
    text = nora.get("/rounds").text
    assert [place > 0 for place in place_in(text, "Ash", "Birch", "Cedar", "Dogwood")] == [
        True,
        False,
        True,
        True,
    ]
    everything = nora.get("/rounds?whose=all").text
    assert -1 not in place_in(everything, "Ash", "Birch", "Cedar", "Dogwood")


def test_an_assignment_ends_the_one_before_and_is_made_once(
    session: Session, ward: Ward, client: Browser
) -> None:
    stay = lying(session, ward, "1", "Ash", minutes=20)
    chen = client("chen")
    first = form(ward, stay, to="nora")
    for _ in range(2):
        assert chen.post("/rounds/assignments", data=first).status_code == 303
    chen.post("/rounds/assignments", data=form(ward, stay, to="tess"))
    now = clock.now()
    assert assignments.holders(session, ward.unit.id, now) == {stay.id: ward.staff["tess"].id}
    assert len(session.scalars(select(Assignment)).all()) == 2
    # Sent again by a slow network, the first one does not come back.
    chen.post("/rounds/assignments", data=first)
    assert assignments.holders(session, ward.unit.id, now) == {stay.id: ward.staff["tess"].id}
    # It ends with the shift by itself.
    assert assignments.holders(session, ward.unit.id, now + timedelta(hours=13)) == {}
    chen.post("/rounds/assignments", data=form(ward, stay, to=None))
    assert assignments.holders(session, ward.unit.id, now) == {}


def test_who_is_not_of_the_unit_gets_no_patient_and_no_patient_of_another_unit_is_given(
    session: Session, ward: Ward, client: Browser
) -> None:
    stay = lying(session, ward, "1", "Ash", minutes=20)
    chen = client("chen")
    for to in ("olga", "ada"):
        refused = chen.post("/rounds/assignments", data=form(ward, stay, to=to))
        assert refused.status_code == 422
        assert "somebody of this unit" in refused.text
    strange = form(ward, stay, to="nora") | {"stays": ["2000000000"]}
    assert chen.post("/rounds/assignments", data=strange).status_code == 422
    nothing = form(ward, to="nora") | {"stays": []}
    assert "Tick at least one" in chen.post("/rounds/assignments", data=nothing).text
    assert session.scalars(select(Assignment)).all() == []


def test_the_forecast_counts_the_visits_of_each_nurse(
    session: Session, ward: Ward, client: Browser
) -> None:
    mine = lying(session, ward, "1", "Ash", minutes=20)
    lying(session, ward, "2", "Birch", minutes=80)
    client("chen").post("/rounds/assignments", data=form(ward, mine, to="nora"))
    text = client("nora").get("/rounds/list").text
    table = text[text.find('id="load-h"') :]
    rows = {
        row.split("</th>")[0].split(">")[-1]: [
            cell.split("<")[0] for cell in row.split('<td class="n">')[1:5]
        ]
        for row in table.split('<th scope="row">')[1:]
    }
    assert rows["Nora Nurse (you)"] == ["1", "0", "0", "0"]
    assert rows["Nobody has them"] == ["0", "1", "0", "0"]
    assert rows["The unit"] == ["1", "1", "0", "0"]
