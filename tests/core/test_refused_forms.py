"""A refused form comes back with what was typed, and says beside the field what is wrong.

Each is filled in as its page offers it, sent as a browser without script sends it, with one input
more than it has; then it is read off the answer as the browser would read it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.links import service as links
from backend.accounts.links.models import LinkKind
from backend.accounts.sign_in.models import ONE_FACTOR
from backend.alerts import queries as alerts
from backend.alerts.service import close_all
from backend.care.sharing import service as sharing
from backend.clinical.vitals import Vitals
from backend.core import clock, typed_again
from backend.core.web import TEMPLATES
from backend.main import app
from backend.protocols import queries as protocols
from backend.rounds.leave import service as leaves
from backend.rounds.models import ObservationOrder
from backend.rounds.nights import service as nights
from backend.rounds.nights.models import NightKind
from backend.rounds.safety import service as safety
from backend.stays.leave.facts import Facts
from backend.stays.leave.models import Away
from backend.stays.models import Stay
from tests import build, people
from tests.care import build as care
from tests.people import Ward, opens

Browser = Callable[[str | None], TestClient]
Fields = dict[str, list[str]]
TICKED = {"checkbox", "radio"}
# Who sends each form into which something is typed or chosen.
FORMS = {
    "/admit": "nora",
    "/stays/{stay_id}/bed": "nora",
    "/stays/{stay_id}/discharge": "nora",
    "/stays/{stay_id}/consents": "nora",
    "/stays/{stay_id}/consents/end": "nora",
    "/stays/{stay_id}/emergency": "nora",
    "/stays/{stay_id}/restrictions": "nora",
    "/stays/{stay_id}/restrictions/answer": "pavel",
    "/stays/{stay_id}/counselling": "theo",
    "/stays/{stay_id}/orders": "chen",
    "/stays/{stay_id}/orders/{observation_order_id}/end": "chen",
    "/rounds/assignments": "chen",
    "/alerts/{alert_id}/acknowledgement": "nora",
    "/alerts/{alert_id}/calls": "nora",
    "/alerts/{alert_id}/closing": "priya",
    "/glass": "nora",
    "/privacy/glass/{glass_id}/review": "pavel",
    "/privacy/find": "pavel",
    "/privacy/disclosures/find": "pavel",
    "/reports/shift/file": "chen",
    "/duty": "chen",
    "/stays/{stay_id}/leave": "nora",
    "/stays/{stay_id}/leave/later": "nora",
    "/stays/{stay_id}/leave/back": "nora",
    "/stays/{stay_id}/leave/{leave_id}/correct": "nora",
    "/stays/{stay_id}/leave/{leave_id}/take-back": "nora",
    "/stays/{stay_id}/nights": "priya",
    "/stays/{stay_id}/nights/end": "priya",
    "/stays/{stay_id}/safety-orders": "nora",
    "/stays/{stay_id}/safety": "nora",
    "/stays/{stay_id}/safety/{safety_check_id}/correct": "nora",
    "/stays/{stay_id}/safety/{safety_check_id}/take-back": "nora",
    "/admin/staff": "ada",
    "/admin/staff/{staff_id}/role": "ada",
    "/admin/workstations": "chen",
    "/admin/workstations/limits": "chen",
    "/first-run": "nobody",
    "/workstation": "nobody",
    "/sign-in": "nobody",
    "/step-up": "nora",
}
# These stand on the page only while somebody is off the unit.
WHILE_AWAY = {"/stays/{stay_id}/leave/later", "/stays/{stay_id}/leave/back"}
# They hold what is never shown again, or show it again by themselves.
OTHERWISE = {
    "/account/app/confirm": "six digits that are old by then",
    "/account/password": "a password",
    "/account/passkeys": "what a key said; tests/accounts/test_passkeys.py",
    "/account/pin": "a PIN",
    "/welcome": "a password",
    "/sign-in/code": "digits that are spent",
    "/lock/unlock": "a PIN",
    "/lock": "never refused: a lock always locks",
    "/stays/{stay_id}/accounting/file": "buttons alone",
    "/privacy/log/file": "all of it is hidden in the form",
    "/privacy/retention/purges/{purge_id}/answer": "only where a purge waits for a second person",
    "/unit": "one choice, in the menu of every page",
    "/step-up/passkey": "what a key said, spent",
    "/sign-in/passkey": "what a key said, spent",
    "/admin/sign-in-help/reset": "for who has something to lose; tests/accounts/test_admin.py",
    "/stays/{stay_id}/observations": "reads itself; tests/observations/test_sheet.py",
    "/stays/{stay_id}/observations/{observation_id}/correct": "the same",
    "/stays/{stay_id}/observations/{observation_id}/take-back": "below, with the set it is about",
    "/stays/{stay_id}/score-preview": "stores nothing",
}


@dataclass
class Offered:
    """One form as a browser has it: what it would send, and what could be chosen."""

    action: str
    sent: Fields = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    choices: Fields = field(default_factory=dict)
    described: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, value: str) -> None:
        """One more input that would be sent."""
        if name:
            self.sent.setdefault(name, []).append(value)


class Read(HTMLParser):
    """The forms of a page, and the sentences beside their fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[Offered] = []
        self.errors: dict[str, str] = {}
        self._select: tuple[str, list[tuple[str, bool]]] | None = None
        self._option: tuple[str | None, bool] | None = None
        self._within: tuple[str, str] | None = None
        self._text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self._text = ""
        if tag == "form":
            self.forms.append(Offered(said.get("action", "")))
        elif tag == "input" and self.forms:
            self._input(said)
        elif tag == "select":
            self._select = (said.get("name", ""), [])
        elif tag == "option":
            self._option = (said.get("value"), "selected" in said)
        elif tag == "textarea":
            self._within = ("textarea", said.get("name", ""))
        elif tag == "span" and said.get("id", "").startswith("error-"):
            self._within = ("span", said["id"].removeprefix("error-"))

    def _input(self, said: dict[str, str]) -> None:
        form, name, kind = self.forms[-1], said.get("name", ""), said.get("type", "text")
        form.kinds[name] = kind
        if "aria-invalid" in said:
            form.described[name] = said.get("aria-describedby", "")
        if kind in TICKED:
            form.choices.setdefault(name, []).append(said.get("value", "on"))
        if "checked" in said or (kind not in {*TICKED, "submit"} and "disabled" not in said):
            form.add(name, said.get("value", ""))

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "option" and self._select and self._option:
            value, chosen = self._option
            self._select[1].append((self._text.strip() if value is None else value, chosen))
        elif tag == "select" and self._select and self.forms:
            name, options = self._select
            every = [value for value, _ in options]
            self.forms[-1].choices[name] = every
            self.forms[-1].add(name, next((v for v, chosen in options if chosen), every[0]))
        elif self._within and tag == self._within[0]:
            if tag == "span":
                self.errors[self._within[1]] = self._text.strip()
            else:
                self.forms[-1].add(self._within[1], self._text.removeprefix("\n"))
            self._within = None

    def of(self, action: str, about: Fields | None = None) -> Offered:
        """The form of this address; of several, the one with these hidden values."""
        found = [form for form in self.forms if form.action == action]
        assert found, f"no form sends to {action}: {[form.action for form in self.forms]}"
        same = [f for f in found if about and about.items() <= f.sent.items()]
        return (same or found)[-1]


