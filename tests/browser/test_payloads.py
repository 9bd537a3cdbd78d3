"""Sixty texts that would run, break out or mislead: typed into every field, looked at by Chromium.

Each goes through the forms that people use. Then every page that shows it is opened: no script
runs, no dialog opens, nothing is fetched from elsewhere, the content policy has nothing to forbid.
"""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
from sqlalchemy import select

from backend.alerts.models import Alert
from backend.core import clock
from backend.observations.models import Observation
from tests.browser.conftest import sign_in
from tests.conftest import sessions_on
from tests.people import opens, the_ward
from tests.processes import Served, signed_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

PAYLOADS = [
    "<script>pwned()</script>",
    "</script><script>pwned()</script>",
    "<img src=x onerror=pwned()>",
    "<svg onload=pwned()>",
    "<svg/onload=pwned()//",
    '"><img src=x onerror=pwned()>',
    "'><img src=x onerror=pwned()>",
    "' onfocus=pwned() autofocus='",
    '" onfocus=pwned() autofocus="',
    '" onmouseover=pwned() x="',
    "` onload=pwned() `",
    "<body onload=pwned()>",
    "<iframe srcdoc='<script>pwned()</script>'>",
    "<iframe src=javascript:pwned()>",
    "<a href=javascript:pwned()>x</a>",
    "javascript:pwned()",
    "<details open ontoggle=pwned()>",
    "<video src=x onerror=pwned()>",
    "<input autofocus onfocus=pwned()>",
    "<marquee onstart=pwned()>",
    "<math><mi xlink:href=javascript:pwned()>",
    "<object data=javascript:pwned()>",
    "<embed src=//elsewhere.example/x>",
    "<link rel=stylesheet href=//elsewhere.example>",
    "<base href=//elsewhere.example/>",
    "<form action=//elsewhere.example><button>",
    "<meta http-equiv=refresh content=0;url=//e.x>",
    "<style>body{display:none}</style>",
    "<p style=position:fixed;inset:0>x</p>",
    "--><script>pwned()</script><!--",
    "]]><script>pwned()</script>",
    "</textarea><script>pwned()</script>",
    "</title><script>pwned()</script>",
    "</select><svg onload=pwned()>",
    "<template><script>pwned()</script>",
    "<hx-partial hx-get=/sign-out>",
    "<b hx-on:click=pwned() hx-get=/>x</b>",
    "<b hx-get=//elsewhere.example hx-trigger=load>",
    "<b hx-vals='js:{x:pwned()}' hx-trigger=load>",
    "<b onclick=pwned() data-level=emergency>x</b>",
    "{{ 7*7 }}{{ config }}",
    "{% for x in () %}{% endfor %}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "{{ ''.__class__.__mro__ }}",
    "%(name)s {0.__class__} $name",
    "&lt;script&gt;pwned()&lt;/script&gt;",
    "&#60;img src=x onerror=pwned()&#62;",
    "\\u003cscript\\u003epwned()",
    "%3Cscript%3Epwned()%3C/script%3E",
    "<scr<script>ipt>pwned()</script>",
    "\uff1cscript\uff1epwned()\uff1c/script\uff1e",
    "Zoë 🙂 n\u0303 \u01c4 \ufdfd",
    "a\u0301\u0302\u0303\u0304\u0305\u0306\u0307 zalgo",
    "zero\u200bwidth\u200d\ufeffjoined",
    "رَزان שׁלום 玫瑰 রোজা",
    '=HYPERLINK("//elsewhere.example")',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "'; DROP TABLE stay; --",
]


def _packed(longest: int = 100) -> list[str]:
    """As many together as fit into a name, each payload once, one patient for each."""
    found = [""]
    for payload in PAYLOADS:
        both = f"{found[-1]} {payload}".strip()
        found[-1:] = [both] if len(both) <= longest else [found[-1], payload]
    return found


TEXTS = _packed()
# Runs before anything of the page: what a payload calls, and what the policy forbids.
WATCHES = """
  window.found = [];
  window.pwned = () => window.found.push("a script ran");
  addEventListener("securitypolicyviolation", (event) =>
    window.found.push(`the policy forbade ${event.violatedDirective} ${event.blockedURI}`), true);
"""


