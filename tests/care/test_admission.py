"""Coming in and going home, by the forms that nurses use."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.alerts import queries as alerts
from backend.patients.models import Patient
from backend.rounds import queries as rounds
from backend.stays import queries as stays
from backend.stays.models import DischargeReason, Placement, Stay
from tests import build
from tests.people import Ward, opens

Browser = Callable[[str | None], TestClient]


def _form(ward: Ward, **fields: object) -> dict[str, object]:
    return {
        "key": str(uuid4()),
        **opens(ward.staff["nora"]),
        "family_name": "Pennywhistle",
        "given_name": "Rosa",
        "born_on": "1985-03-04",
        "risks": "seizure history, sleep apnoea",
        "substances": ["benzodiazepines", "alcohol"],
        "bed_id": ward.beds["7"].id,
        "instruments": ["news2", "ciwa-b"],
    } | fields


def _stays(session: Session) -> list[Stay]:
    return list(session.scalars(select(Stay)))


def test_an_admission_orders_the_unit_s_usual_observations(
    client: Browser, session: Session, ward: Ward
) -> None:
    answer = client("nora").post("/admit", data=_form(ward))
    (stay,) = _stays(session)
    assert answer.headers["location"] == f"/stays/{stay.id}"
    due = {row.instrument: row.interval_minutes for row in rounds.open_on_stay(session, stay.id)}
    assert due == {"news2": 240, "ciwa-b": 360}
    bed = stays.bed_now(session, stay.id)
    assert bed is not None
    assert bed.label == "7"


def test_an_admission_by_templates_orders_closely_at_first(
    client: Browser, session: Session, ward: Ward
) -> None:
    form = _form(ward, templates=["alcohol", "opioids"], instruments=["news2", "ciwa-b"])
    client("nora").post("/admit", data=form)
    (stay,) = _stays(session)
    found = {one.instrument: one for one in rounds.orders_on_stay(session, stay.id)}
    assert {name: (one.interval_minutes, one.then_minutes) for name, one in found.items()} == {
        "news2": (240, None),
        "ciwa-b": (360, None),
        "ciwa-ar": (120, 240),
        "cows": (240, 360),
    }
    refused = client("nora").post("/admit", data=_form(ward, templates=["tea"], key=str(uuid4())))
    assert refused.status_code == 422


def test_a_double_click_admits_once(client: Browser, session: Session, ward: Ward) -> None:
    form = _form(ward)
    nora = client("nora")
    first, second = nora.post("/admit", data=form), nora.post("/admit", data=form)
    assert first.headers["location"] == second.headers["location"]
    assert len(_stays(session)) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"instruments": []}, "Tick at least one"),
        ({"instruments": ["nonsense"]}, "Tick at least one"),
        ({"born_on": "2199-01-01"}, "has not come yet"),
        ({"born_on": "1985-13-44"}, "Nothing was saved|nothing was saved"),
        ({"last_use_at": "2199-01-01T10:00"}, "has not come yet"),
        ({"last_use_at": "2026-03-29T02:30"}, "did not exist"),
        ({"last_use_at": "yesterday"}, "Write the date"),
        ({"family_name": "   "}, "nothing was saved"),
        ({"family_name": "x" * 100_000}, "nothing was saved"),
        ({"family_name": "a\x00b"}, "could not be read"),
        ({"bed_id": "1e400"}, "nothing was saved"),
        ({"surprise": "1"}, "nothing was saved"),
    ],
)
def test_a_bad_field_is_refused_in_words_and_nothing_is_stored(
    client: Browser, session: Session, ward: Ward, wrong: dict[str, object], words: str
) -> None:
    answer = client("nora").post("/admit", data=_form(ward, **wrong))
    assert answer.status_code == 422
    assert any(word in answer.text for word in words.split("|")), answer.text
    assert _stays(session) == []


def test_a_plain_form_that_is_refused_comes_back_as_it_was_typed(
    client: Browser, ward: Ward
) -> None:
    typed = _form(ward, given_name='Ros"a', use_history="6 mg/day", instruments=["cows"])
    page = client("nora").post("/admit", data=typed | {"last_use_at": "2199-01-01T10:00"}).text
    assert "has not come yet" in page
    assert 'value="Pennywhistle"' in page
    assert 'value="Ros&#34;a"' in page
    assert 'value="1985-03-04"' in page
    assert 'value="6 mg/day"' in page
    assert f'name="key" value="{typed["key"]}"' in page
    ticked = set(re.findall(r'value="([^"]+)" checked', page))
    assert ticked == {"benzodiazepines", "alcohol", "cows"}
    assert f'<option value="{typed["bed_id"]}" selected>' in page


def test_a_bed_that_was_taken_meanwhile_admits_nobody_and_loses_nothing(
    client: Browser, session: Session, ward: Ward
) -> None:
    build.stay(session, ward, bed="7")
    before = len(session.scalars(select(Patient)).all())
    refused = client("nora").post("/admit", data=_form(ward, family_name="Hollowell"))
    assert refused.status_code == 409
    assert 'value="Hollowell"' in refused.text
    assert len(_stays(session)) == 1
    assert len(session.scalars(select(Patient)).all()) == before


def test_a_form_is_signed_by_who_opened_it(client: Browser, session: Session, ward: Ward) -> None:
    answer = client("chen").post("/admit", data=_form(ward))
    assert answer.status_code == 409
    assert _stays(session) == []


def _opened(session: Session, ward: Ward, stay: Stay, who: str, **fields: object) -> dict[str, Any]:
    """A form of the page that moves and discharges, as it stands now."""
    lies = stays.placement_now(session, stay.id)
    return {
        "key": str(uuid4()),
        **opens(ward.staff[who]),
        "opened_for": stay.id,
        "placement_id": lies.id if lies else "",
    } | fields


def test_a_discharge_leaves_nothing_due_and_nothing_open(
    client: Browser, session: Session, ward: Ward
) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 240})
    build.recorded(session, ward, stay, answers=build.ciwa_b(50))
    assert alerts.open_on_stay(session, stay.id)
    nora, sent = client("nora"), _opened(session, ward, stay, "nora", reason="completed")
    for _ in range(2):  # a double click ends it once, and is not told that it came too late
        assert nora.post(f"/stays/{stay.id}/discharge", data=sent).status_code == 303
    assert rounds.open_on_stay(session, stay.id) == []
    assert alerts.open_on_stay(session, stay.id) == []
    assert stays.bed_now(session, stay.id) is None


def test_a_double_click_moves_once(client: Browser, session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, bed="7")
    nora, sent = client("nora"), _opened(session, ward, stay, "nora", bed_id=ward.beds["9"].id)
    for _ in range(2):
        assert nora.post(f"/stays/{stay.id}/bed", data=sent).status_code == 303
    assert len(session.scalars(select(Placement).where(Placement.stay_id == stay.id)).all()) == 2
    other = nora.post(f"/stays/{stay.id}/bed", data=sent | {"bed_id": ward.beds["10"].id})
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("path", "wanted", "words"),
    [("bed", "9", "You chose: bed 9"), ("discharge", "completed", "You chose: completed")],
)
def test_a_page_opened_before_somebody_else_moved_the_patient_says_both_and_changes_nothing(
    *, client: Browser, session: Session, ward: Ward, path: str, wanted: str, words: str
) -> None:
    stay = build.stay(session, ward, bed="7")
    field = {"bed_id": ward.beds[wanted].id} if path == "bed" else {"reason": wanted}
    old = _opened(session, ward, stay, "nora", **field)
    moved = _opened(session, ward, stay, "chen", bed_id=ward.beds["8"].id)
    assert client("chen").post(f"/stays/{stay.id}/bed", data=moved).status_code == 303
    refused = client("nora").post(f"/stays/{stay.id}/{path}", data=old)
    assert refused.status_code == 409
    assert "Chen Charge Nurse put this patient into bed 8" in refused.text
    assert words in refused.text
    assert stay.discharged_at is None
    bed = stays.bed_now(session, stay.id)
    assert bed is not None
    assert bed.label == "8"


@pytest.mark.parametrize("path", ["bed", "discharge"])
def test_a_page_opened_before_somebody_else_ended_the_stay_says_how_it_ended(
    client: Browser, session: Session, ward: Ward, path: str
) -> None:
    stay = build.stay(session, ward, bed="7")
    field = {"bed_id": ward.beds["9"].id} if path == "bed" else {"reason": "completed"}
    old = _opened(session, ward, stay, "nora", **field)
    ended = _opened(session, ward, stay, "chen", reason="transferred")
    assert client("chen").post(f"/stays/{stay.id}/discharge", data=ended).status_code == 303
    refused = client("nora").post(f"/stays/{stay.id}/{path}", data=old)
    assert refused.status_code == 409
    assert "Chen Charge Nurse ended this stay: transferred" in refused.text
    assert stay.discharge_reason is DischargeReason.TRANSFERRED


def test_the_page_carries_where_the_patient_lay(
    client: Browser, session: Session, ward: Ward
) -> None:
    stay, nowhere = build.stay(session, ward, bed="7"), build.stay(session, ward, bed=None)
    lies = stays.placement_now(session, stay.id)
    assert lies is not None
    nora = client("nora")
    page = nora.get(f"/stays/{stay.id}/manage").text
    assert page.count(f'name="placement_id" value="{lies.id}"') == 2
    assert 'name="placement_id" value=""' in nora.get(f"/stays/{nowhere.id}/manage").text
    sent = _opened(session, ward, nowhere, "nora", bed_id=ward.beds["9"].id)
    assert nora.post(f"/stays/{nowhere.id}/bed", data=sent).status_code == 303


def test_a_key_that_admitted_somebody_else_is_refused(
    client: Browser, session: Session, ward: Ward
) -> None:
    form = _form(ward)
    nora = client("nora")
    nora.post("/admit", data=form)
    answer = nora.post("/admit", data=form | {"family_name": "Cloudesley"})
    assert answer.status_code == 409
    assert len(_stays(session)) == 1
