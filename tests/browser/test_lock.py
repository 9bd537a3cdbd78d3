"""The lock in a real browser: nothing of a patient stays, every alarm does, and nothing is lost."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from backend.accounts.pins import service as pins
from backend.accounts.sign_in.models import SignIn
from backend.accounts.workstations import service as workstations
from backend.accounts.workstations.models import Kind
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.core.web import ROOT
from backend.observations.models import Observation
from backend.stays.models import Stay
from tests import build, people
from tests.conftest import sessions_on
from tests.people import Ward, the_ward
from tests.processes import Served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
SHOTS = os.environ.get("VIGIL_SCREENSHOTS")
PINS = {"nora": "482915", "chen": "730264"}
SICK = Vitals(respiratory_rate_per_min=28, spo2_percent=90, pulse_per_min=128)
CANARY = "canary in the note"
# As when the word from the other tab never comes.
DEAF = "window.BroadcastChannel = class { postMessage() {} close() {} };"


def unheard(route: Route) -> None:
    """Nor does what the page asks for by itself come back."""
    by_itself = "vigil-refresh" in route.request.headers or route.request.url.endswith("/live")
    if by_itself:
        route.abort()
    else:
        route.continue_()


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
    with sessions.begin() as session:
        made = build.stay(session, ward, orders={"ciwa-b": 240, "news2": 240})
        build.recorded(session, ward, made, vitals=SICK)
        return made


class Station:
    """One enrolled browser: who signs in there takes the keys, and the others wait."""

    def __init__(
        self, context: BrowserContext, address: str, sessions: sessionmaker[Session], ward: Ward
    ) -> None:
        self.context, self.address, self.sessions, self.ward = context, address, sessions, ward
        with sessions.begin() as session:
            token, row = workstations.enrol(
                session,
                ward.staff["ada"].id,
                key=uuid4(),
                unit_id=ward.unit.id,
                label="Nurses' station",
                kind=Kind.WARD_PC,
                now=clock.now(),
            )
            self.workstation_id = row.id
        self._cookie("vigil-workstation", token)

    def _cookie(self, name: str, value: str) -> None:
        self.context.add_cookies([{"name": name, "value": value, "url": self.address}])

    def begin(self, name: str) -> None:
        with self.sessions.begin() as session:
            person = self.ward.staff[name]
            pins.choose(session, person.id, pin=PINS[name], again=PINS[name], now=clock.now())
            session.execute(
                update(SignIn)
                .where(SignIn.workstation_id == self.workstation_id)
                .values(locked_at=clock.now())
            )
            token = people.sign_in(session, person)
            newest = session.scalars(select(func.max(SignIn.id))).one()
            session.execute(
                update(SignIn).where(SignIn.id == newest).values(workstation_id=self.workstation_id)
            )
        self._cookie("vigil", token)

    def page(self, path: str = "/", *, deaf: bool = False) -> Page:
        page = self.context.new_page()
        if deaf:
            page.add_init_script(DEAF)
            page.route("**/*", unheard)
        page.goto(self.address + path)
        return page


Opened = Callable[..., Station]


@pytest.fixture
def station(
    chromium: Browser, served: Served, sessions: sessionmaker[Session], ward: Ward
) -> Iterator[Opened]:
    contexts: list[BrowserContext] = []

    def opened(**fields: object) -> Station:
        contexts.append(chromium.new_context(**fields))  # type: ignore[arg-type]
        return Station(contexts[-1], served.address, sessions, ward)

    yield opened
    for context in contexts:
        context.close()


def unlock(page: Page, name: str, ward: Ward) -> None:
    page.locator(".who", has_text=ward.staff[name].name).click()
    for digit in PINS[name]:
        page.locator(f"#pad button[value='{digit}']").click()
    page.wait_for_url(lambda url: "/lock" not in url, wait_until="commit")


def is_locked(page: Page) -> None:
    page.wait_for_url(lambda url: "/lock?to=" in url)
    expect(page.locator(".call").first).to_contain_text("emergency")
    text = page.content()
    assert "Pennywhistle" not in text
    assert "penicillin" not in text
    assert CANARY not in text


def how_many(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return session.scalars(select(func.count()).select_from(Observation)).one()


def typed(page: Page) -> None:
    page.fill("#pulse_per_min", "88")
    page.fill("#note", CANARY)


def test_a_lock_by_hand_loses_nothing_that_was_typed(
    station: Opened, ward: Ward, stay: Stay, sessions: sessionmaker[Session]
) -> None:
    here = station()
    here.begin("nora")
    page = here.page("/")
    page.goto(f"{here.address}/stays/{stay.id}/record")
    typed(page)
    page.keyboard.press("Alt+l")
    is_locked(page)
    page.reload()
    is_locked(page)
    page.go_back()
    page.wait_for_url(lambda url: "/lock?to=" in url)
    unlock(page, "nora", ward)
    page.goto(f"{here.address}/stays/{stay.id}/record")
    expect(page.locator("#note")).to_have_value(CANARY)
    expect(page.locator("#draft-words")).to_contain_text("NOT SAVED")
    page.click("#save")
    expect(page.locator("#saved")).to_contain_text(CANARY)
    assert how_many(sessions) == 2


def test_another_person_sees_only_that_something_was_not_sent(
    station: Opened, ward: Ward, stay: Stay
) -> None:
    here = station()
    here.begin("chen")
    here.begin("nora")
    page = here.page(f"/stays/{stay.id}/record")
    typed(page)
    page.get_by_role("button", name="Lock").click()
    is_locked(page)
    expect(page.locator("#unsent")).to_contain_text("1 unsent entry on this device")
    unlock(page, "chen", ward)
    page.goto(f"{here.address}/stays/{stay.id}/record")
    expect(page.locator("#draft-words")).to_contain_text("1 unsent entry of another user")
    expect(page.locator("#note")).to_have_value("")
    assert CANARY not in page.content()
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert CANARY not in stored


def test_a_preview_of_the_score_does_not_count_as_saved(station: Opened, stay: Stay) -> None:
    here = station()
    here.begin("nora")
    page = here.page(f"/stays/{stay.id}/record")
    typed(page)
    page.locator("#scale-ciwa-b .item").first.locator("label").nth(3).click()
    expect(page.locator("#draft-state")).to_contain_text("Draft kept on this device")
    with page.expect_response("**/score-preview"):
        page.locator("#scale-ciwa-b .item").nth(1).locator("label").nth(3).click()
    page.wait_for_timeout(1000)
    page.reload()
    expect(page.locator("#note")).to_have_value(CANARY)


def test_an_admission_half_typed_waits_for_its_owner(
    station: Opened, ward: Ward, stay: Stay
) -> None:
    assert stay
    here = station()
    here.begin("nora")
    page = here.page("/admit")
    page.fill("#family_name", "Hollowell")
    page.get_by_role("checkbox", name="alcohol", exact=True).check()
    page.get_by_role("button", name="Lock").click()
    page.wait_for_url(lambda url: "/lock?to=" in url)
    assert "Hollowell" not in page.content()
    unlock(page, "nora", ward)
    expect(page.locator("#family_name")).to_have_value("Hollowell")
    expect(page.get_by_role("checkbox", name="alcohol", exact=True)).to_be_checked()


def test_every_tab_locks_and_follows(station: Opened, ward: Ward, stay: Stay) -> None:
    here = station()
    here.begin("nora")
    first, second = here.page("/"), here.page(f"/stays/{stay.id}")
    first.get_by_role("button", name="Lock").click()
    is_locked(first)
    is_locked(second)
    unlock(first, "nora", ward)
    second.reload()
    second.wait_for_url(f"**/stays/{stay.id}")


def test_the_wrong_signer_is_refused_and_the_draft_goes_back_to_its_owner(
    station: Opened, ward: Ward, stay: Stay, sessions: sessionmaker[Session]
) -> None:
    """A's form is open in tab 1, B unlocks in tab 2, somebody presses Save in tab 1."""
    here = station()
    here.begin("chen")
    here.begin("nora")
    first = here.page(f"/stays/{stay.id}/record", deaf=True)
    typed(first)
    expect(first.locator("#draft-state")).to_contain_text("Draft kept on this device")
    second = here.page("/", deaf=True)
    second.get_by_role("button", name="Lock").click()
    is_locked(second)
    unlock(second, "chen", ward)
    first.click("#save")
    expect(first.locator("main h1")).to_contain_text("This page belongs to Nora")
    assert CANARY not in first.content()
    assert how_many(sessions) == 1
    second.get_by_role("button", name="Lock").click()
    is_locked(second)
    unlock(second, "nora", ward)
    second.goto(f"{here.address}/stays/{stay.id}/record")
    expect(second.locator("#note")).to_have_value(CANARY)
    second.click("#save")
    expect(second.locator("#saved")).to_contain_text("Nora")
    assert how_many(sessions) == 2


