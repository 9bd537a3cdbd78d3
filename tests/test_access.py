"""Every route × everybody × own, another unit's and made-up ids, as `tests/access.toml` wants it.

The routes come from the application itself, what is expected of them from a table that a person
wrote. A route that the table does not name fails here, and so does one that the application lost.
"""

import ast
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from starlette.routing import Mount

from backend.accounts.devices import service as devices
from backend.accounts.permissions import ALLOWED, MACHINES, Permission, Role, allows
from backend.accounts.sign_in.models import ONE_FACTOR, SignIn
from backend.accounts.staff.models import Duty
from backend.accounts.undeclared import undeclared
from backend.accounts.workstations import service as workstations
from backend.accounts.workstations.models import Kind
from backend.alerts import queries as alerts
from backend.care.disclosures import queries as disclosures
from backend.care.sharing import service as sharing
from backend.clinical.schedule import HowOften
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.core.web import ROOT
from backend.main import app, tables
from backend.observations.events import service as happened
from backend.observations.events.models import EventKind
from backend.observations.paper import token as paper
from backend.protocols import queries as protocols
from backend.rounds.door_tags import queries as door_tags_of
from backend.rounds.door_tags import service as door_tags
from backend.rounds.leave import service as leaves
from backend.rounds.orders import service as orders
from backend.rounds.safety import service as safety
from backend.stays import service as stays
from backend.stays.leave.facts import Facts
from backend.stays.leave.models import Away
from tests import build, people
from tests.care import build as care
from tests.people import PEOPLE, Ward

ANYBODY = "anybody"
HALF = "whoever knew the password"
ENROLLING = "whoever knew the password and has no second factor yet"
# A sign-in, locked or not, or a machine that was enrolled: see tests/board/test_lock.py.
SCREEN = "a locked screen"
PERSON, MACHINE = "every person", "every machine"
# Never ends, so it cannot be asked here: see tests/board and tests/live for who may.
STREAMS = {"GET /live"}
NOBODY_HAS = 2_000_000_000
# Asking leaves a trace there, and nowhere else.
TRACES = {"audit_entry", "sign_in", "failed_try", "disclosure", "disclosure_patient"}


@dataclass(frozen=True)
class Guarded:
    """A route, and who may open it."""

    method: str
    path: str
    who: str | frozenset[Role]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def for_machines(self) -> bool:
        return self.path.startswith("/api/")

    def allows(self, role: Role) -> bool:
        """Whether somebody in this role, signed in whole, gets in."""
        if (role in MACHINES) != self.for_machines:
            return False
        return isinstance(self.who, str) or role in self.who


def _wanted() -> list[tuple[str, str | frozenset[Role]]]:
    table = tomllib.loads((ROOT / "tests" / "access.toml").read_text())
    return [
        (
            route,
            group["who"] if isinstance(group["who"], str) else frozenset(map(Role, group["who"])),
        )
        for group in table["may"]
        for route in group["routes"]
    ]


def _served() -> set[str]:
    found = set()
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, Mount):
            assert str(route.path).startswith("/static"), f"{route.path}: not known here"
            continue
        assert isinstance(route.original_route, APIRoute), f"{route.path}: not known here"
        found |= {f"{method} {route.path}" for method in route.methods or ()}
    return found


ROUTES = [
    Guarded(*route.split(" "), who)  # type: ignore[call-arg]  # a method and a path, and no more
    for route, who in _wanted()
    if route not in STREAMS
]
ASKED = [route for route in ROUTES if route.who not in {ANYBODY, SCREEN}]
GUARDED = [route for route in ASKED if not isinstance(route.who, str)]
WITH_IDS = [route for route in GUARDED if "{" in route.path]


def test_the_table_names_every_route_that_is_served_and_no_other() -> None:
    named = [route for route, _ in _wanted()]
    assert sorted(named) == sorted(set(named)), "named twice"
    assert _served() - set(named) == set(), "say in tests/access.toml who may"
    assert set(named) - _served() == set(), "no longer served"


def test_every_route_says_who_may_and_vigil_does_not_start_with_one_that_does_not() -> None:
    assert undeclared(app) == []
    careless = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    careless.include_router(app.router)
    careless.get("/patients")(lambda: "everything")
    assert undeclared(careless) == ["['GET'] /patients"]
    assert "raise RuntimeError" in (ROOT / "backend" / "main.py").read_text()


