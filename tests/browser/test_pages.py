"""Every page of the demo unit, in a real browser: nothing for axe, the policy or the console.

With VIGIL_SCREENSHOTS naming a folder, each is also kept as a picture.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select, update

from backend.accounts.factors import service as factors
from backend.accounts.links import service as links
from backend.accounts.links.models import LinkKind
from backend.accounts.sign_in.models import SignIn
from backend.accounts.sign_in.service import DEMO_PASSWORD
from backend.accounts.staff.models import Staff
from backend.accounts.workstations import service as workstations
from backend.accounts.workstations.models import Kind, Workstation
from backend.alerts.models import Alert
from backend.core import clock
from backend.core.web import ROOT
from backend.demo import service as demo
from backend.rounds.leave import service as leaves
from backend.stays.leave.facts import Facts
from backend.stays.leave.models import Away
from backend.stays.models import Stay
from tests.conftest import WORKER, named, pointing_at, recreate, sessions_on
from tests.processes import Served, serving, watching

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = os.environ.get("VIGIL_SCREENSHOTS")
WIDTHS = (390, 820, 1280, 1920) if SHOTS else (390, 1280)
THEMES = ("light", "dark", "night") if SHOTS else ("light", "night")
PAGES = {
    "sign-in": "/sign-in",
    "about": "/about",
    "board": "/?order=worst&view=rows",
    "board-cards": "/?order=bed&view=cards",
    "wall": "/wall",
    "alerts": "/alerts",
    "alert": "/alerts/{alert}",
    "chart": "/stays/{stay}",
    "record": "/stays/{stay}/record",
    "stay": "/stays/{stay}/manage",
    "orders": "/stays/{stay}/orders",
    "leave": "/stays/{away}/leave",
    "rounds": "/rounds?whose=all",
    "unsent": "/unsent",
    "paper": "/stays/{stay}/paper",
    "offline": "/offline",
    "admit": "/admit",
    "consents": "/stays/{stay}/consents",
    "sharing": "/stays/{stay}/sharing",
    "patient-notice": "/patient-notice",
    "reports": "/reports",
    "account": "/account",
    "step-up": "/step-up",
    "admin": "/admin",
    "sign-in-help": "/admin/sign-in-help",
    "missing": "/nowhere",
}


@pytest.fixture(scope="module")
def demo_unit(server: str, database: str) -> str:
    """The demo unit, on a database of its own."""
    from backend.cli.migrate import upgrade  # noqa: PLC0415

    assert database
    name = f"vigil_{WORKER}_demo_test"
    recreate(server, name)
    url = named(server, name)
    with pointing_at(url):
        upgrade()
        demo.make(lambda _: None, history=timedelta())
    return url


@pytest.fixture(scope="module")
def demo_served(demo_unit: str) -> Iterator[Served]:
    with watching(demo_unit), serving(demo_unit, VIGIL_DEMO="true") as served:
        yield served


@pytest.fixture(scope="module")
def ids(demo_unit: str) -> dict[str, int]:
    """The patient who gets worse, the emergency, and one who should have been back."""
    with sessions_on(demo_unit) as sessions, sessions.begin() as session:
        alerts = session.scalars(select(Alert).order_by(Alert.id)).all()
        worst = next(alert for alert in alerts if alert.level == "emergency")
        stay = session.scalars(select(Stay.id).order_by(Stay.admitted_at)).all()[1]
        away, now = session.get_one(Stay, stay + 1), clock.now()
        facts = Facts(
            why=Away.APPOINTMENT,
            left_at=now - timedelta(hours=2),
            expected_at=now - timedelta(minutes=10),
            escort="a technician",
        )
        nora = session.scalars(select(Staff.id).where(Staff.login_name == "nora")).one()
        leaves.leave(session, nora, away, key=uuid4(), facts=facts)
        return {"alert": worst.id, "stay": stay, "away": away.id}


@pytest.fixture(scope="module")
def complaints() -> list[str]:
    """What the browser's console says against a page."""
    return []


@pytest.fixture(scope="module")
def visitor(chromium: Browser, demo_served: Served, complaints: list[str]) -> Iterator[Page]:
    """A charge nurse's browser."""
    context = chromium.new_context()
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{demo_served.address}/sign-in")
    page.fill("#login_name", "chen")
    page.fill("#password", DEMO_PASSWORD)
    page.click("form[aria-label='Sign in'] button[type=submit]")
    page.wait_for_url(lambda url: "/sign-in" not in url)
    yield page
    context.close()


def _wear(page: Page, theme: str) -> None:
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)