def test_it_locks_by_itself_while_the_stream_goes_on(
    station: Opened, ward: Ward, stay: Stay, sessions: sessionmaker[Session]
) -> None:
    """CVE-2026-25476: a page that talks to the server all the while must lock all the same."""
    here = station()
    here.begin("nora")
    page = here.page("/")
    page.clock.install()
    page.goto(f"{here.address}/stays/{stay.id}/record")
    expect(page.locator("#progress-words")).to_contain_text("items")
    typed(page)
    page.clock.run_for(165_000)
    expect(page.locator(".lock-warning")).to_contain_text("Locks in")
    page.keyboard.press("Shift")
    page.clock.run_for(2000)
    expect(page.locator(".lock-warning")).to_have_count(0)
    with sessions.begin() as session:
        build.recorded(session, ward, stay)  # a live refresh in between changes nothing
    page.clock.run_for(181_000)
    is_locked(page)


def test_an_answer_on_its_way_shows_nothing_after_the_lock(station: Opened, stay: Stay) -> None:
    here = station()
    here.begin("nora")
    page = here.page(f"/stays/{stay.id}")
    late: list[object] = []
    page.route("**/stays/*", lambda route: late.append(route))  # noqa: PLW0108 (it is marked)
    page.evaluate("htmx.trigger(document.body, 'ward')")
    page.get_by_role("button", name="Lock").click()
    is_locked(page)
    page.wait_for_timeout(500)
    assert "Pennywhistle" not in page.content()


