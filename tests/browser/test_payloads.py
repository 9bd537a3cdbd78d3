"""Sixty texts that would run, break out or mislead: typed into every field, looked at by Chromium.

Each goes through the forms that people use. Then every page that shows it is opened: no script
runs, no dialog opens, nothing is fetched from elsewhere, the content policy has nothing to forbid.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, Literal, get_args, get_origin
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
from pydantic import BaseModel
from sqlalchemy import select, update

from backend.accounts.passkeys.models import Passkey
from backend.accounts.sign_in.models import SignIn
from backend.accounts.staff.models import Staff
from backend.accounts.units.models import Bed, Unit
from backend.alerts.models import Alert, AlertStep
from backend.care.consents.models import (
    Consent,
    EndKind,
    PurposeKind,
    RecipientKind,
    RecordKind,
    SignedHow,
)
from backend.care.counselling.forms import NoteForm
from backend.care.counselling.models import CounsellingNote
from backend.care.disclosures.models import Restriction
from backend.care.glass.models import Glass, GlassReason
from backend.core import clock
from backend.main import app
from backend.observations.models import Observation
from backend.observations.sheet.forms import SheetForm, TakeBackForm
from backend.patients.models import Patient
from backend.rounds.models import ObservationOrder
from backend.rounds.safety.models import SafetyCheck
from backend.stays.leave.models import Leave
from backend.stays.models import Stay
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


def _printable(text: str) -> str:
    """Names of people and machines take no letter that nobody sees."""
    return "".join(letter for letter in text if letter.isprintable())


TEXTS = _packed()
HOUR = timedelta(hours=1)
NONE: Mapping[str, int] = {}
# Runs before anything of the page: what a payload calls, and what the policy forbids.
WATCHES = """
  window.found = [];
  window.pwned = () => window.found.push("a script ran");
  addEventListener("securitypolicyviolation", (event) =>
    window.found.push(`the policy forbade ${event.violatedDirective} ${event.blockedURI}`), true);