@pytest.mark.parametrize("name", list(PAGES))
def test_a_page_is_sound(
    visitor: Page, demo_served: Served, ids: dict[str, int], complaints: list[str], name: str
) -> None:
    complaints.clear()
    found: list[str] = []
    for theme in THEMES:
        _wear(visitor, theme)
        for width in WIDTHS:
            visitor.set_viewport_size({"width": width, "height": 1000})
            visitor.goto(demo_served.address + PAGES[name].format(**ids))
            visitor.wait_for_timeout(500)
            _keep(visitor, f"{name}-{width}-{theme}")
            found += _axe(visitor, f"{width} {theme}")
            overflow = visitor.evaluate(WIDER)
            if overflow > 0:
                found.append(f"{width} {theme}: {overflow} px wider than the screen")
    expected = {"Failed to load resource: the server responded with a status of 404 (Not Found)"}
    assert found == []
    assert [said for said in complaints if not (name == "missing" and said in expected)] == []


# The same for other people, at the ends of what screens and themes there are: whose, and where.
OTHERS = {
    "people": ("ada", "/admin/staff"),
    "person": ("ada", "/admin/staff/{nora}"),
    "workstations": ("ada", "/admin/workstations"),
    "duty": ("chen", "/duty"),
    "safety": ("tess", "/rounds/safety"),
    "safety-checks": ("chen", "/stays/{stay}/safety"),
    "door-tags": ("ada", "/rounds/door-tags"),
    "privacy": ("pavel", "/privacy"),
    "trail": ("pavel", "/privacy/log"),
    "disclosures": ("pavel", "/privacy/disclosures"),
    "accounting": ("pavel", "/stays/{stay}/accounting"),
    "counselling": ("theo", "/stays/{stay}/counselling"),
    "pin": ("nora", "/account/pin"),
    "app": ("nora", "/account/app"),
    "workstation-code": (None, "/workstation"),
    "welcome": (None, "/welcome?link={link}"),
    "first-run": (None, "/first-run?link={first}"),
}


@pytest.fixture(scope="module")
def more(demo_unit: str, ids: dict[str, int]) -> dict[str, int | str]:
    """What the addresses of these pages name."""
    now = clock.now()
    with sessions_on(demo_unit) as sessions, sessions.begin() as session:
        people = {row.login_name: row for row in session.scalars(select(Staff))}
        ada, nora = people["ada"].id, people["nora"]
        factors.begin_app(session, nora, now=now)
        link = links.make(session, ada, LinkKind.RECOVERY, people["vera"], now=now)
        first = links.make(session, ada, LinkKind.FIRST_RUN, None, now=now)
        return {**ids, "nora": nora.id, "link": link, "first": first}


def test_the_pages_of_everybody_else_are_sound(
    chromium: Browser, demo_served: Served, demo_unit: str, more: dict[str, int | str]
) -> None:
    found = []
    browsers: dict[str | None, Page] = {None: chromium.new_context().new_page()}
    browsers[None].goto(f"{demo_served.address}/about")
    for name in {name for name, _ in OTHERS.values() if name}:
        browsers[name] = _signed_in(chromium, demo_served, name)
    with sessions_on(demo_unit) as sessions, sessions.begin() as session:
        session.execute(update(SignIn).values(stepped_up_until=clock.now() + timedelta(minutes=5)))
    for name, (who, path) in OTHERS.items():
        page = browsers[who]
        for width, theme in ((390, "light"), (1280, "night")):
            page.set_viewport_size({"width": width, "height": 1000})
            _wear(page, theme)
            came = page.goto(demo_served.address + path.format(**more))
            if came is None or came.status != 200:
                found.append(f"{name}: {came and came.status}")
            _keep(page, f"{name}-{width}-{theme}")
            found += _axe(page, f"{name} {width} {theme}")
            if page.evaluate(WIDER) > 0:
                found.append(f"{name} {width}: wider than the screen")
    for page in browsers.values():
        page.context.close()
    assert found == []


def test_a_refused_form_says_beside_the_field_what_is_wrong(
    chromium: Browser, demo_served: Served
) -> None:
    """With a script nothing leaves the page, and what was said is gone with the next try."""
    nora = _signed_in(chromium, demo_served, "nora")
    nora.goto(f"{demo_served.address}/admit")
    nora.fill("#family_name", "Okonkwo")
    nora.fill("#given_name", "Maya")
    nora.evaluate("document.querySelector('#born_on').max = ''")
    nora.fill("#born_on", "2199-01-01")
    nora.click("form[action='/admit'] button[type=submit]")
    beside = nora.locator("#born_on + .error")
    expect(beside).to_have_text("This day has not come yet.")
    expect(nora.locator("#born_on")).to_be_focused()
    expect(nora.locator("#born_on")).to_have_attribute("aria-invalid", "true")
    expect(nora.locator("form[action='/admit'] .form-errors")).to_have_count(1)
    assert nora.input_value("#family_name") == "Okonkwo"
    assert _axe(nora, "refused") == []
    nora.fill("#born_on", "1985-03-04")
    nora.uncheck("input[name=instruments][value=news2]")
    nora.click("form[action='/admit'] button[type=submit]")
    expect(nora.locator("fieldset .error")).to_have_text("Tick at least one of the list.")
    expect(beside).to_have_count(0)
    nora.context.close()


