"""The content security policy and the referrer policy, as a real browser keeps them."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Opens
from tests.people import PASSWORD
from tests.processes import Served, free_port, serving

pytestmark = pytest.mark.browser
# What a script that got into the page might try, each as a word for what came of it.
TRIED = """
  () => {
    const tried = {
      innerHTML: () => { document.createElement("div").innerHTML = "<img src=x>"; },
      insertAdjacentHTML: () => document.body.insertAdjacentHTML("beforeend", "<b>x</b>"),
      parse: () => Document.parseHTMLUnsafe("<b>x</b>"),
      srcdoc: () => { document.createElement("iframe").srcdoc = "<b>x</b>"; },
      script: () => { document.createElement("script").text = "window.ran = 1"; },
      address: () => { document.createElement("script").src = "https://elsewhere.example/x.js"; },
      handler: () => document.body.setAttribute("onclick", "window.ran = 1"),
      policy: () => trustedTypes.createPolicy("mine", { createHTML: (text) => text }),
      again: () => trustedTypes.createPolicy("htmx", { createHTML: (text) => text }),
    };
    return Object.fromEntries(Object.entries(tried).map(([name, deed]) => {
      try { deed(); return [name, "done"]; } catch (error) { return [name, error.name]; }
    }));
  }
"""


def test_only_htmx_turns_text_into_a_page(served: Served, opens: Opens) -> None:
    page = opens(served.address)
    assert set(page.evaluate(TRIED).values()) == {"TypeError"}
    # And htmx does: what it asks for takes its place.
    page.evaluate("document.querySelector('#ward').replaceChildren()")
    page.evaluate("htmx.trigger(document.body, 'ward')")
    expect(page.locator("#ward")).not_to_be_empty()


def test_what_stands_in_an_attribute_is_never_run(served: Served, opens: Opens) -> None:
    """Even where somebody brought htmx's own attributes into a page."""
    page = opens(served.address)
    page.evaluate(
        """() => {
          const planted = document.createElement("button");
          planted.id = "planted";
          planted.textContent = "x";
          planted.setAttribute("hx-on:click", "window.ran = 1");
          planted.setAttribute("hx-vals", "js:{x: window.ran = 1}");
          planted.setAttribute("hx-get", "/alerts/count");
          planted.setAttribute("hx-trigger", "click[window.ran = 1]");
          document.body.prepend(planted);
          htmx.process(document.body);
        }"""
    )
    page.locator("#planted").dispatch_event("click")
    page.wait_for_timeout(500)
    assert page.evaluate("window.ran") is None


def test_a_late_script_finds_nothing_begun(served: Served, opens: Opens) -> None:
    """The policy may come long after htmx: nothing is asked for until it is there."""
    page = opens(served.address)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))

    def dawdle(route: Route) -> None:
        time.sleep(1)
        route.continue_()

    page.route("**/static/trusted.js", dawdle)
    page.reload(wait_until="networkidle")
    expect(page.locator("#alert-count")).not_to_be_empty()
    assert [line for line in said if "blocked by Playwright" not in line] == []


@pytest.fixture
def plain_http(fresh_database: str) -> Iterator[str]:
    """Vigil under a name of a network, without TLS: browsers trust it less than this machine."""
    port = free_port()
    address = f"http://ward.test:{port}"
    with serving(fresh_database, port, VIGIL_ORIGIN=address):
        yield address


@pytest.mark.parametrize("scripted", [True, False])
def test_a_plain_form_is_taken_wherever_vigil_is_reached(
    chromium: Browser, plain_http: str, *, scripted: bool
) -> None:
    """Under `no-referrer` such a form would come from nowhere, and be refused as another site's."""
    context = chromium.new_context(java_script_enabled=scripted)
    page: Page = context.new_page()
    page.goto(f"{plain_http}/sign-in")
    page.fill("#login_name", "nora")
    page.fill("#password", PASSWORD)
    page.click("form[aria-label='Sign in'] button[type=submit]")
    page.wait_for_url(lambda url: "/sign-in" not in url)
    # Taken: what follows a password is the second proof.
    expect(page.get_by_role("heading", name="One more step before the ward")).to_be_visible()
    context.close()