@pytest.fixture
def caller(
    session: Session, ward: Ward, client: Callable[[str | None], TestClient]
) -> Callable[[Role | str | None], TestClient]:
    """Somebody of this role on the lantern unit: a person at a browser, or a machine."""
    known: dict[Role | str | None, TestClient] = {}
    names = {role: name for name, role in reversed(PEOPLE.items())}

    def called(who: Role | str | None) -> TestClient:
        if who not in known and isinstance(who, Role) and who in MACHINES:
            known[who] = client(None)
            token, _ = devices.enrol(
                session,
                ward.staff["ada"].id,
                unit_id=ward.unit.id,
                name=who.value,
                role=who,
                now=clock.now(),
            )
            known[who].headers["Authorization"] = f"Bearer {token}"
        elif who == "half":
            known[who] = client(None)
            half = people.sign_in(session, ward.staff["nora"], assurance=ONE_FACTOR)
            known[who].cookies.set("vigil", half)
        elif who == "idle":
            known[who] = client(None)
            left = clock.now() - timedelta(minutes=31)
            known[who].cookies.set("vigil", people.sign_in(session, ward.staff["nora"], now=left))
        elif who not in known:
            known[who] = client(names[who] if isinstance(who, Role) else who)
        return known[who]

    return called


def _ill(session: Session, ward: Ward, *, elsewhere: bool) -> dict[str, Any]:
    """A stay with a set, an alert and a duty, here or on the other unit."""
    nora = ward.staff["olga" if elsewhere else "nora"].id
    unit = ward.elsewhere if elsewhere else ward.unit
    stay = stays.admit(
        session,
        nora,
        key=uuid4(),
        patient_id=build.patient(session, ward, unit_id=unit.id).id,
        unit_id=unit.id,
        at=clock.now().replace(year=clock.now().year - 1),
    )
    low = Vitals(respiratory_rate_per_min=28, spo2_percent=90, pulse_per_min=128)
    row = build.recorded(session, ward, stay, vitals=low, by="olga" if elsewhere else "nora")
    alert = alerts.open_on_stay(session, stay.id)[0]
    ordered = orders.order(
        session,
        nora,
        stay,
        key=uuid4(),
        instrument="cows",
        how_often=HowOften(interval_minutes=240),
        at=clock.now(),
        in_force=protocols.in_force(session, unit.id, at=clock.now()),
    )
    duty = Duty(
        key=uuid4(),
        staff_id=nora,
        unit_id=stay.unit_id,
        role=Role.NURSE,
        from_at=clock.now(),
        until_at=clock.now() + timedelta(hours=1),
        given_by=nora,
    )
    session.add(duty)
    session.flush()
    sharing.told_in_emergency(
        session,
        nora,
        stay,
        key=(told := uuid4()),
        recipient="Dr Vance",
        affiliation="City Hospital",
        told_at=clock.now(),
        nature="seizure",
        told="what was taken, and when",
        now=clock.now(),
    )
    seizure = happened.record(session, nora, stay, key=uuid4(), kind=EventKind.SEIZURE)
    gone = leaves.leave(
        session,
        nora,
        stay,
        key=uuid4(),
        facts=Facts(
            why=Away.PASS,
            left_at=clock.now(),
            expected_at=clock.now() + timedelta(hours=1),
        ),
    )
    machine = workstations.enrol(
        session,
        nora,
        key=uuid4(),
        unit_id=unit.id,
        label="Ward PC",
        kind=Kind.WARD_PC,
        now=clock.now(),
    )[1]
    glass = care.glass(session, ward.staff["dana"].id, stay)
    disclosure = disclosures.by_key(session, told)
    assert disclosure is not None
    looked = safety.record(
        session, nora, stay, key=uuid4(), look=safety.Look(answers={"place": "D", "doing": "A"})
    )
    door_tags.make_missing(session, nora, unit.id, now=clock.now())
    tag = door_tags_of.of_beds(session, unit.id)[0][1]
    assert tag is not None
    return {
        "safety_check_id": looked.id,
        "door_tag_id": tag.id,
        "door_tag_code": tag.code,
        "staff_id": nora,
        "stay_id": stay.id,
        "observation_id": row.id,
        "event_id": seizure.id,
        "leave_id": gone.id,
        "observation_order_id": ordered.id,
        "alert_id": alert.id,
        "duty_id": duty.id,
        "workstation_id": machine.id,
        "disclosure_id": disclosure.id,
        "glass_id": glass.id,
        "sheet": paper.made(unit.id, stay.id, "news2", clock.now()),
        "purge_id": care.purge(session, ward, stay).id,
    }


