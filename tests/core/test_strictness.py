"""Whatever is sent to whatever there is: refused in a sentence, never a fault, never echoed.

The routes, the inputs of every form and the questions of every address are read off the
application, so that a new one is tried without anybody thinking of it.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_args, get_origin
from uuid import UUID, uuid4

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from backend.accounts.permissions import ALLOWED, MACHINES, Role
from backend.alerts import queries as alerts
from backend.alerts.models import Alert
from backend.clinical.vitals import Vitals
from backend.main import app, tables
from backend.observations.events import service as events
from backend.observations.events.models import Event, EventKind
from backend.observations.models import Observation
from backend.rounds.models import ObservationOrder
from backend.rounds.safety import service as safety
from backend.stays.models import Stay
from tests import build
from tests.people import PEOPLE, Ward, opens

Opens = Callable[[str | None], TestClient]
CANARY = "Quicksilver"
# Each is wrong for every input there is: nobody writes that.
NEVER_RIGHT: dict[str, bytes] = {
    "NUL": b"%00" + CANARY.encode(),
    "invalid UTF-8": b"%ff%fe" + CANARY.encode(),
    "half a letter": b"%ed%a0%80" + CANARY.encode(),
    "a letter that turns others round": b"%e2%80%ae" + CANARY.encode(),
    "a control letter": b"%1b%5b2J" + CANARY.encode(),
    "100,000 characters": (CANARY * 10_000).encode(),
}
# Wrong for whatever is a number, a time, a choice or a key; some text may well read so.
STRANGE = [
    b"NaN", b"nan", b"Infinity", b"-Infinity", b"1e400", b"1_80", b"true", b"0x10", b"%2B5", b"5.0",
    b"%EF%BC%95", b"-1", b"99999999999999999999", b"2147483648", b"[]", b"{}", b"null", b"'", b'"',
    b"';--", b"1;DROP+TABLE+stay", b"%25s", b"{{7*7}}", b"0000-00-00", b"9999-12-31T23:59",
    b"2026-02-30", b"2026-11-24T99:99", b"+", b"%0d%0aSet-Cookie:+x=1",
]  # fmt: skip
# Read by themselves, since every name depends on the instruments: what they ask.
SHEET = {"outcome": "assessed", "pulse_per_min": "", "note": ""}
TIMES = {"started": "", "ended": "", "repeated": "first"}
READ_BY_HAND = {
    "/stays/{stay_id}/score-preview": {**SHEET, "ciwa-b.tense": ""},
    "/stays/{stay_id}/observations": {**SHEET, "observed_local": ""},
    "/stays/{stay_id}/observations/queued": {**SHEET, "saved_on_device_at": "2026-11-24T02:14Z"},
    "/stays/{stay_id}/observations/{observation_id}/correct": {**SHEET, "reason": "ordinary words"},
    "/stays/{stay_id}/observations/{observation_id}/take-back": {"reason": "ordinary words"},
    "/stays/{stay_id}/events": {**TIMES, "kind": "fall"},
    "/stays/{stay_id}/events/{event_id}/end": {},
    "/stays/{stay_id}/events/{event_id}/correct": {
        **TIMES,
        "kind": "seizure",
        "reason": "ordinary words",
    },
    "/stays/{stay_id}/events/{event_id}/take-back": {"reason": "ordinary words"},
    "/stays/{stay_id}/counselling": {"text": "ordinary words", "supersedes_id": "", "reason": ""},
}

# Shows what a set would add up to, of whatever can be read of it. It stores nothing.
PREVIEW = "/stays/{stay_id}/score-preview"
# They change no record, and ask for nothing that could be wrong: a lock always locks.
UNASKED = {PREVIEW, "/lock"}


def _pages() -> list[Any]:
    """What people open and send; the API has its own table."""
    return [
        route
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, APIRoute)
        and not str(route.path).startswith(("/api/", "/live", "/healthz"))
    ]


def _models(route: Any) -> list[type[BaseModel]]:
    kinds = [param.field_info.annotation for param in route.dependant.body_params]
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _is_form(route: Any) -> bool:
    return "POST" in route.methods and bool(_models(route) or route.path in READ_BY_HAND)


FORMS = [route for route in _pages() if _is_form(route)]
QUESTIONS = [r for r in _pages() if "GET" in r.methods and r.dependant.query_params]
each_form = pytest.mark.parametrize("route", FORMS, ids=lambda route: route.path)


def _parts(annotation: Any) -> list[Any]:
    """What a value may be, without what only limits it."""
    inner = [one for one in get_args(annotation) if isinstance(one, type) or get_args(one)]
    if get_origin(annotation) is Literal:
        return [annotation]
    return [part for one in inner for part in _parts(one)] if inner else [annotation]


def _good(name: str, annotation: Any, *, who: int, ids: dict[str, int]) -> str:
    """Something of the right kind, so that an answer is about the one input that is wrong."""
    kind = _parts(annotation)[0]
    if name == "opened_by":
        return str(who)
    if name == "opened_for":
        return str(ids["stay_id"])
    if get_origin(kind) is Literal:
        return str(get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return str(next(iter(kind)).value)
    examples: dict[Any, str] = {
        UUID: str(uuid4()), int: "1", bool: "true", date: "1985-03-04", Decimal: "1"
    }  # fmt: skip
    return examples.get(kind, "ordinary words")


class Sender:
    """Sends one form with one input spoilt, as somebody who may send it."""

    def __init__(self, route: Any, client: Opens, ward: Ward, ids: dict[str, int]) -> None:
        self.route = route
        permissions = {p for p in map(_permission, _calls(route.dependant)) if p is not None}
        names = {role: name for name, role in reversed(PEOPLE.items())}
        able = [r for r in Role if r not in MACHINES and permissions <= ALLOWED[r]]
        assert able, f"{route.path} is closed to everybody"
        who = names[able[0]]
        self.client = client(who)
        self.path = re.sub(r"{(\w+)}", lambda name: str(ids.get(name[1], 1)), route.path)
        self.good = {
            field.alias or name: _good(name, field.annotation, who=ward.staff[who].id, ids=ids)
            for model in _models(route)
            for name, field in model.model_fields.items()
        } or {
            "key": str(uuid4()),
            **opens(ward.staff[who]),
            "opened_for": str(ids["stay_id"]),
            **READ_BY_HAND.get(route.path, {}),
        }
        mine = opens(ward.staff[who])
        self.good |= {name: mine[name] for name in mine if name in self.good}
        self.fields = [name for name in self.good if name not in {"key", "opened_for", *mine}] or [
            "key"
        ]

    def send(self, spoilt: dict[str, bytes], *more: bytes) -> Any:
        """The answer. Nothing that was sent stands in it or in the log."""
        values = {name: value.encode().replace(b" ", b"+") for name, value in self.good.items()}
        parts = [n.encode() + b"=" + v for n, v in (values | spoilt).items()]
        with capture_logs() as logged:
            answer = self.client.post(
                self.path,
                content=b"&".join([*parts, *more]),
                headers={"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"},
            )
        assert answer.status_code < 500, (self.path, spoilt)
        assert CANARY not in str(logged)
        return answer


def _calls(dependant: Any) -> list[Any]:
    return [c for inner in dependant.dependencies for c in (inner.call, *_calls(inner))]


def _permission(call: Any) -> Any:
    return getattr(call, "permission", None)


@pytest.fixture
def ids(session: Session, ward: Ward) -> dict[str, int]:
    """A patient with a set and an alert."""
    stay = build.stay(session, ward, orders={"news2": 240})
    ill = Vitals(respiratory_rate_per_min=28, spo2_percent=88, pulse_per_min=128)
    row = build.recorded(session, ward, stay, vitals=ill)
    alert = alerts.open_on_stay(session, stay.id)[0]
    ordered = select(ObservationOrder.id).where(ObservationOrder.stay_id == stay.id)
    look = safety.Look(answers={"place": "D", "doing": "A"})
    looked = safety.record(session, ward.staff["nora"].id, stay, key=uuid4(), look=look)
    return {
        "stay_id": stay.id,
        "observation_id": row.id,
        "alert_id": alert.id,
        "event_id": _seizure(session, ward, stay).id,
        "observation_order_id": session.scalars(ordered).first() or 0,
        "safety_check_id": looked.id,
    }


def _seizure(session: Session, ward: Ward, stay: Stay) -> Event:
    nora = ward.staff["nora"].id
    return events.record(session, nora, stay, key=uuid4(), kind=EventKind.SEIZURE)


def _rows(session: Session) -> int:
    """How many sets, patients, stays, alert steps and the like there are."""
    return sum(
        session.scalars(select(func.count()).select_from(table)).one()
        for table in tables.metadata.sorted_tables
        if table.name not in {"audit_entry", "sign_in", "failed_try"}
    )


def test_every_form_is_tried() -> None:
    assert len(FORMS) > 12
    untried = [r.path for r in _pages() if "POST" in r.methods and r not in FORMS]
    takes_nothing = [p for p in untried if p.endswith(("/sign-out",))]
    for route in _pages():
        if route.path in untried and route.path not in takes_nothing:
            assert not _reads_a_body(route), f"{route.path}: say in READ_BY_HAND what it reads"


def _reads_a_body(route: Any) -> bool:
    names = [getattr(call, "__name__", "") for call in _calls(route.dependant)]
    return any(name.startswith("what_was_") for name in names)


@each_form
def test_no_form_is_broken_by_what_is_sent(
    session: Session, client: Opens, ward: Ward, ids: dict[str, int], route: Any
) -> None:
    """Refused in a sentence that echoes nothing, and nothing is stored."""
    sender = Sender(route, client, ward, ids)
    before = _rows(session)
    for field in sender.fields:
        for what, value in NEVER_RIGHT.items():
            answer = sender.send({field: value})
            if route.path == PREVIEW:
                continue
            assert 400 <= answer.status_code < 500, (field, what)
            assert re.search(r"[A-Z][^<>]{5,}[.?]", answer.text), (field, what)
            if route.path not in READ_BY_HAND:  # they keep what was typed in their own inputs
                assert CANARY not in answer.text, (field, what)
    assert _rows(session) == before


@each_form
def test_what_is_strange_is_taken_as_text_or_refused(
    client: Opens, ward: Ward, ids: dict[str, int], route: Any
) -> None:
    """In any input at all, it is never a fault."""
    sender = Sender(route, client, ward, ids)
    for field in sender.fields:
        for value in STRANGE:
            answer = sender.send({field: value})
            assert "Set-Cookie: x" not in str(answer.headers)
            assert "\r\nSet-Cookie" not in str(answer.headers)


@each_form
def test_an_input_sent_twice_is_refused(
    session: Session, client: Opens, ward: Ward, ids: dict[str, int], route: Any
) -> None:
    sender = Sender(route, client, ward, ids)
    before = _rows(session)
    for model in _models(route):
        for name, field in model.model_fields.items():
            if list not in [get_origin(part) or part for part in _all(field.annotation)]:
                answer = sender.send({}, f"{field.alias or name}=".encode() + b"another")
                assert answer.status_code == 422, name
                assert "sent twice" in answer.text, name
    if route.path in READ_BY_HAND and route.path != PREVIEW:
        first = sender.fields[0]
        answer = sender.send({}, f"{first}=another".encode())
        assert answer.status_code == 422
    assert _rows(session) == before


def _all(annotation: Any) -> list[Any]:
    return [annotation, *(one for arg in get_args(annotation) for one in _all(arg))]


OF_A_PATIENT = [
    route
    for route in FORMS
    if re.search(r"{(stay|alert|observation)_id}", route.path) and route.path != PREVIEW
]


@pytest.mark.parametrize("route", OF_A_PATIENT, ids=lambda route: route.path)
def test_a_form_opened_for_one_patient_is_refused_at_another_s_address(
    session: Session, client: Opens, ward: Ward, ids: dict[str, int], route: Any
) -> None:
    """Two tabs, two patients: whatever is sent, it is of the one it was opened for."""
    other = build.stay(session, ward, bed="8")
    sender = Sender(route, client, ward, ids)
    before = _rows(session)
    for whose in (str(other.id).encode(), b""):
        answer = sender.send({"opened_for": whose})
        assert answer.status_code == 409
        assert "opened for another patient" in answer.text
    assert _rows(session) == before
    assert "another patient" not in sender.send({}).text


@each_form
def test_what_a_form_does_not_ask_is_refused(
    session: Session, client: Opens, ward: Ward, ids: dict[str, int], route: Any
) -> None:
    sender = Sender(route, client, ward, ids)
    before = _rows(session)
    for more in (
        b"id=1",
        b"staff_id=1",
        b"unit_id=2",
        b"entered_at=2020-01-01",
        b"%00=1",
        b"a[]=1",
    ):
        answer = sender.send({}, more)
        assert route.path == PREVIEW or 400 <= answer.status_code < 500, more
    assert _rows(session) == before


NAMELESS = b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--"
FILE = b'--x\r\nContent-Disposition: form-data; name="key"; filename="k"\r\n\r\n1\r\n--x--\r\n'
PLAIN, PARTS = "application/x-www-form-urlencoded", "multipart/form-data"
OTHER = {
    "JSON": ("application/json", b'{"key": 1}'),
    "text": ("text/plain", b"key=1"),
    "no boundary": (PARTS, b"--x\r\n"),
    "no name": (f"{PARTS}; boundary=x", NAMELESS),
    "a file": (f"{PARTS}; boundary=x; charset=klingon", FILE),
    "broken": (PLAIN, b"&&&=&=&==&%&%zz"),
    "5,000 inputs": (PLAIN, b"a=1&" * 5000),
    "deep": (PLAIN, b"key" + b"[" * 100_000 + b"=1"),
    "nothing": (PLAIN, b""),
    "no kind": ("", b"key=1"),
    "20 MB": (PLAIN, b"x" * 20_000_000),
}


@each_form
def test_a_body_of_another_kind_is_refused(
    session: Session, client: Opens, ward: Ward, ids: dict[str, int], route: Any
) -> None:
    sender = Sender(route, client, ward, ids)
    before = _rows(session)
    for what, (kind, body) in OTHER.items():
        answer = sender.client.post(sender.path, content=body, headers={"Content-Type": kind})
        assert answer.status_code < 500, what
        assert route.path in UNASKED or answer.status_code >= 400, what
    assert _rows(session) == before


@pytest.mark.parametrize("route", QUESTIONS, ids=lambda route: route.path)
def test_no_address_is_broken_by_what_it_asks(
    client: Opens, ward: Ward, ids: dict[str, int], route: Any
) -> None:
    sender = Sender(route, client, ward, ids)
    for param in route.dependant.query_params:
        for what, value in NEVER_RIGHT.items():
            if len(value) < 4000:
                with capture_logs() as logged:
                    answer = sender.client.get(f"{sender.path}?{param.alias}={value.decode()}")
                assert answer.status_code < 500, (param.alias, what)
                assert CANARY not in str(logged)
        for value in STRANGE:
            address = f"{sender.path}?{param.alias}={value.decode()}".replace(";", "%3B")
            assert sender.client.get(address).status_code < 500, value
        if list not in [get_origin(p) or p for p in _all(param.field_info.annotation)]:
            twice = f"{sender.path}?{param.alias}=1&{param.alias}=2"
            assert sender.client.get(twice).status_code == 422


# --- A value that compares with nothing, and one that is merely rare ---

NO_NUMBER = ["nan", "NaN", "inf", "Infinity", "-inf", "1e400", "1_80", "true", "½", "१८०", "0x64"]


def _form(ward: Ward, stay_id: int, **fields: str) -> dict[str, str]:
    signed = {"key": str(uuid4()), **opens(ward.staff["nora"])}
    return {**signed, "opened_for": str(stay_id), "outcome": "assessed", **fields}


@pytest.mark.parametrize("typed", NO_NUMBER)
@pytest.mark.parametrize("field", ["pulse_per_min", "temperature_c", "spo2_percent"])
def test_what_is_no_number_is_refused_and_raises_nothing_silently(
    session: Session, client: Opens, ward: Ward, field: str, typed: str
) -> None:
    """`NaN > 120` is false: a value like that would hide an alert."""
    stay = build.stay(session, ward)
    form = _form(ward, stay.id, **{field: typed})
    answer = client("nora").post(
        f"/stays/{stay.id}/observations", data=form, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 422
    assert session.scalars(select(Observation.id).where(Observation.stay_id == stay.id)).all() == []


@pytest.mark.parametrize(("field", "typed"), [("pulse_per_min", "230"), ("temperature_c", "31.0")])
def test_an_extreme_but_real_value_is_asked_about_and_then_alerts(
    session: Session, client: Opens, ward: Ward, field: str, typed: str
) -> None:
    stay = build.stay(session, ward, orders={"news2": 240})
    nora, path = client("nora"), f"/stays/{stay.id}/observations"
    form = _form(ward, stay.id, **{field: typed})
    asked = nora.post(path, data=form, headers={"HX-Request": "true"})
    assert asked.status_code == 422
    assert session.scalars(select(Observation.id).where(Observation.stay_id == stay.id)).all() == []
    confirmed = form | {f"confirm.{field}": typed}
    assert nora.post(path, data=confirmed).status_code == 303
    assert session.scalars(select(Alert.id).where(Alert.stay_id == stay.id)).all()