WORDS = """O"Brien & <b>Söhne</b> 'x' {{7*7}}"""
BY_KIND = {
    "number": "77",
    "date": "2026-01-02",
    "datetime-local": "2026-01-02T03:04",
    "text": WORDS,
    "": WORDS,
}


def _filled(form: Offered) -> Fields:
    """As somebody fills it in: other than it was offered, wherever that can be."""
    typed = {name: form.sent[name] for name, kind in form.kinds.items() if kind == "hidden"}
    for name, choices in form.choices.items():
        typed[name] = choices if form.kinds.get(name) == "checkbox" else choices[-1:]
    for name in form.sent.keys() - typed.keys():
        if form.kinds.get(name) != "password":
            typed[name] = [BY_KIND.get(form.kinds.get(name, "text"), WORDS)]
    return typed


def _pages() -> list[Any]:
    return [
        route
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, APIRoute)
        and "POST" in (route.methods or ())
        and not str(route.path).startswith("/api/")
    ]


def _asks(route: Any) -> set[str]:
    kinds = [param.field_info.annotation for param in route.dependant.body_params]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    names = {name for model in models for name in model.model_fields}
    return names - {"key", "opened_by", "opened_in", "opened_for", "sent_at"}


# Hidden in a form, so that nobody types them.
UNSEEN = {"to", "again", "kept", "answer", "sign_in_id", "staff_id", "passkey_id", "format"}