def test_without_a_script_there_is_a_lock_and_a_way_back(
    station: Opened, ward: Ward, stay: Stay
) -> None:
    here = station(java_script_enabled=False)
    here.begin("nora")
    page = here.page(f"/stays/{stay.id}")
    page.get_by_role("button", name="Lock").click()
    is_locked(page)
    page.locator(".who", has_text=ward.staff["nora"].name).click()
    page.fill("#pin", PINS["nora"])
    page.get_by_role("button", name="Unlock").click()
    expect(page.locator("main h1")).to_contain_text("Ward board", timeout=30_000)


def test_the_keyboard_alone_unlocks(station: Opened, ward: Ward, stay: Stay) -> None:
    assert stay
    here = station()
    here.begin("nora")
    page = here.page("/")
    page.keyboard.press("Alt+l")
    is_locked(page)
    expect(page.locator("#pin")).to_be_focused()
    page.keyboard.type(PINS["nora"])
    page.wait_for_url(lambda url: "/lock" not in url)
    assert ward


def test_an_alarm_that_begins_behind_the_lock_is_shown(
    station: Opened, ward: Ward, stay: Stay, sessions: sessionmaker[Session]
) -> None:
    here = station()
    here.begin("nora")
    page = here.page("/")
    page.get_by_role("button", name="Lock").click()
    is_locked(page)
    assert stay
    with sessions.begin() as session:
        other = build.stay(
            session,
            ward,
            bed="8",
            patient_row=build.patient(session, ward, family_name="Hollowell"),
        )
        build.recorded(session, ward, other, vitals=SICK)
    expect(page.locator(".call").nth(1)).to_contain_text("Bed 8", timeout=5000)
    assert "Hollowell" not in page.content()


@pytest.mark.parametrize("width", [390, 820, 1280, 1920])
def test_the_lock_screen_fits_and_is_sound(
    station: Opened, ward: Ward, stay: Stay, width: int
) -> None:
    assert stay
    here = station(viewport={"width": width, "height": 900})
    here.begin("chen")
    here.begin("nora")
    page = here.page("/")
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for theme in ("light", "night"):
        page.goto(here.address)
        page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
        page.reload()
        page.get_by_role("button", name="Lock").click()
        is_locked(page)
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"lock-{width}-{theme}.png")
        page.evaluate((ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text())
        found = page.evaluate(
            "axe.run(document, {resultTypes: ['violations']})"
            ".then(r => r.violations.map(v => v.id))"
        )
        assert found == []
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wider) == 0
        expect(page.locator("#sound-words")).to_contain_text("ound")
        expect(page.locator(".lock-top")).to_contain_text("Lantern Unit")
        assert complaints == []
        unlock(page, "nora", ward)
