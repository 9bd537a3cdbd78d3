"""The chart in a real browser: read set by set with keys, mouse and finger, and never lost."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from backend.core import clock
from backend.stays.models import Stay
from tests import build
from tests.browser.conftest import Opens
from tests.conftest import sessions_on
from tests.people import Ward, the_ward
from tests.processes import Served

pytestmark = pytest.mark.browser
TOTALS = (11, 22, 33, 44)


@pytest.fixture
def sessions(fresh_database: str) -> Iterator[sessionmaker[Session]]:
    with sessions_on(fresh_database) as made:
        yield made


@pytest.fixture
def ward(sessions: sessionmaker[Session]) -> Ward:
    with sessions() as session:
        return the_ward(session)


@pytest.fixture
def stay(sessions: sessionmaker[Session], ward: Ward) -> Stay:
    """Four sets, four hours apart."""
    now = clock.now()
    with sessions.begin() as session:
        made = build.stay(session, ward, orders={"ciwa-b": 240, "news2": 240})
        for number, total in enumerate(TOTALS):
            at = now - timedelta(hours=4 * (len(TOTALS) - number))
            build.recorded(session, ward, made, observed_at=at, answers=build.ciwa_b(total))
    return made


@pytest.fixture
def page(served: Served, opens: Opens, stay: Stay) -> Page:
    """The chart, once it is live and has fetched what changed before."""
    made = opens(served.address, "nora")
    made.goto(f"{served.address}/stays/{stay.id}")
    expect(made.locator("body")).to_have_attribute("data-live", "live")
    made.wait_for_timeout(2500)
    return made


def test_the_keys_go_from_set_to_set(page: Page) -> None:
    said = page.locator("#read")
    expect(said).to_contain_text("CIWA-B 44")
    page.focus("#reading")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(said).to_contain_text("CIWA-B 22")
    expect(page.locator("#reading")).to_have_attribute("aria-valuetext", re.compile("CIWA-B 22"))
    drawings = page.locator(".course").count()
    expect(page.locator(".course .cursor")).to_have_count(drawings)
    expect(page.locator("tr[data-read] .fig").first).to_have_text("22")
    expect(page.locator(".heat tr.sum td[data-read]")).to_have_text("22")


@pytest.mark.parametrize("how", ["mouse", "finger"])
def test_pointing_at_any_strip_reads_the_set_next_to_it(page: Page, how: str) -> None:
    strip = page.locator("#vitals-course-title").locator("..")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    x = float(page.locator("#reader li").nth(1).get_attribute("data-x") or 0)
    assert box
    at = (box["x"] + (x + 12) / 1240 * box["width"], box["y"] + 20)
    if how == "mouse":
        page.mouse.move(*at)
    else:
        strip.dispatch_event(
            "pointerdown", {"pointerType": "touch", "clientX": at[0], "clientY": at[1]}
        )
    expect(page.locator("#read")).to_contain_text("CIWA-B 22")


def test_a_new_set_does_not_take_away_the_one_that_is_read(
    page: Page, sessions: sessionmaker[Session], ward: Ward, stay: Stay
) -> None:
    page.focus("#reading")
    page.keyboard.press("Home")
    expect(page.locator("#read")).to_contain_text("CIWA-B 11")
    with sessions.begin() as session:
        build.recorded(session, ward, stay, answers=build.ciwa_b(55))
    expect(page.locator("#reader li")).to_have_count(5, timeout=5000)
    expect(page.locator("#read")).to_contain_text("CIWA-B 11")
    assert page.evaluate("document.activeElement.id") == "reading"
    page.keyboard.press("End")
    expect(page.locator("#read")).to_contain_text("CIWA-B 55")


def test_times_are_the_units_wherever_the_browser_is(
    served: Served, stay: Stay, page: Page
) -> None:
    """A physician looks from another continent and reads the same clock."""
    browser = page.context.browser
    assert browser
    abroad = browser.new_context(
        storage_state=page.context.storage_state(), timezone_id="Pacific/Kiritimati"
    )
    far = abroad.new_page()
    far.goto(f"{served.address}/stays/{stay.id}")
    expect(far.locator("body")).to_have_attribute("data-live", "live")
    here = (page.inner_text("#reader li >> nth=0"), page.inner_text(".clock"))
    there = (far.inner_text("#reader li >> nth=0"), far.inner_text(".clock"))
    abroad.close()
    assert there[0] == here[0]
    assert there[1][:2] == here[1][:2]
