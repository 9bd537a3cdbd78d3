"""Every route × every role × own, foreign and made-up ids; what is expected is read off the table.

The routes come from the application itself, so that a new one without a policy fails here. Nothing
in this file repeats the route table but the few addresses that anybody may open.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.routing import Mount

from backend.accounts.access import by_token, signed_in
from backend.accounts.devices import service as devices
from backend.accounts.permissions import ALLOWED, MACHINES, Permission, Role
from backend.alerts import queries as alerts
from backend.care.disclosures import queries as disclosures
from backend.care.sharing import service as sharing
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.main import app, tables
from backend.stays import service as stays
from tests import build
from tests.people import PEOPLE, Ward

# Opened by anybody: to sign in, to ask whether the machine is well, to read what Vigil is.
PUBLIC = {
    ("GET", "/healthz"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("GET", "/about"),
    # Out to the hospital's provider, and back.
    ("GET", "/sign-in/hospital"),
    ("GET", "/sign-in/hospital/back"),
    # Whoever holds a link that opens once.
    ("GET", "/welcome"),
    ("POST", "/welcome"),
    ("GET", "/first-run"),
    ("POST", "/first-run"),
}
# Opened by whoever is known at all, whatever the role.
KNOWN = {
    ("POST", "/sign-out"),
    ("GET", "/sign-in/code"),
    ("POST", "/sign-in/code"),
    ("GET", "/account"),
    ("GET", "/account/app"),
    ("POST", "/account/app"),
    ("POST", "/account/app/confirm"),
    ("POST", "/account/codes"),
    ("GET", "/account/password"),
    ("POST", "/account/password"),
    ("POST", "/account/sign-ins/end"),
    ("GET", "/account/hospital"),
    ("POST", "/account/hospital/unlink"),
    ("GET", "/step-up"),
    ("POST", "/step-up"),
    ("GET", "/shift"),
    ("GET", "/home"),
    ("GET", "/api/v1/openapi.json"),
}
# Checked by a session of its own and never ending: see tests/board for who may.
STREAMS = {("GET", "/live")}
NOBODY_HAS = 2_000_000_000
# Asking leaves a trace there, and nowhere else.
TRACES = {"audit_entry", "sign_in", "failed_try", "disclosure", "disclosure_patient"}


@dataclass(frozen=True)
class Guarded:
    """A route, and what stands before it."""

    method: str
    path: str
    permissions: frozenset[Permission]
    gates: frozenset[Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def for_machines(self) -> bool:
        return by_token in self.gates

    def allows(self, role: Role) -> bool:
        return (role in MACHINES) == self.for_machines and self.permissions <= ALLOWED[role]


def _asked_before(dependant: Any) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _asked_before(inner)


def _routes() -> list[Guarded]:
    found = []
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, Mount):
            assert str(route.path).startswith("/static"), f"{route.path}: not known here"
            continue
        assert isinstance(route.original_route, APIRoute), f"{route.path}: not known here"
        calls = list(_asked_before(route.dependant))
        permissions = {call.permission for call in calls if hasattr(call, "permission")}
        gates = {call for call in calls if call in (signed_in, by_token)}
        found += [
            Guarded(method, str(route.path), frozenset(permissions), frozenset(gates))
            for method in sorted(route.methods or ())
        ]
    return found


ROUTES = _routes()
GUARDED = [route for route in ROUTES if (route.method, route.path) not in PUBLIC | KNOWN | STREAMS]
WITH_IDS = [route for route in GUARDED if "{" in route.path]


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
        elif who not in known:
            known[who] = client(names[who] if isinstance(who, Role) else who)
        return known[who]

    return called


def _ill(session: Session, ward: Ward, *, elsewhere: bool) -> dict[str, int]:
    """A stay with a set and an alert, here or on the other unit."""
    nora = ward.staff["olga" if elsewhere else "nora"].id
    stay = stays.admit(
        session,
        nora,
        key=uuid4(),
        patient_id=build.patient(session, ward).id,
        unit_id=(ward.elsewhere if elsewhere else ward.unit).id,
        at=clock.now().replace(year=clock.now().year - 1),
    )
    low = Vitals(respiratory_rate_per_min=28, spo2_percent=90, pulse_per_min=128)
    row = build.recorded(session, ward, stay, vitals=low, by="olga" if elsewhere else "nora")
    alert = alerts.open_on_stay(session, stay.id)[0]
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
    disclosure = disclosures.by_key(session, told)
    assert disclosure is not None
    return {
        "staff_id": nora,
        "stay_id": stay.id,
        "observation_id": row.id,
        "alert_id": alert.id,
        "disclosure_id": disclosure.id,
    }


@pytest.fixture
def ours(session: Session, ward: Ward) -> dict[str, int]:
    return _ill(session, ward, elsewhere=False)


@pytest.fixture
def theirs(session: Session, ward: Ward) -> dict[str, int]:
    return _ill(session, ward, elsewhere=True)


def _send(caller: TestClient, route: Guarded, ids: dict[str, int]) -> int:
    wanted = re.findall(r"{(\w+)}", route.path)
    assert set(wanted) <= set(ids), f"{route}: say in _ill() what {wanted} may be"
    headers = {"Idempotency-Key": str(uuid4())} if route.for_machines else {}
    return caller.request(route.method, route.path.format(**ids), headers=headers).status_code


def test_the_routes_are_really_listed() -> None:
    assert len(GUARDED) > 20
    assert {route.for_machines for route in GUARDED} == {True, False}
    assert {(route.method, route.path) for route in ROUTES} >= PUBLIC | KNOWN | STREAMS


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_every_route_says_who_may(route: Guarded) -> None:
    assert route.permissions, f"{route} asks for no permission"
    assert len(route.gates) == 1, f"{route} must be for people or for machines"
    assert route.path.startswith("/api/") == route.for_machines
    assert any(route.allows(role) for role in Role), f"{route} is closed to everybody"


@pytest.mark.parametrize(
    "route", [*GUARDED, *(r for r in ROUTES if r.gates and r not in GUARDED)], ids=str
)
def test_nobody_gets_in_without_signing_in(
    caller: Callable[..., TestClient], ours: dict[str, int], route: Guarded
) -> None:
    page = route.method == "GET" and not route.for_machines
    for who in (None, "dana"):
        assert _send(caller(who), route, ours) == (303 if page else 401), who


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_the_wrong_way_in_is_no_way_in(
    caller: Callable[..., TestClient], ours: dict[str, int], route: Guarded
) -> None:
    for role in Role:
        if (role in MACHINES) != route.for_machines:
            assert _send(caller(role), route, ours) in {303, 401}, role


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_a_route_opens_to_the_roles_of_its_permission_and_to_no_other(
    caller: Callable[..., TestClient],
    ours: dict[str, int],
    theirs: dict[str, int],
    route: Guarded,
) -> None:
    foreign = [ours, theirs, dict.fromkeys(ours, NOBODY_HAS)]
    for role in Role:
        if (role in MACHINES) != route.for_machines:
            continue
        if route.allows(role):
            status = _send(caller(role), route, ours)
            # An empty form is refused as a form: whoever sent it was let in.
            assert status in {200, 303, 400, 409, 422}, f"{role} gets {status}"
        else:
            # The same for every id, so that a refusal tells nobody what exists.
            assert [_send(caller(role), route, ids) for ids in foreign] == [403] * 3, role


@pytest.mark.parametrize("route", WITH_IDS, ids=str)
def test_what_is_of_another_unit_reads_as_if_it_were_not_there(
    caller: Callable[..., TestClient],
    ours: dict[str, int],
    theirs: dict[str, int],
    route: Guarded,
) -> None:
    missing = dict.fromkeys(ours, NOBODY_HAS)
    allowed = [role for role in Role if route.allows(role)]
    for role in allowed:
        for ids in (theirs, missing):
            assert _send(caller(role), route, ids) == 404, role
    if not route.for_machines:
        assert _send(caller("olga"), route, ours) in {403, 404}
    # A set of one patient under the address of another.
    inner = re.findall(r"{(\w+)}", route.path)[1:]
    for name in inner:
        for other in (theirs, missing):
            mixed = ours | {name: other[name]}
            if route.method == "GET":
                assert _send(caller(allowed[0]), route, mixed) == 404, name


@pytest.mark.parametrize("route", [r for r in GUARDED if r.method == "GET"], ids=str)
def test_asking_changes_nothing(
    session: Session, caller: Callable[..., TestClient], ours: dict[str, int], route: Guarded
) -> None:
    role = next(role for role in Role if route.allows(role))
    known = caller(role)

    def rows() -> dict[str, int]:
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