class Typist:
    """Types a payload into every field of every form there is for one patient."""

    def __init__(self, address: str, url: str) -> None:
        self.url = url
        self.people: dict[str, tuple[httpx.Client, int]] = {}
        self.address = address

    def send(self, client: httpx.Client, who: str, path: str, **fields: Any) -> httpx.Response:
        """The form as the page would send it; it is taken, or this test tries nothing."""
        with sessions_on(self.url) as sessions, sessions() as session:
            signed = {"key": str(uuid4()), **opens(the_ward(session).staff[who])}
        answer = client.post(path, data=signed | fields, headers={"HX-Request": "true"})
        assert answer.status_code in {200, 204}, f"{path}: {answer.status_code} {answer.text}"
        return answer

    def newest(self, of: Any, stay_id: int) -> list[int]:
        """The ids of what there is for the stay."""
        with sessions_on(self.url) as sessions, sessions() as session:
            the_ward(session)
            found = select(of.id).where(of.stay_id == stay_id).order_by(of.id)
            return list(session.scalars(found))

    def admit(self, nora: httpx.Client, text: str) -> int:
        """A patient whose every text is a payload."""
        answer = self.send(
            nora,
            "nora",
            "/admit",
            family_name=text,
            given_name=text,
            born_on="1985-03-04",
            allergies=text,
            risks=text,
            use_history=text,
            substances="alcohol",
            instruments="news2",
        )
        place = re.search(r"/stays/(\d+)", answer.headers["HX-Redirect"])
        assert place
        return int(place[1])

    def chart(self, nora: httpx.Client, stay_id: int, text: str) -> None:
        """A set that alerts and one that was corrected, every alert answered in words."""
        place = f"/stays/{stay_id}/observations"
        ill = {"opened_for": stay_id, "outcome": "assessed", "pulse_per_min": "128", "note": text}
        for rate in ("28", "29"):
            self.send(nora, "nora", place, respiratory_rate_per_min=rate, spo2_percent="89", **ill)
        first = self.newest(Observation, stay_id)[0]
        self.send(
            nora,
            "nora",
            f"{place}/{first}/take-back",
            opened_for=stay_id,
            reason=text,
        )
        for alert_id in self.newest(Alert, stay_id)[:1]:
            alert = f"/alerts/{alert_id}"
            plan = {"plan": "Reassess in person", "recheck_minutes": "15", "note": text}
            self.send(nora, "nora", f"{alert}/acknowledgement", **plan)
            call = {"called": text, "how": "by phone", "response": text}
            self.send(nora, "nora", f"{alert}/calls", **call)

    def share(self, chen: httpx.Client, stay_id: int, text: str) -> None:
        """Consent, emergency and restriction, in words."""
        own = {"opened_for": stay_id}
        at = f"{clock.now().astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%dT%H:%M:%S.%f}"
        self.send(chen, "chen", f"/stays/{stay_id}/restrictions", asked=text, recipient=text, **own)
        emergency = {"recipient": text, "affiliation": text, "nature": text, "told": text}
        self.send(chen, "chen", f"/stays/{stay_id}/emergency", told_at=at, **emergency, **own)


@pytest.fixture
def planted(served: Served, fresh_database: str) -> list[int]:
    """Every payload in every field, some to a patient."""
    typist = Typist(served.address, fresh_database)
    found = []
    with signed_in(served.address, "nora") as nora, signed_in(served.address, "chen") as chen:
        for text in TEXTS:
            stay_id = typist.admit(nora, text)
            typist.chart(nora, stay_id, text)
            typist.share(chen, stay_id, text)
            found.append(stay_id)
    return found


@pytest.fixture
def watched(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context()
    context.add_init_script(WATCHES)
    yield context
    context.close()


def _look(page: Page, address: str, complaints: list[str]) -> None:
    """Open it, let it settle, touch what is there."""
    page.goto(address, wait_until="load")
    for field in page.locator("main input:visible, main summary:visible").all()[:2]:
        field.dispatch_event("focus")
        field.dispatch_event("mouseover")
    page.wait_for_timeout(50)
    complaints += [f"{address}: {found}" for found in page.evaluate("window.found")]


def test_nothing_that_was_typed_runs(
    served: Served, fresh_database: str, planted: list[int], watched: BrowserContext
) -> None:
    complaints: list[str] = []
    page = watched.new_page()

    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{page.url}: {message.text}")

    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("dialog", lambda dialog: complaints.append(f"{page.url}: a dialog {dialog.message}"))
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith((served.address, "data:"))
            else complaints.append(f"{page.url} asked {asked.url}")
        ),
    )
    sign_in(watched, served.address, "chen")
    for path in ("/?view=cards", "/?view=rows&order=worst", "/wall", "/alerts", "/reports"):
        _look(page, served.address + path, complaints)
    assert page.url.startswith(served.address)
    with sessions_on(fresh_database) as sessions, sessions() as session:
        the_ward(session)
        alerts = {row.stay_id: row.id for row in session.execute(select(Alert.stay_id, Alert.id))}
        kept = session.execute(select(Observation.stay_id, Observation.id))
        sets = {row.stay_id: row.id for row in kept}
    for stay_id, text in zip(planted, TEXTS, strict=True):
        stay = f"{served.address}/stays/{stay_id}"
        for path in ("", "/manage", "/record", "/sharing"):
            _look(page, stay + path, complaints)
            if path == "":  # and it is read as it was typed
                shown = " ".join(page.locator("body").inner_text().split())
                assert " ".join(text.split()) in shown
        _look(page, f"{stay}/observations/{sets[stay_id]}", complaints)
        _look(page, f"{served.address}/alerts/{alerts[stay_id]}", complaints)
    page.goto("about:blank")  # or what is open would ask on as somebody else
    sign_in(watched, served.address, "pavel")
    _look(page, f"{served.address}/privacy/disclosures", complaints)
    for stay_id in planted:
        _look(page, f"{served.address}/stays/{stay_id}/accounting", complaints)
    assert complaints == []


def test_there_are_sixty_and_each_is_typed() -> None:
    assert len(set(PAYLOADS)) == len(PAYLOADS) == 60
    assert all(any(payload in text for text in TEXTS) for payload in PAYLOADS)
    assert max(map(len, TEXTS)) <= 100
