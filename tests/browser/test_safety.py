"""Safety rounds on a telephone: two taps for one look, counted; a door opens its patient."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from backend.core import clock
from backend.rounds.door_tags import queries as tags
from backend.rounds.door_tags import service as door_tags
from backend.rounds.safety.models import SafetyCheck
from tests import build
from tests.browser.conftest import Opens
from tests.conftest import sessions_on
from tests.people import the_ward
from tests.processes import Served

pytestmark = pytest.mark.browser
COUNTED = """
  addEventListener("click", (touch) => {
    if (touch.isTrusted) sessionStorage.taps = 1 + Number(sessionStorage.taps || 0);
  }, true);
"""


def taps(page: Page) -> int:
    """Every touch that the page has felt, across the pages that followed."""
    return int(page.evaluate("sessionStorage.taps || 0"))


def test_two_taps_for_each_look_and_a_scanned_door_opens_its_patient(
    served: Served, fresh_database: str, opens: Opens
) -> None:
    with sessions_on(fresh_database) as sessions:
        with sessions.begin() as session:
            ward = the_ward(session)
            stays = []
            for bed, name, ago in (("3", "Ash", 8), ("1", "Birch", 2)):
                who = build.patient(session, ward, family_name=name)
                stay = build.stay(session, ward, bed=bed, patient_row=who)
                at = clock.now() - timedelta(minutes=ago)
                build.watched(session, ward, stay, "q15", at=at)
                stays.append(stay.id)
            door_tags.make_missing(session, ward.staff["chen"].id, ward.unit.id, now=clock.now())
            tag = tags.current(session, ward.beds["1"].id)
            assert tag is not None
            code = tag.code
        page = opens(served.address, "tess", width=390, height=844)
        page.add_init_script(COUNTED)
        page.goto(f"{served.address}/rounds/safety")
        expect(page.get_by_role("heading", name="Ash, Rosa")).to_be_visible()
        page.get_by_role("radio", name="Day room").click()
        page.get_by_role("button", name="Up and about").click()
        expect(page.locator("p.notice")).to_contain_text("day room, up and about")
        expect(page.get_by_role("heading", name="Birch, Rosa")).to_be_visible()
        assert taps(page) == 2
        # The door of bed 1, by the camera: the right patient, ready for the same two taps.
        page.goto(f"{served.address}/rounds/safety/tag/{code}")
        assert code not in page.url
        expect(page.get_by_text("Tag of the door scanned.")).to_be_visible()
        page.get_by_role("radio", name="Own room").click()
        page.get_by_role("button", name="Asleep, breathing seen").click()
        expect(page.locator("p.notice")).to_contain_text("asleep, seen to breathe")
        assert taps(page) == 4
        with sessions() as session:
            rows = session.scalars(select(SafetyCheck).order_by(SafetyCheck.id)).all()
        assert [row.stay_id for row in rows] == stays
        assert [row.tag_id is not None for row in rows] == [False, True]
        assert len({row.observed_at for row in rows}) == 2