def test_a_wallboard_is_live_by_itself_and_leaves_the_page_when_it_is_revoked(
    chromium: Browser, demo_served: Served, demo_unit: str
) -> None:
    with sessions_on(demo_unit) as sessions, sessions.begin() as session:
        ada = session.scalars(select(Staff.id).where(Staff.login_name == "ada")).one()
        unit_id = session.scalars(select(Stay.unit_id).limit(1)).one()
        code, _ = workstations.prepare(
            session, ada, unit_id=unit_id, label="Hallway", kind=Kind.WALLBOARD
        )
    page = chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"{demo_served.address}/workstation")
    page.fill("#code", code)
    page.click("form[action='/workstation'] button")
    page.wait_for_url("**/wall")
    expect(page.locator("body")).to_have_attribute("data-live", "live", timeout=15_000)
    assert _axe(page, "wallboard") == []
    page.click("#sound")  # a touch is nobody's activity there, and asks for nothing
    with sessions_on(demo_unit) as sessions, sessions.begin() as session:
        row = session.scalars(select(Workstation).where(Workstation.label == "Hallway")).one()
        workstations.revoke(session, ada, row, now=clock.now())
    page.wait_for_url("**/sign-in**", timeout=5000)
    assert page.query_selector(".wall") is None
    page.context.close()


def _signed_in(chromium: Browser, served: Served, name: str) -> Page:
    page = chromium.new_context().new_page()
    page.goto(f"{served.address}/sign-in")
    page.fill("#login_name", name)
    page.fill("#password", DEMO_PASSWORD)
    page.click("form[aria-label='Sign in'] button[type=submit]")
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


def test_the_pages_of_broken_glass_are_sound(chromium: Browser, demo_served: Served) -> None:
    """Broken, the time left on every page, ended at once; and told to the privacy officer."""
    ada = _signed_in(chromium, demo_served, "ada")
    pavel = _signed_in(chromium, demo_served, "pavel")
    pavel.goto(f"{demo_served.address}/privacy")
    pavel.wait_for_selector("#glass-count:not([hx-trigger*='load'])", state="attached")
    found = _looks(ada, demo_served, "/glass", "glass")
    ada.goto(f"{demo_served.address}/step-up?to=/glass")
    ada.fill("#proof", DEMO_PASSWORD)
    ada.click("form[aria-label='Confirm'] button[type=submit]")
    ada.wait_for_selector("input[name=where]")
    ada.fill("input[name=where]", "3")
    ada.select_option("select[name=reason]", index=1)
    ada.fill("textarea[name=words]", "Found without pulse.")
    ada.click("form[aria-label='Emergency access'] button[type=submit]")
    ada.wait_for_url(lambda url: "/stays/" in url)
    record = ada.url.removeprefix(demo_served.address)
    ada.wait_for_function(
        "document.querySelector('[data-left]').textContent.match(/^(59|60) min$/)"
    )
    found += _looks(ada, demo_served, record, "glass-record")
    found += _looks(ada, demo_served, "/account", "glass-account")
    # Told at once, on a page that was open before.
    pavel.wait_for_selector("#glass-count b")
    found += _looks(pavel, demo_served, "/privacy", "glass-privacy")
    found += _looks(pavel, demo_served, "/privacy/glass", "glass-review")
    ada.click(".bar[data-kind=glass] button")
    ada.wait_for_url(lambda url: "/account" not in url)
    assert ada.query_selector(".bar[data-kind=glass]") is None
    gone = ada.goto(demo_served.address + record)
    assert gone is not None
    assert gone.status == 403
    assert found == []


def _looks(page: Page, served: Served, path: str, name: str) -> list[str]:
    found = []
    for theme in ("light", "night"):
        _wear(page, theme)
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 1000})
            page.goto(served.address + path)
            page.wait_for_timeout(400)
            _keep(page, f"{name}-{width}-{theme}")
            found += _axe(page, f"{path} {width} {theme}")
            if page.evaluate(WIDER) > 0:
                found.append(f"{path} {width} {theme}: wider than the screen")
    return found


def _keep(page: Page, name: str) -> None:
    if SHOTS:
        folder = Path(SHOTS)
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png")


def _axe(page: Page, where: str) -> list[str]:
    page.evaluate(AXE.read_text())
    violations = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v =>"
        " v.id + ': ' + v.nodes.slice(0, 3).map(n => n.target.join(' ')).join(', ')))"
    )
    return [f"{where}: {violation}" for violation in violations]