"""


# What each form takes in words, and a page then shows. A new one fails a test until it is here.
TYPED: dict[str, tuple[str, ...]] = {
    "/admit": (
        "family_name",
        "given_name",
        "allergies",
        "risks",
        "use_history",
        "substances",
    ),
    "/stays/{stay_id}/observations": ("note",),
    "/stays/{stay_id}/observations/{observation_id}/correct": ("note", "reason"),
    "/stays/{stay_id}/observations/{observation_id}/take-back": ("reason",),
    "/alerts/{alert_id}/acknowledgement": ("note",),
    "/alerts/{alert_id}/calls": ("called", "response"),
    "/alerts/{alert_id}/closing": ("note",),
    "/stays/{stay_id}/orders": ("reason",),
    "/stays/{stay_id}/orders/{observation_order_id}/end": ("reason",),
    "/stays/{stay_id}/leave": ("escort", "medication"),
    "/stays/{stay_id}/leave/{leave_id}/correct": ("escort", "medication", "reason"),
    "/stays/{stay_id}/leave/{leave_id}/take-back": ("reason",),
    "/stays/{stay_id}/nights": ("reason",),
    "/stays/{stay_id}/nights/end": ("reason",),
    "/stays/{stay_id}/safety": ("note",),
    "/stays/{stay_id}/safety/{safety_check_id}/correct": ("note", "reason"),
    "/stays/{stay_id}/safety/{safety_check_id}/take-back": ("reason",),
    "/stays/{stay_id}/safety-orders": ("why",),
    "/stays/{stay_id}/restrictions": ("asked", "recipient"),
    "/stays/{stay_id}/restrictions/answer": ("reason",),
    "/stays/{stay_id}/emergency": ("recipient", "affiliation", "nature", "told"),
    "/stays/{stay_id}/consents": ("recipient", "purpose", "expires_with"),
    "/stays/{stay_id}/consents/end": ("said_how",),
    "/stays/{stay_id}/counselling": ("text", "reason"),
    "/glass": ("words",),
    "/privacy/glass/{glass_id}/review": ("words",),
    "/admin/workstations": ("label",),
    "/admin/staff": ("name",),
    "/admin/sign-in-help/reset": ("reason",),
}
# Planted as rows: a browser that enrols keys, and a set-up that is long over, take longer.
PLANTED = {"/account/passkeys": ("name",), "/first-run": ("name", "unit_name", "beds")}
# What comes as text and is never shown as such, and why.
NOT_SHOWN = {
    "password": "only its hash is kept",
    "pin": "only its hash is kept",
    "again": "only its hash is kept",
    "code": "compared, or looked up",
    "where": "looked up",
    "proof": "compared",
    "answer": "read by the passkey library",
    "link": "compared by its hash",
    "to": "a path of ours, or the first page",
    "kept": "other inputs, which are here by themselves",
    "login_name": "small letters, digits, dots and dashes",
    "unit_code": "small letters and digits",
    "time_zone": "a known zone",
    "shift_starts": "times",
    "start": "a time",
    "signed_at": "a time",
    "told_at": "a time",
    "last_use_at": "a time",
    "observed_local": "a time",
    "sent_at": "a time",
    "until_local": "a time",
    "left": "a time",
    "expected": "a time",
    "returned": "a time",
    "from_time": "a time",
    "to_time": "a time",
    "observed": "a time",
    "watch_until": "a time",
    "place": "a choice",
    "doing": "a choice",
    "concern": "a choice",
    "tag": "sealed by us",
    "at_times": "times",
    "since": "a day",
    "until": "a day",
    "every": "of a list",
    "then_every": "of a list",
    "instrument": "of the unit's list",
    "instruments": "of the unit's list",
    "templates": "of the unit's list",
    "person": "a number",
    "vitals": "numbers and choices",
    "answers": "choices",
    "confirmed": "numbers",
    "sleep_breaths": "a number",
    "sleep_position": "a choice",
    "sleep_colour": "a choice",
    "sleep_response": "a choice",
}
# Fills the same columns of the ledger as an emergency does.
LIKE_AN_EMERGENCY = "/reports/shift/file"
READ_BY_HAND: dict[str, type[BaseModel]] = {
    "/stays/{stay_id}/observations": SheetForm,
    "/stays/{stay_id}/observations/{observation_id}/correct": SheetForm,
    "/stays/{stay_id}/observations/{observation_id}/take-back": TakeBackForm,
    "/stays/{stay_id}/counselling": NoteForm,
}


def _is_text(annotation: Any) -> bool:
    """Whether somebody may write what they like: `list[Short] | None` is, a choice is not."""
    if get_origin(annotation) is Literal:
        return False
    inner = [one for one in get_args(annotation) if isinstance(one, type) or get_args(one)]
    return any(map(_is_text, inner)) if inner else annotation is str


def _asked() -> set[tuple[str, str]]:
    """Every text of every form that a person can send."""
    found = set()
    for route in iter_route_contexts(app.routes):
        if not isinstance(route.original_route, APIRoute) or "POST" not in (route.methods or ()):
            continue
        sent = [param.field_info.annotation for param in route.dependant.body_params]
        path = str(route.path)
        for model in [*sent, READ_BY_HAND.get(path)]:
            if isinstance(model, type) and issubclass(model, BaseModel):
                found |= {
                    (path, name)
                    for name, field in model.model_fields.items()
                    if _is_text(field.annotation)
                }
    return {(path, name) for path, name in found if not path.startswith("/api/")}


def test_every_text_that_a_form_takes_is_typed_here_or_never_shown() -> None:
    asked = {(path, name) for path, name in _asked() if path != LIKE_AN_EMERGENCY}
    asked.remove(("/stays/{stay_id}/observations", "reason"))  # only a correction says why
    shown = {(path, name) for path, name in asked if name not in NOT_SHOWN}
    here = {(path, name) for path, names in (TYPED | PLANTED).items() for name in names}
    assert shown - here == set(), "type it here, or say why no page shows it"
    assert here - shown == set(), "no form asks for it any more"
    assert set(NOT_SHOWN) <= {name for _, name in asked | _asked()}, "no form asks for it any more"


class Typist:
    """Types a payload into every field of every form there is."""

    def __init__(self, served: Served, url: str, stack: ExitStack) -> None:
        self.url = url
        self.sent: set[str] = set()
        self.sessions = stack.enter_context(sessions_on(url))
        names = ("nora", "chen", "priya", "theo", "pavel", "ada")
        self.people = {name: stack.enter_context(signed_in(served.address, name)) for name in names}
        with self.sessions() as session:
            self.ward = the_ward(session)
            self.opened = {name: opens(self.ward.staff[name]) for name in names}

    def send(
        self, who: str, form: str, text: str, ids: Mapping[str, int] = NONE, /, **others: Any
    ) -> httpx.Response:
        """The form as the page would send it; it is taken, or this test tries nothing."""
        path = form.format(**ids)
        signed = {"key": str(uuid4()), **self.opened[who]}
        data = signed | dict.fromkeys(TYPED[form], text) | others
        answer = self.people[who].post(path, data=data, headers={"HX-Request": "true"})
        assert answer.status_code in {200, 204}, f"{path}: {answer.status_code} {answer.text}"
        self.sent.add(form)
        return answer

    def newest(self, of: Any, *where: Any) -> list[int]:
        """The ids of what there is, the newest first."""
        with self.sessions() as session:
            return list(session.scalars(select(of.id).where(*where).order_by(of.id.desc())))

    def all_prove_who_they_are(self) -> None:
        with self.sessions.begin() as session:
            session.execute(update(SignIn).values(stepped_up_until=clock.now() + HOUR))

    def admit(self, text: str) -> int:
        """A patient whose every text is a payload."""
        admitted = {"born_on": "1985-03-04", "instruments": "news2"}
        answer = self.send("nora", "/admit", text, **admitted)
        place = re.search(r"/stays/(\d+)", answer.headers["HX-Redirect"])
        assert place
        return int(place[1])

    def chart(self, stay_id: int, text: str) -> None:
        """A set that alerts, one put right and one taken back; each alert answered in words."""
        place, own = "/stays/{stay_id}/observations", {"opened_for": stay_id}
        ids = {"stay_id": stay_id}
        ill = {"outcome": "assessed", "pulse_per_min": "128", "spo2_percent": "89", **own}
        for rate in ("28", "29"):
            self.send("nora", place, text, ids, respiratory_rate_per_min=rate, **ill)
        second, first = self.newest(Observation, Observation.stay_id == stay_id)
        one = ids | {"observation_id": first}
        self.send("nora", f"{place}/{{observation_id}}/take-back", text, one, **own)
        other = ids | {"observation_id": second}
        right = ill | {"respiratory_rate_per_min": "30"}
        self.send("nora", f"{place}/{{observation_id}}/correct", text, other, **right)
        alert = {"alert_id": self.newest(Alert, Alert.stay_id == stay_id)[0]}
        plan = {"plan": "Reassess in person", "recheck_minutes": "15"}
        self.send("nora", "/alerts/{alert_id}/acknowledgement", text, alert, **plan, **own)
        call = {"how": "by phone"}
        self.send("nora", "/alerts/{alert_id}/calls", text, alert, **call, **own)
        step = self.newest(AlertStep, AlertStep.alert_id == alert["alert_id"])[0]
        over = {"reason": "Another reason", "step_id": step}
        self.send("priya", "/alerts/{alert_id}/closing", text, alert, **over, **own)

    def share(self, stay_id: int, text: str) -> None:
        """Consent, emergency, restriction and counselling note, and what becomes of each."""
        ids, own = {"stay_id": stay_id}, {"opened_for": stay_id}
        local = f"{clock.now().astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%dT%H:%M:%S.%f}"
        stay = "/stays/{stay_id}"
        self.send("chen", f"{stay}/restrictions", text, ids, **own)
        wish = {"restriction_id": self.newest(Restriction)[0], "verdict": "declined"}
        self.send("pavel", f"{stay}/restrictions/answer", text, ids, **wish, **own)
        self.send("chen", f"{stay}/emergency", text, ids, told_at=local, **own)
        signed = {
            "scope": RecordKind.COURSE.value,
            "recipient_kind": RecipientKind.PERSON.value,
            "purpose_kind": PurposeKind.SPECIFIC.value,
            "signed_how": SignedHow.PAPER.value,
            "signed_at": local,
        }
        for _ in range(2):
            self.send("chen", f"{stay}/consents", text, ids, **signed, **own)
        over = {"consent_id": self.newest(Consent)[0], "kind": EndKind.REVOKED.value}
        self.send("chen", f"{stay}/consents/end", text, ids, **over, **own)
        often = {"instrument": "cows", "every": "240"}
        self.send("priya", f"{stay}/orders", text, ids, **often, **own)
        order = ids | {"observation_order_id": self.newest(ObservationOrder)[0]}
        self.send("priya", f"{stay}/orders/{{observation_order_id}}/end", text, order, **own)
        notes = f"{stay}/counselling"
        self.send("theo", notes, text, ids, reason="", **own)
        self.send("theo", notes, text, ids, supersedes_id=self.newest(CounsellingNote)[0], **own)

    def look_after(self, stay_id: int, text: str) -> None:
        """Leaves, orders for the night and safety rounds, each put right and taken back."""
        ids, own, stay = {"stay_id": stay_id}, {"opened_for": stay_id}, "/stays/{stay_id}"

        def local(minutes: int) -> str:
            at = clock.now() + timedelta(minutes=minutes)
            return f"{at.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%dT%H:%M:%S.%f}"

        for _ in range(2):
            away = {"why": "pass", "expected": local(60)}
            self.send("nora", f"{stay}/leave", text, ids, **away, **own)
            leave = ids | {"leave_id": self.newest(Leave)[0]}
            right = away | {"left": local(0), "returned": local(0), **own}
            self.send("nora", f"{stay}/leave/{{leave_id}}/correct", text, leave, **right)
        leave = ids | {"leave_id": self.newest(Leave)[0]}
        self.send("nora", f"{stay}/leave/{{leave_id}}/take-back", text, leave, **own)
        # Who has an urgent alert is woken, so it is the other order for the night.
        self.send("priya", f"{stay}/nights", text, ids, kind="spo2", **own)
        self.send("priya", f"{stay}/nights/end", text, ids, kind="spo2", **own)
        self.send("chen", f"{stay}/safety-orders", text, ids, level="q15", **own)
        seen = {"place": "D", "doing": "T"}
        for _ in range(2):
            self.send("nora", f"{stay}/safety", text, ids, **seen, **own)
        second, first = self.newest(SafetyCheck)[:2]
        check = ids | {"safety_check_id": second}
        self.send("nora", f"{stay}/safety/{{safety_check_id}}/take-back", text, check, **own)
        check = ids | {"safety_check_id": first}
        self.send("nora", f"{stay}/safety/{{safety_check_id}}/correct", text, check, **seen, **own)

    def administer(self, stay_id: int, text: str) -> None:
        """Glass that is broken, and people who are invited."""
        self.all_prove_who_they_are()
        code = select(Patient.code).join(Stay).where(Stay.id == stay_id)
        with self.sessions() as session:
            where = {"unit_id": self.ward.unit.id, "where": session.scalars(code).one()}
        self.send("ada", "/glass", text, reason=GlassReason.EMERGENCY.value, **where)
        broken = {"glass_id": self.newest(Glass)[0]}
        found = {"outcome": "justified"}
        self.send("pavel", "/privacy/glass/{glass_id}/review", text, broken, **found)
        self.all_prove_who_they_are()
        login = f"new.{uuid4().hex[:8]}"
        self.send("ada", "/admin/staff", _printable(text), login_name=login, role="nurse")

    def plant(self) -> None:
        """Names that no form here can give, and a reason that is kept on the trail only."""
        self.all_prove_who_they_are()
        for label in _packed(60):
            self.send("chen", "/admin/workstations", _printable(label), kind="tablet")
        nora = {"staff_id": self.ward.staff["nora"].id}
        self.send("chen", "/admin/sign-in-help/reset", " ".join(TEXTS[:4]), **nora)
        with self.sessions.begin() as session:
            unit = session.get_one(Unit, self.ward.unit.id)
            unit.name = " ".join(TEXTS)
            session.get_one(Staff, self.ward.staff["chen"].id).name = " ".join(TEXTS)
            for number, text in enumerate(TEXTS):
                session.add(Bed(unit_id=unit.id, label=text, position=100 + number))
                session.add(
                    Passkey(
                        staff_id=self.ward.staff["chen"].id,
                        name=text,
                        credential_id=text.encode(),
                        public_key=b"k",
                        sign_count=0,
                        made_at=clock.now(),
                    )
                )


@pytest.fixture
def planted(served: Served, fresh_database: str) -> list[int]:
    """Every payload in every field: each to a patient, and lists of them to the first."""
    with ExitStack() as stack:
        typist = Typist(served, fresh_database, stack)
        found = [typist.admit(text) for text in TEXTS]
        for stay_id, text in zip(found, TEXTS, strict=True):
            typist.chart(stay_id, text)
            typist.share(found[0], text)
            typist.look_after(found[0], text)
            typist.administer(found[0], text)
        typist.plant()
        assert typist.sent == set(TYPED)
    return found


SEEN_BY = {
    "chen": (
        "/?view=cards",
        "/?view=rows&order=worst",
        "/wall",
        "/alerts",
        "/alerts?show=closed",
        "/reports",
        "/admit",
        "/account",
        "/admin/workstations",
        "/admin/sign-in-help",
        "{stay}/manage",
        "{stay}/record",
        "{stay}/orders",
        "{stay}/leave",
        "{stay}/safety",
        "/rounds",
        "/rounds/safety",
        "{stay}/sharing",
        "{stay}/consents",
    ),
    "theo": ("{stay}/counselling",),
    "ada": ("/admin/staff", "/glass"),
    "pavel": (
        "/privacy",
        "/privacy/glass",
        "/privacy/disclosures",
        "{stay}/sharing",
        "{stay}/accounting",
    ),
}


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
    with sessions_on(fresh_database) as sessions, sessions() as session:
        the_ward(session)
        alerts = {row.stay_id: row.id for row in session.execute(select(Alert.stay_id, Alert.id))}
        kept = session.execute(select(Observation.stay_id, Observation.id))
        sets = {row.stay_id: row.id for row in kept.all()}
    first = f"/stays/{planted[0]}"
    for who, paths in SEEN_BY.items():
        page.goto("about:blank")  # or what is open would ask on as somebody else
        sign_in(watched, served.address, who)
        for path in paths:
            _look(page, served.address + path.format(stay=first), complaints)
            assert page.url.startswith(served.address)
        if who == "chen":
            for stay_id, text in zip(planted, TEXTS, strict=True):
                _look(page, f"{served.address}/stays/{stay_id}", complaints)
                shown = " ".join(page.locator("body").inner_text().split())
                assert " ".join(text.split()) in shown  # it is read as it was typed
                for path in (
                    f"/stays/{stay_id}/observations/{sets[stay_id]}",
                    f"/alerts/{alerts[stay_id]}",
                ):
                    _look(page, served.address + path, complaints)
    assert complaints == []


def test_there_are_sixty_and_each_is_typed() -> None:
    assert len(set(PAYLOADS)) == len(PAYLOADS) == 60
    assert all(any(payload in text for text in TEXTS) for payload in PAYLOADS)
    assert max(map(len, TEXTS)) <= 100