def test_every_form_into_which_something_is_typed_is_tried_here() -> None:
    asking = {str(route.path) for route in _pages() if _asks(route) - UNSEEN}
    assert asking - set(FORMS) - set(OTHERWISE) == set(), "say in FORMS who sends it"
    assert set(FORMS) | set(OTHERWISE) <= {str(route.path) for route in _pages()}


@pytest.fixture
def ids(session: Session, ward: Ward) -> dict[str, int]:
    """A patient with an alert, a consent and a wish; broken glass; somebody to post elsewhere."""
    stay = build.stay(session, ward, orders={"news2": 240})
    ill = Vitals(respiratory_rate_per_min=28, spo2_percent=88, pulse_per_min=128)
    row = build.recorded(session, ward, stay, vitals=ill)
    care.consent(session, ward, stay)
    ordered = select(ObservationOrder.id).where(
        ObservationOrder.stay_id == stay.id, ObservationOrder.instrument == "news2"
    )
    for words in ("Tell nobody.", "Not my brother."):
        sharing.ask_restriction(
            session, ward.staff["nora"].id, stay, key=uuid4(), asked=words, recipient=None
        )
    looked = safety.record(
        session,
        ward.staff["nora"].id,
        stay,
        key=uuid4(),
        look=safety.Look(answers={"place": "D", "doing": "A"}),
    )
    build.watched(session, ward, stay, "q15")
    now, nora = clock.now(), ward.staff["nora"].id
    nights.order(
        session,
        ward.staff["priya"].id,
        stay,
        key=uuid4(),
        kind=NightKind.SPO2,
        at=now,
        in_force=protocols.in_force(session, stay.unit_id, at=now),
    )
    group = Facts(
        why=Away.THERAPY,
        left_at=now - timedelta(minutes=9),
        expected_at=now + timedelta(hours=1),
    )
    leaves.leave(session, nora, stay, key=uuid4(), facts=group)
    back = leaves.come_back(session, nora, stay, key=uuid4())
    return {
        "stay_id": stay.id,
        "safety_check_id": looked.id,
        "leave_id": back.id,
        "alert_id": alerts.open_on_stay(session, stay.id)[0].id,
        "glass_id": care.glass(session, ward.staff["dana"].id, stay).id,
        "staff_id": ward.staff["tess"].id,
        "observation_id": row.id,
        "observation_order_id": session.scalars(ordered).one(),
    }


def _where(session: Session, route: Any, ward: Ward, ids: dict[str, int]) -> str:
    """The address of the page on which the form stands."""
    page = str(getattr(route.original_route.endpoint, "stands_on", route.path))
    if not set(re.findall(r"{(\w+)}", page)) <= set(ids):
        page = page.split("?", maxsplit=1)[0]
    page = re.sub(r"{(\w+)}", lambda name: str(ids[name[1]]), page)
    if route.path == "/first-run":
        ada = ward.staff["ada"].id
        return f"{page}?link={links.make(session, ada, LinkKind.FIRST_RUN, None, now=clock.now())}"
    return page


