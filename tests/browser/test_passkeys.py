"""A passkey in a real browser, with a device that Chromium plays: made, shown, and called off."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, CDPSession, Page

from tests.conftest import sessions_on
from tests.people import sign_in, the_ward
from tests.processes import free_port, serving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def address(fresh_database: str) -> Iterator[str]:
    """Reached by a name: browsers make no passkey for a number."""
    port = free_port()
    origin = f"http://localhost:{port}"
    with serving(fresh_database, port, VIGIL_ORIGIN=origin):
        yield origin


@pytest.fixture
def page(chromium: Browser, address: str, fresh_database: str) -> Iterator[Page]:
    """nora's browser; she has just proved who she is."""
    context = chromium.new_context()
    with sessions_on(fresh_database) as sessions, sessions.begin() as session:
        token = sign_in(session, the_ward(session).staff["nora"], stepped_up=True)
    context.add_cookies([{"name": "vigil", "value": token, "url": address}])
    yield context.new_page()
    context.close()


def _device(page: Page) -> tuple[CDPSession, str]:
    chrome = page.context.new_cdp_session(page)
    chrome.send("WebAuthn.enable")
    made = chrome.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return chrome, made["authenticatorId"]


def test_a_key_is_made_and_opens_with_one_touch(page: Page, address: str) -> None:
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    chrome, device = _device(page)
    page.goto(f"{address}/account/passkeys/new")
    page.fill("#name", "my telephone")
    page.click("text=Touch it now")
    page.wait_for_selector("text=Recovery codes: write them down now")
    page.goto(f"{address}/account")
    assert "my telephone" in page.inner_text("#main")
    page.goto(f"{address}/step-up?to=/account/password")
    page.click("text=Use a passkey")
    page.wait_for_url(f"{address}/account/password")
    page.goto("about:blank")  # an open page would rightly complain that its sign-in is gone
    page.context.clear_cookies()
    page.goto(f"{address}/sign-in?to=/alerts")
    page.click("text=Use a passkey")
    page.wait_for_url(f"{address}/alerts")
    assert said == []
    # Nobody's finger: the device refuses, and the page says so.
    page.context.clear_cookies()
    page.goto(f"{address}/sign-in")
    chrome.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    page.click("text=Use a passkey")
    page.wait_for_selector("text=The device gave no passkey")
    assert page.is_enabled("text=Use a passkey")


def test_a_browser_without_any_says_so(page: Page, address: str) -> None:
    page.context.clear_cookies()
    page.add_init_script("delete window.PublicKeyCredential")
    page.goto(f"{address}/sign-in")
    page.wait_for_selector("text=This browser knows no passkeys")
    assert page.is_disabled("text=Use a passkey")


def test_without_scripts_the_button_is_answered_in_a_sentence(
    chromium: Browser, address: str
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/sign-in")
    page.click("text=Use a passkey")
    assert "Use your name and password" in page.inner_text("#refusal")
    context.close()
