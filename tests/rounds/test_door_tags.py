"""The tags on the doors: what a scan proves, of whom, for how long, and once."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.core import clock
from backend.rounds.door_tags import queries, service
from backend.rounds.door_tags.models import DoorTag
from backend.rounds.door_tags.service import PROVES_FOR, Scan
from backend.rounds.safety.models import SafetyCheck
from backend.stays.models import Stay
from tests import build
from tests.people import Ward, opens

Browser = Callable[[str | None], TestClient]


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    found = build.stay(session, ward, bed="7")
    build.watched(session, ward, found, "q15")
    return found


@pytest.fixture
def tag(session: Session, ward: Ward) -> DoorTag:
    service.make_missing(session, ward.staff["chen"].id, ward.unit.id, now=clock.now())
    found = queries.current(session, ward.beds["7"].id)
    assert found is not None
    return found


def scanned(browser: TestClient, tag: DoorTag) -> dict[str, str]:
    """Where the scan leads to: the patient, and the seal that the form brings back."""
    answer = browser.get(f"/rounds/safety/tag/{tag.code}")
    assert answer.status_code == 303
    place = urlsplit(answer.headers["location"])
    assert place.path == "/rounds/safety"
    assert tag.code not in answer.headers["location"]
    return {name: values[0] for name, values in parse_qs(place.query).items()}


def look(browser: TestClient, ward: Ward, stay: Stay, token: str, *, by: str = "tess") -> int:
    said = {"key": str(uuid4()), **opens(ward.staff[by]), "opened_for": str(stay.id)}
    said |= {"place": "R", "doing": "A", "tag": token}
    return browser.post(f"/stays/{stay.id}/safety", data=said).status_code


def proofs(session: Session) -> list[int | None]:
    return list(session.scalars(select(SafetyCheck.tag_id).order_by(SafetyCheck.id)).all())


def test_each_bed_gets_one_tag_and_no_patient_stands_on_it(
    client: Browser, session: Session, ward: Ward
) -> None:
    build.stay(session, ward, bed="7")
    chen = client("chen")
    assert "12 beds have no tag yet" in chen.get("/rounds/door-tags").text
    sent = {"key": str(uuid4()), **opens(ward.staff["chen"])}
    for _ in range(2):
        assert chen.post("/rounds/door-tags", data=sent).status_code == 303
    codes = session.scalars(select(DoorTag.code)).all()
    assert len(codes) == len(set(codes)) == 12
    html = chen.get("/rounds/door-tags").text
    assert html.count("data:image/svg+xml") == 12
    assert "Pennywhistle" not in html
    assert "have no tag yet" not in html


def test_a_scan_opens_the_patient_behind_the_door_and_proves_one_check(
    client: Browser, session: Session, ward: Ward, stay: Stay, tag: DoorTag
) -> None:
    tess = client("tess")
    led = scanned(tess, tag)
    assert led["stay"] == str(stay.id)
    html = tess.get("/rounds/safety", params=led).text
    assert "Tag of the door scanned." in html
    assert look(tess, ward, stay, led["tag"]) == 303
    assert look(tess, ward, stay, led["tag"]) == 409  # one scan, one check
    assert look(tess, ward, stay, "") == 303
    assert proofs(session) == [tag.id, None]


def test_a_scan_proves_nothing_for_others_for_another_patient_later_or_made_up(
    ward: Ward, stay: Stay, tag: DoorTag
) -> None:
    tess, now = ward.staff["tess"].id, clock.now()
    scan = Scan(tag_id=tag.id, at=now.replace(microsecond=0))
    token = service.signed(scan, actor_id=tess, stay_id=stay.id)

    def proven(seal: str | None, *, by: int = tess, of: int = stay.id, after: timedelta) -> bool:
        return service.proven(seal, actor_id=by, stay_id=of, now=scan.at + after) == scan

    soon, late = PROVES_FOR - timedelta(seconds=1), PROVES_FOR + timedelta(seconds=1)
    assert proven(token, after=soon)
    assert not proven(token, after=late)
    assert not proven(token, by=ward.staff["nora"].id, after=soon)
    assert not proven(token, of=stay.id + 1, after=soon)
    other = f"{tag.id + 1}{token[token.index('.') :]}"
    assert not any(proven(made_up, after=soon) for made_up in (other, "", "..", "1.2.x", None))


def test_an_old_scan_is_said_to_be_old_and_its_check_goes_without_proof(
    client: Browser, session: Session, ward: Ward, stay: Stay, tag: DoorTag
) -> None:
    tess = client("tess")
    scan = Scan(tag_id=tag.id, at=clock.now() - PROVES_FOR - timedelta(minutes=1))
    token = service.signed(scan, actor_id=ward.staff["tess"].id, stay_id=stay.id)
    html = tess.get("/rounds/safety", params={"stay": stay.id, "tag": token}).text
    assert "The scan is too old. Scan the tag on the door again." in html
    assert look(tess, ward, stay, token) == 303
    assert proofs(session) == [None]


def test_a_replaced_tag_says_that_it_is_old_and_the_new_one_leads_on(
    client: Browser, session: Session, ward: Ward, stay: Stay, tag: DoorTag
) -> None:
    chen = client("chen")
    path = f"/rounds/door-tags/{tag.id}/replacement"
    sent = {"key": str(uuid4()), **opens(ward.staff["chen"])}
    assert chen.post(path, data=sent).status_code == 303
    assert chen.post(path, data=sent).status_code == 409
    old = chen.get(f"/rounds/safety/tag/{tag.code}")
    assert old.status_code == 200
    assert "This tag of bed 7 is old" in old.text
    assert "Pennywhistle" not in old.text
    new = queries.current(session, ward.beds["7"].id)
    assert new is not None
    assert new.code != tag.code
    assert scanned(chen, new)["stay"] == str(stay.id)


def test_behind_an_empty_door_is_nobody_and_without_a_sign_in_nothing(
    client: Browser, session: Session, ward: Ward, tag: DoorTag
) -> None:
    empty = queries.current(session, ward.beds["9"].id)
    assert empty is not None
    assert "Nobody lies in bed 9" in client("tess").get(f"/rounds/safety/tag/{empty.code}").text
    stranger = client(None).get(f"/rounds/safety/tag/{tag.code}")
    assert stranger.status_code == 303
    assert stranger.headers["location"] == f"/sign-in?to=/rounds/safety/tag/{tag.code}"
    assert client("olga").get(f"/rounds/safety/tag/{tag.code}").status_code == 404