@pytest.mark.parametrize("path", FORMS)
def test_a_refused_form_comes_back_as_it_was_typed(
    session: Session, client: Browser, ward: Ward, ids: dict[str, int], path: str
) -> None:
    route = next(one for one in _pages() if one.path == path)
    browser = client(None if FORMS[path] == "nobody" else FORMS[path])
    care.stepped_up(session)
    where = _where(session, route, ward, ids)
    if path in WHILE_AWAY:
        gone = Facts(
            why=Away.PASS, left_at=clock.now(), expected_at=clock.now() + timedelta(hours=1)
        )
        stay = session.get_one(Stay, ids["stay_id"])
        leaves.leave(session, ward.staff["nora"].id, stay, key=uuid4(), facts=gone)
    opened = browser.get(where)
    if path == "/reports/shift/file":
        where = re.findall(r'href="(/reports/shift\?[^"]+)"', browser.get("/reports").text)[0]
        opened = browser.get(where.replace("&amp;", "&"))
    assert opened.status_code == 200, opened.headers
    address = re.sub(r"{(\w+)}", lambda name: str(ids[name[1]]), path)
    form = Read(opened.text).of(address)
    typed = _filled(form)
    answer = browser.post(address, data=typed | {"surprise": ["1"]})
    assert answer.status_code == 422
    back = Read(answer.text).of(
        address, {name: typed[name] for name in typed if form.kinds.get(name) == "hidden"}
    )
    key = typed.pop("key", None)
    assert {name: back.sent.get(name) for name in typed} == typed
    assert "<b>Söhne</b>" not in answer.text
    assert key is None or back.sent["key"] != key, "what comes next is another deed"


def test_each_sentence_stands_beside_its_field(client: Browser, ward: Ward) -> None:
    typed = {"key": str(uuid4()), **opens(ward.staff["nora"]), "family_name": "x" * 101}
    typed |= {"given_name": "Rosa", "born_on": "1985-13-44", "instruments": "news2"}
    page = client("nora").post("/admit", data=typed).text
    read = Read(page)
    form = read.of("/admit")
    assert set(read.errors) == {"family_name", "born_on"}
    assert form.described == {"family_name": "error-family_name", "born_on": "error-born_on"}
    assert "nothing was saved" in page.split('class="form-errors"')[1].split("</div>")[0]
    assert form.sent["family_name"] == ["x" * 101]


def test_a_bed_that_was_taken_meanwhile_is_said_beside_the_choice(
    session: Session, client: Browser, ward: Ward
) -> None:
    stay = build.stay(session, ward, bed="7")
    browser = client("nora")
    path, taken = f"/stays/{stay.id}/bed", [str(ward.beds["9"].id)]
    form = Read(browser.get(f"/stays/{stay.id}/manage").text).of(path)
    build.stay(session, ward, bed="9")
    answer = browser.post(path, data=form.sent | {"bed_id": taken})
    assert answer.status_code == 409
    assert Read(answer.text).of(path).sent["bed_id"] == [""], "no other bed is chosen for them"
    assert 'class="form-errors" role="alert" tabindex="-1" autofocus' in answer.text


def test_words_whose_form_is_gone_are_shown_to_be_copied(
    session: Session, client: Browser, ward: Ward, ids: dict[str, int]
) -> None:
    browser, path = client("nora"), f"/alerts/{ids['alert_id']}/calls"
    form = Read(browser.get(f"/alerts/{ids['alert_id']}").text).of(path)
    stay = session.get_one(Stay, ids["stay_id"])
    close_all(session, ward.staff["priya"].id, stay, at=clock.now(), reason="over")
    typed = {"called": ["Dr Vance"], "response": ["<i>comes</i> at once"]}
    answer = browser.post(path, data=form.sent | typed)
    assert answer.status_code == 409
    assert "What you wrote, to copy" in answer.text
    assert "Dr Vance" in answer.text
    assert "&lt;i&gt;comes&lt;/i&gt; at once" in answer.text


def test_nobody_reads_what_another_person_typed(
    session: Session, client: Browser, ward: Ward, ids: dict[str, int]
) -> None:
    """Nora's page, and chen at the keys by now: also where it is refused for something else."""
    path = f"/stays/{ids['stay_id']}/restrictions"
    typed = {"key": str(uuid4()), **opens(ward.staff["nora"]), "opened_for": str(ids["stay_id"])}
    typed |= {"asked": "Never tell my brother.", "surprise": "1"}
    answer = client("chen").post(path, data=typed)
    assert answer.status_code == 422
    assert "brother" not in answer.text
    earlier = client("nora")
    people.sign_in(session, ward.staff["nora"])
    assert "brother" not in client("chen").post(path, data=typed).text
    assert "brother" in earlier.post(path, data=typed).text


