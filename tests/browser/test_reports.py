"""The shift report in a real browser: read, taken out, refused, at every width."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page
from sqlalchemy import update

from backend.accounts.sign_in.models import SignIn
from backend.care.disclosures.models import Basis
from backend.core import clock
from backend.core.web import ROOT
from backend.reports.shift import windows
from tests import build, people
from tests.browser.conftest import Opens
from tests.conftest import sessions_on
from tests.processes import Served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def page(fresh_database: str, served: Served, opens: Opens) -> Page:
    """The report of the last shift, which had a patient, as chen sees it."""
    with sessions_on(fresh_database) as sessions, sessions.begin() as session:
        ward = people.the_ward(session)
        shift = windows.recent_shifts(ward.unit, clock.now(), 2)[1]
        stay = build.stay(session, ward, admitted_at=shift.starts_at, orders={"news2": 240})
        build.recorded(session, ward, stay, observed_at=shift.starts_at + timedelta(minutes=5))
    made = opens(served.address, "chen")
    made.goto(f"{served.address}/reports")
    made.locator(".shifts a").nth(1).click()
    made.wait_for_selector("h1:has-text('Shift report')")
    return made


def test_the_report_is_read_and_taken_out_and_names_ask_for_a_reason(
    page: Page, fresh_database: str
) -> None:
    assert page.locator("#table-observations").is_visible()
    assert page.locator("svg.hours[role=img]").count() == 2
    with page.expect_download() as taken:
        page.click("text=Download")
    assert taken.value.suggested_filename.endswith(".pdf")
    assert taken.value.path().read_bytes().startswith(b"%PDF")
    # The page is still there, for the next format.
    page.check("input[value=xlsx]")
    with page.expect_download() as taken:
        page.click("text=Download")
    assert taken.value.suggested_filename.endswith(".xlsx")
    # Names ask for a reason, and what was typed is not lost.
    reason = page.locator("#reason")
    assert not reason.is_visible()
    page.check("text=With the patients' names")
    reason.fill("ward round")
    page.select_option("#basis", Basis.TREATMENT.value)
    page.click("text=Download")
    page.wait_for_selector(".form-errors:has-text('Say who gets the names')")
    assert page.locator("#reason").input_value() == "ward round"
    page.fill("#recipient", "Dr Vance")
    page.fill("#affiliation", "Lantern Unit")
    with sessions_on(fresh_database) as sessions, sessions.begin() as session:
        # Chen has just proved again who is at the keys.
        session.execute(update(SignIn).values(stepped_up_until=clock.now() + timedelta(minutes=5)))
    with page.expect_download() as taken:
        page.click("text=Download")
    assert "with-names" in taken.value.suggested_filename


def test_axe_finds_nothing_and_nothing_sticks_out(page: Page) -> None:
    page.evaluate(AXE.read_text())
    for width in (390, 820, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "night"):
            page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            found = page.evaluate("axe.run().then(found => found.violations.map(one => one.id))")
            assert found == [], f"{width} {theme}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