@pytest.fixture
def ours(session: Session, ward: Ward) -> dict[str, Any]:
    return _ill(session, ward, elsewhere=False)


@pytest.fixture
def theirs(session: Session, ward: Ward) -> dict[str, Any]:
    return _ill(session, ward, elsewhere=True)


def _answer(caller: TestClient, route: Guarded, ids: dict[str, Any]) -> Any:
    wanted = re.findall(r"{(\w+)}", route.path)
    assert set(wanted) <= set(ids), f"{route}: say in _ill() what {wanted} may be"
    headers = {"Idempotency-Key": str(uuid4())} if route.for_machines else {}
    return caller.request(route.method, route.path.format(**ids), headers=headers)


def _send(caller: TestClient, route: Guarded, ids: dict[str, Any]) -> int:
    return int(_answer(caller, route, ids).status_code)


@pytest.mark.parametrize("route", ASKED, ids=str)
def test_nobody_gets_in_without_signing_in(
    caller: Callable[..., TestClient], ours: dict[str, Any], route: Guarded
) -> None:
    """Nor the disabled, nor whoever left the keys, nor (but to their account) with one factor."""
    page = route.method == "GET" and not route.for_machines
    for who in (None, "dana", "idle"):
        assert _send(caller(who), route, ours) == (303 if page else 401), who
    if route.who not in {HALF, ENROLLING}:
        assert _send(caller("half"), route, ours) in ({401} if route.for_machines else {303, 403})


@pytest.mark.parametrize("route", [r for r in ASKED if not r.for_machines], ids=str)
def test_a_locked_screen_opens_nothing(
    session: Session, caller: Callable[..., TestClient], ours: dict[str, Any], route: Guarded
) -> None:
    for role in Role:
        if role not in MACHINES:
            browser = caller(role)
            session.execute(update(SignIn).values(locked_at=clock.now()))
            assert _send(browser, route, ours) == (303 if route.method == "GET" else 423), role


@pytest.mark.parametrize("route", ASKED, ids=str)
def test_the_wrong_way_in_is_no_way_in(
    caller: Callable[..., TestClient], ours: dict[str, Any], route: Guarded
) -> None:
    for role in Role:
        if (role in MACHINES) != route.for_machines:
            assert _send(caller(role), route, ours) in {303, 401}, role


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_a_route_opens_to_whom_the_table_names_and_to_nobody_else(
    caller: Callable[..., TestClient],
    ours: dict[str, Any],
    theirs: dict[str, Any],
    route: Guarded,
) -> None:
    everything = [ours, theirs, dict.fromkeys(ours, NOBODY_HAS)]
    for role in Role:
        if (role in MACHINES) != route.for_machines:
            continue
        if route.allows(role):
            status = _send(caller(role), route, ours)
            # An empty form is refused as a form: whoever sent it was let in.
            assert status in {200, 303, 400, 409, 422}, f"{role} gets {status}"
        else:
            # The same for every id, so that a refusal tells nobody what exists.
            assert [_send(caller(role), route, ids) for ids in everything] == [403] * 3, role


@pytest.mark.parametrize("route", WITH_IDS, ids=str)
def test_what_is_of_another_unit_reads_as_if_it_were_not_there(
    caller: Callable[..., TestClient],
    ours: dict[str, Any],
    theirs: dict[str, Any],
    route: Guarded,
) -> None:
    missing = dict.fromkeys(ours, NOBODY_HAS)
    allowed = [role for role in Role if route.allows(role)]
    for role in allowed:
        one, other = (_answer(caller(role), route, ids) for ids in (theirs, missing))
        assert (one.status_code, other.status_code) == (404, 404), role
        assert one.text == other.text, "what exists elsewhere must not be told from what does not"
    if not route.for_machines:
        assert _send(caller("olga"), route, ours) in {403, 404}
    # A set of one patient under the address of another.
    inner = re.findall(r"{(\w+)}", route.path)[1:]
    for name in inner:
        for other_ids in (theirs, missing):
            mixed = ours | {name: other_ids[name]}
            if route.method == "GET":
                assert _send(caller(allowed[0]), route, mixed) == 404, name