def test_what_was_typed_for_one_patient_never_stands_in_the_form_of_another(
    session: Session, client: Browser, ward: Ward, ids: dict[str, int]
) -> None:
    other = build.stay(session, ward, bed="8")
    typed = {"key": str(uuid4()), **opens(ward.staff["nora"]), "opened_for": str(ids["stay_id"])}
    answer = client("nora").post(
        f"/stays/{other.id}/restrictions", data=typed | {"asked": "Never tell my brother."}
    )
    assert answer.status_code == 409
    assert "another patient" in answer.text
    assert 'name="asked"' not in answer.text, "only to copy, outside any form"


def test_a_password_is_never_sent_back(client: Browser) -> None:
    typed = {"to": "/", "login_name": "nora", "password": "swordfish", "surprise": "1"}
    answer = client(None).post("/sign-in", data=typed)
    assert answer.status_code == 422
    assert 'value="nora"' in answer.text
    assert "swordfish" not in answer.text


def test_without_the_right_to_the_page_the_refusal_is_said_alone(
    session: Session, client: Browser, ward: Ward
) -> None:
    stay = build.stay(session, ward)
    typed = {"key": str(uuid4()), **opens(ward.staff["tess"]), "opened_for": str(stay.id)}
    answer = client("tess").post(f"/stays/{stay.id}/bed", data=typed | {"bed_id": "x"})
    assert answer.status_code in {403, 422}
    assert "Pennywhistle" not in answer.text
    half = client(None)
    half.cookies.set("vigil", people.sign_in(session, ward.staff["nora"], assurance=ONE_FACTOR))
    assert "Pennywhistle" not in half.post(f"/stays/{stay.id}/bed", data=typed).text


def test_htmx_is_told_the_field_and_gets_nothing_else(client: Browser, ward: Ward) -> None:
    typed = {"key": str(uuid4()), **opens(ward.staff["nora"]), "family_name": "Quicksilver " * 20}
    answer = client("nora").post("/admit", data=typed, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert '<li data-for="family_name">' in answer.text
    assert "Quicksilver" not in answer.text
    assert "autofocus" not in answer.text


def test_an_input_that_nobody_asked_for_is_not_repeated_by_its_name(
    client: Browser, ward: Ward
) -> None:
    typed = {"key": str(uuid4()), **opens(ward.staff["nora"]), "Quicksilver": "1"}
    for headers in ({}, {"HX-Request": "true"}):
        answer = client("nora").post("/admit", data=typed, headers=headers)
        assert "does not ask that" in answer.text
        assert "Quicksilver" not in answer.text


def test_every_form_that_htmx_sends_has_a_place_for_a_refusal() -> None:
    """Without one it would be lost: the status leads there."""
    silent = []
    for path in TEMPLATES.rglob("*.html"):
        for form in re.findall(r"<form\b.*?</form>", path.read_text(), re.DOTALL):
            own = "hx-status:422" in form and "hx-status:409" in form
            if "hx-post=" in form and 'class="form-errors"' not in form and not own:
                silent.append(path.name)
    assert silent == []


PAGE = (
    '<body data-person="1" data-sign-in="2"><div id="message"></div><details><summary>x</summary>'
    '<form action="/a"><input type="hidden" name="opened_by" value="1">'
    '<fieldset><label><input type="radio" name="how" value="a" checked>a</label>'
    '<label><input type="radio" name="how" value="b">b</label></fieldset>'
    "<label>Note<textarea name=\"note\"></textarea></label></form></details></body>"
)  # fmt: skip


def test_what_is_folded_away_is_opened_and_a_group_has_one_sentence() -> None:
    page = typed_again.again(
        PAGE,
        action="/a",
        typed={"opened_by": ["1"], "opened_in": ["2"], "how": ["b"], "note": ["</textarea>\x00"]},
        sentence="No.",
        field_errors={"how": "Choose.", "note.0": "Too strange.", "nowhere": "Odd."},
    )
    assert page is not None
    assert "<details open>" in page
    assert page.count('id="error-how"') == 1
    assert '</label><span class="error" id="error-how">Choose.</span></fieldset>' in page
    assert "\n&lt;/textarea&gt;</textarea></label>" in page
    assert 'value="b" checked aria-invalid="true" aria-describedby="error-how">' in page
    assert '<li data-for="nowhere">Odd.</li>' in page
