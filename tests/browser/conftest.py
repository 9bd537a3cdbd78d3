"""A real Chromium. Without one these tests are skipped, loudly, and never in CI."""

import os
import shutil
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from tests.processes import Served, serving, token_for, watching

KNOWN = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP ward.test 127.0.0.1",  # a name of a network, for plain HTTP
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser of this machine."""
    found = next((path for name in KNOWN if (path := shutil.which(name))), None)
    if found is None:
        words = "no Chromium or Chrome on this machine: browser tests NOT run"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def served(fresh_database: str) -> Iterator[Served]:
    """A web server with its watch, on a database of its own."""
    with watching(fresh_database), serving(fresh_database) as made:
        yield made


def sign_in(context: BrowserContext, address: str, name: str) -> None:
    """From now on this browser is that person's."""
    token = token_for(address, name)
    context.add_cookies([{"name": "vigil", "value": token, "url": address}])


Opens = Callable[..., Page]


@pytest.fixture
def opens(chromium: Browser) -> Iterator[Opens]:
    """`opens(address, "nora")` is a page of nora's own browser, signed in."""
    contexts: list[BrowserContext] = []

    def page(address: str, name: str = "nora", *, width: int = 1280, height: int = 900) -> Page:
        # What a worker fetches, `page.route` does not see: tests/browser/test_offline.py has one.
        viewport: ViewportSize = {"width": width, "height": height}
        context = chromium.new_context(viewport=viewport, service_workers="block")
        contexts.append(context)
        sign_in(context, address, name)
        made = context.new_page()
        made.goto(address)
        return made

    yield page
    for context in contexts:
        context.close()


def until(page: Page, asked: str, wanted: object, *, within_s: float = 20) -> None:
    """Ask the page until it answers this. Playwright's own waiting takes any promise for a yes."""
    deadline = time.monotonic() + within_s
    while (found := page.evaluate(asked)) != wanted:
        assert time.monotonic() < deadline, f"{found!r}, and not {wanted!r}"
        page.wait_for_timeout(50)