@pytest.mark.parametrize("route", [r for r in GUARDED if r.method == "GET"], ids=str)
def test_asking_changes_nothing(
    session: Session, caller: Callable[..., TestClient], ours: dict[str, Any], route: Guarded
) -> None:
    role = next(role for role in Role if route.allows(role))
    known = caller(role)

    def rows() -> dict[str, Any]:
        return {
            table.name: session.scalars(select(func.count()).select_from(table)).one()
            for table in tables.metadata.sorted_tables
            if table.name not in TRACES
        }

    before = rows()
    _send(known, route, ours)
    assert rows() == before


def test_every_role_and_every_permission_stands_in_the_table() -> None:
    """A permission that nobody has, or a role without a row, would only look like a rule."""
    granted = frozenset().union(*ALLOWED.values())
    assert granted <= set(Permission)
    assert set(Permission) <= granted, "A permission that no role has"
    assert set(ALLOWED) == set(Role)


@pytest.mark.parametrize(("granted", "denied"), list(product([True, False], repeat=2)))
def test_a_restriction_beats_any_grant(*, granted: bool, denied: bool) -> None:
    """The truth table, for every role and permission."""
    tried = 0
    for role, permission in product(Role, Permission):
        if (permission in ALLOWED[role]) is granted:
            others = set(Permission) - {permission}
            against = others | {permission} if denied else others
            assert allows(role, permission, against) is (granted and not denied)
            tried += 1
    assert tried


def test_who_does_not_treat_sees_no_chart_and_records_nothing() -> None:
    charts = {Permission.SEE_BOARD, Permission.SEE_CHART, Permission.SEE_ALERTS, Permission.COUNSEL}
    deeds = {Permission.RECORD_OBSERVATION, Permission.CORRECT_OBSERVATION, Permission.MANAGE_STAYS}
    for role in (Role.ADMINISTRATOR, Role.APPROVER, Role.PRIVACY_OFFICER):
        assert not ALLOWED[role] & (charts | deeds), role
    assert ALLOWED[Role.DEVICE] == {Permission.RECORD_OBSERVATION}
    assert {role for role in Role if Permission.COUNSEL in ALLOWED[role]} == {Role.THERAPIST}
    assert not ALLOWED[Role.TECHNICIAN] & {Permission.SEE_NOTES, Permission.SCORE_RESERVED}


# Ways to the database that go round the gate, were a routes.py to use them.
ROUND_THE_GATE = {"get", "get_one", "scalar", "scalars", "execute", "query"}


def _calls_round_the_gate(text: str) -> list[str]:
    """What in a routes.py reaches rows by itself, or takes an id that no gate has looked at."""
    tree = ast.parse(text)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
            names = {name.name for name in node.names}
            found += sorted(names & {"select", "insert", "update", "delete", "text"})
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            on = node.func.value
            if isinstance(on, ast.Name) and on.id in {"db", "session"}:
                found += [node.func.attr] * (node.func.attr in ROUND_THE_GATE)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*node.args.args, *node.args.kwonlyargs]
            kinds = {one.arg: ast.unparse(one.annotation) for one in arguments if one.annotation}
            ids = [name for name, kind in kinds.items() if kind == "Id"]
            if ids and not any(
                re.search(r"(Of|ToSee|ToAnswer|ToManage|ToEnd)$", k) for k in kinds.values()
            ):
                found.append(f"{node.name}({', '.join(ids)})")
    return found


def test_a_routes_file_reaches_rows_through_the_gate_only() -> None:
    agreed = {"core/routes.py"}  # asks the pulse, which holds nothing of anybody
    found = {
        path.relative_to(ROOT / "backend").as_posix(): calls
        for path in (ROOT / "backend").rglob("routes.py")
        if (calls := _calls_round_the_gate(path.read_text()))
    }
    assert set(found) == agreed, found


@pytest.mark.parametrize(
    "careless",
    [
        "def stay(db: Db, stay_id: int): return db.get(Stay, stay_id)",
        "def stay(db: Db, stay_id: Id): return queries.by_id(db, stay_id)",
        "from sqlalchemy import select",
        "def stays(db: Db): return db.scalars(everything)",
    ],
)
def test_a_way_round_the_gate_is_noticed(careless: str) -> None:
    assert _calls_round_the_gate(careless)
