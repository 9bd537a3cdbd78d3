"""Blank sheets lead back to the right patient, instrument and time, say nothing, and count once."""

import base64
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import segno
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.audit.models import AuditEntry
from backend.core import clock
from backend.observations.paper import token
from backend.stays.models import Stay
from tests import build
from tests.accounts.test_step_up import hidden
from tests.observations import sheets
from tests.people import Ward

Client = Callable[[str | None], TestClient]
AGO = timedelta(hours=1)


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward, orders={"news2": 240, "ciwa-b": 120})


def of(ward: Ward, stay: Stay, at: datetime) -> str:
    return "/paper/" + token.made(ward.unit.id, stay.id, "ciwa-b", at)


def local(at: datetime, ward: Ward) -> str:
    return f"{at.astimezone(ZoneInfo(ward.unit.time_zone)):%Y-%m-%dT%H:%M}"


def test_there_is_a_sheet_for_each_time_at_which_something_falls_due(
    session: Session, client: Client, stay: Stay, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictured: list[str] = []
    make = segno.make

    def noted(address: str, **how: str) -> segno.QRCode:
        pictured.append(address)
        return make(address, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(segno, "make", noted)
    page = client("nora").get(f"/stays/{stay.id}/paper?hours=8&instruments=ciwa-b").text
    assert page.count('class="paper"') == len(pictured) == len(set(pictured)) == 4
    both = client("nora").get(f"/stays/{stay.id}/paper").text
    assert both.count("CIWA-B <small>") == 2
    assert both.count("NEWS2 <small>") == 1
    for address in pictured:
        path = re.fullmatch(r"http://127\.0\.0\.1:8000/paper/([\w-]{50,90})", address)
        assert path is not None
        assert b"ciwa" not in base64.urlsafe_b64decode(path[1] + "==")
    made = select(AuditEntry).where(AuditEntry.action == "observation.paper_made")
    assert [entry.stay_id for entry in session.scalars(made)] == [stay.id] * 2


def test_what_is_typed_in_from_paper_is_stored_once_at_its_time(
    session: Session, ward: Ward, client: Client, stay: Stay
) -> None:
    at = clock.now() - AGO
    path = of(ward, stay, at)
    nora = client("nora")
    page = nora.get(path).text
    assert f'value="{local(at, ward)}"' in page
    assert re.search(r'id="scale-ciwa-b" open', page)
    key = hidden(page)["key"]
    assert hidden(nora.get(path).text)["key"] == key, "looked at twice, it is the same sheet"
    sent = sheets.form(ward, stay, key=key, observed_local=local(at, ward))
    stored = nora.post(f"/stays/{stay.id}/observations", data=sent)
    assert stored.status_code == 303
    row = sheets.stored(session, stay)[0]
    assert local(row.observed_at, ward) == local(at, ward)
    assert row.late_entry
    for who in ("nora", "tess"):
        again = client(who).get(path, follow_redirects=False)
        assert again.headers["Location"] == f"/stays/{stay.id}/observations/{row.id}"


def test_a_sheet_whose_time_has_not_come_is_of_now(ward: Ward, client: Client, stay: Stay) -> None:
    page = client("nora").get(of(ward, stay, clock.now() + AGO)).text
    assert 'name="observed_local"\n               value=""' in page


def test_the_picture_opens_nothing_without_a_sign_in_on_its_unit(
    ward: Ward, client: Client, stay: Stay
) -> None:
    path = of(ward, stay, clock.now())
    nobody = client(None).get(path, follow_redirects=False)
    assert (nobody.status_code, nobody.headers["Location"]) == (303, f"/sign-in?to={path}")
    assert client("theo").get(path).status_code == 403
    theirs = "/paper/" + token.made(ward.elsewhere.id, stay.id, "ciwa-b", clock.now())
    for never in (theirs, f"{path}A", f"{path[:-2]}", "/paper/0", "/paper/%00", "/paper/é"):
        assert client("nora").get(never).status_code == 404, never
    assert client("olga").get(path).status_code == 404
