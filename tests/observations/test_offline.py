"""What waited on a device comes in once, signed by who typed it, with both of its times."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.accounts.sign_in.models import SignIn
from backend.core import clock
from backend.stays import service as stays
from backend.stays.models import DischargeReason, Stay
from tests import build, people
from tests.observations import sheets
from tests.people import Ward

Client = Callable[[str | None], TestClient]
AGO = timedelta(minutes=9)


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward, orders={"news2": 240})


def saved_ago(sent: dict[str, str], ago: timedelta = AGO) -> dict[str, str]:
    """As a device sends what was saved there a while ago."""
    at = (clock.now() - ago).isoformat()
    return sent | {"sent_at": at, "saved_on_device_at": at}


def clock_time(at: datetime, ward: Ward) -> str:
    return f"{at.astimezone(ZoneInfo(ward.unit.time_zone)):%H:%M}"


def post(client: TestClient, stay: Stay, sent: dict[str, str]) -> Any:
    return client.post(f"/stays/{stay.id}/observations/queued", data=sent)


def test_both_times_are_kept(session: Session, ward: Ward, client: Client, stay: Stay) -> None:
    sent = saved_ago(sheets.form(ward, stay))
    answer = post(client("nora"), stay, sent)
    row = sheets.stored(session, stay)[0]
    assert answer.json() == {
        "key": sent["key"],
        "path": f"/stays/{stay.id}/observations/{row.id}",
        "received": f"{clock_time(row.entered_at, ward)}",
    }
    assert row.saved_on_device_at == row.observed_at
    assert abs(clock.now() - AGO - row.observed_at) < timedelta(seconds=30)
    assert abs(clock.now() - row.entered_at) < timedelta(seconds=30)
    page = client("nora").get(answer.json()["path"]).text
    assert f"Saved at {clock_time(row.observed_at, ward)} on a device" in page
    assert "without contact" in client("nora").get(f"/stays/{stay.id}").text


def test_a_set_that_was_also_sent_at_once_is_stored_once(
    session: Session, ward: Ward, client: Client, stay: Stay
) -> None:
    """The answer was lost on its way, so the browser kept the set: it is the same one."""
    sent = sheets.form(ward, stay, sent_at=(clock.now() - AGO).isoformat())
    nora = client("nora")
    assert nora.post(f"/stays/{stay.id}/observations", data=sent).status_code == 303
    first = sheets.stored(session, stay)[0]
    waited = sent | {"saved_on_device_at": clock.now().isoformat()}
    for _ in range(2):
        assert post(nora, stay, waited).json()["path"].endswith(f"/{first.id}")
    assert len(sheets.stored(session, stay)) == 1
    other = post(nora, stay, waited | {"pulse_per_min": "99"})
    assert (other.status_code, len(sheets.stored(session, stay))) == (409, 1)
    assert "already saved, with other values" in other.json()["sentence"]


def test_after_a_new_sign_in_the_same_person_sends_it_and_nobody_else(
    session: Session, ward: Ward, client: Client, stay: Stay
) -> None:
    sent = saved_ago(sheets.form(ward, stay, by="nora"))
    assert post(client(None), stay, sent).status_code == 401
    refused = post(client("chen"), stay, sent)
    assert refused.status_code == 409
    assert "Somebody else typed this" in refused.json()["sentence"]
    session.execute(update(SignIn).values(ended_at=clock.now()))
    again = people.sign_in(session, ward.staff["nora"])
    browser = client(None)
    browser.cookies.set("vigil", again)
    assert post(browser, stay, sent).status_code == 200
    assert [row.recorded_by for row in sheets.stored(session, stay)] == [ward.staff["nora"].id]


@pytest.mark.parametrize("opened_in", ["", "999999999", "of chen"])
def test_a_set_of_no_sign_in_of_theirs_is_not_taken(
    session: Session, ward: Ward, client: Client, stay: Stay, opened_in: str
) -> None:
    sent = saved_ago(sheets.form(ward, stay, by="nora"))
    sent["opened_in"] = {"of chen": people.opens(ward.staff["chen"])["opened_in"]}.get(
        opened_in, opened_in
    )
    assert post(client("nora"), stay, sent).status_code == 409
    assert sheets.stored(session, stay) == []


def test_what_cannot_be_right_comes_back_in_sentences(
    session: Session, ward: Ward, client: Client, stay: Stay
) -> None:
    fast = post(client("nora"), stay, saved_ago(sheets.form(ward, stay, pulse_per_min="180")))
    assert fast.status_code == 422
    assert any("180" in sentence for sentence in fast.json()["wrong"])
    for never in ("", "soon", "2026-11-24T02:14", "0001-01-01T00:00+14:00", "9999-01-01T00:00Z"):
        sent = sheets.form(ward, stay) | {"saved_on_device_at": never}
        answer = post(client("nora"), stay, sent)
        assert (answer.status_code, len(answer.json()["wrong"])) == (422, 1), never
    assert sheets.stored(session, stay) == []


def test_after_the_discharge_only_what_was_seen_before_it_is_taken(
    session: Session, ward: Ward, client: Client, stay: Stay
) -> None:
    before, after = (saved_ago(sheets.form(ward, stay), ago) for ago in (AGO, timedelta(0)))
    stays.discharge(
        session,
        ward.staff["nora"].id,
        stay,
        at=clock.now() - timedelta(minutes=5),
        reason=DischargeReason.COMPLETED,
    )
    refused = post(client("nora"), stay, after)
    assert refused.status_code == 409
    assert "This stay has ended" in refused.json()["sentence"]
    assert post(client("nora"), stay, before).status_code == 200
    assert len(sheets.stored(session, stay)) == 1
