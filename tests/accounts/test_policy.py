"""Who may do what, rule by rule: every line of the policy has a test here that would notice.

`make mutants` breaks each of them in turn. What roles may stands in `tests/access.toml`, by hand.
"""

import asyncio
import importlib
import inspect
import tomllib
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from inspect import Parameter
from typing import Annotated, Any, get_args
from uuid import uuid4

import pyotp
import pytest
from fastapi import Depends, FastAPI, Request
from pydantic.fields import FieldInfo
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from backend.accounts import access
from backend.accounts.access import Actor, Allowed, OneOf, at_the_keys, load
from backend.accounts.devices import service as devices
from backend.accounts.factors import service as factors
from backend.accounts.glass import Glass, look_through, opened
from backend.accounts.locks import access as locks
from backend.accounts.permissions import ALLOWED, Permission, Role
from backend.accounts.sign_in.models import IDLE, ONE_FACTOR, TWO_FACTORS, SignIn
from backend.accounts.sign_in.service import token_hash
from backend.accounts.staff.access import StaffFor, colleague
from backend.accounts.staff.models import Posting, StaffRestriction
from backend.accounts.undeclared import undeclared
from backend.accounts.workstations import service as workstations
from backend.accounts.workstations.access import workstation_to_manage
from backend.accounts.workstations.models import LOCKS_ELSEWHERE, Kind, Workstation
from backend.audit.models import AuditEntry
from backend.board.wall.access import OnTheWall
from backend.core import clock
from backend.core.deed import DeedForm, PatientForm
from backend.core.errors import (
    Conflict,
    HalfSignedIn,
    Locked,
    NotAllowed,
    NotFound,
    OtherHands,
    OtherPatient,
    SignedOut,
    StepUpNeeded,
)
from backend.core.web import ROOT, anybody
from backend.stays.models import Stay
from tests import build, people
from tests.care import build as care
from tests.people import PEOPLE, Ward

P = Permission
TABLE = tomllib.loads((ROOT / "tests" / "access.toml").read_text())
TICK = timedelta(microseconds=1)


def run(check: Coroutine[Any, Any, Actor]) -> Actor:
    """What a check that asks the database nothing answers."""
    return asyncio.run(check)


def test_each_role_may_what_was_written_down_for_it_and_nothing_else() -> None:
    wanted = {Permission(what): set(map(Role, who)) for what, who in TABLE["can"].items()}
    assert {one: {r for r in Role if one in ALLOWED[r]} for one in Permission} == wanted
    assert set(ALLOWED) == set(Role)


def _gates() -> dict[str, Permission]:
    """What each `access.py` opens, and the permission that it asks for."""
    found = {}
    for path in (ROOT / "backend").rglob("access.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for gate, value in vars(importlib.import_module(name)).items():
            for part in get_args(value)[1:]:
                asked = getattr(getattr(part, "dependency", None), "permission", None)
                if asked is not None:
                    found[f"{name.removeprefix('backend.').removesuffix('.access')}.{gate}"] = asked
    return found


def test_each_gate_asks_for_what_was_written_down_for_it() -> None:
    assert {gate: asked.value for gate, asked in _gates().items()} == TABLE["gate"]


# --- Somebody who acts ---


def actor(ward: Ward, who: str = "nora", **fields: Any) -> Actor:
    """Somebody at the keys of the lantern unit."""
    values: dict[str, Any] = {
        "id": ward.staff[who].id,
        "name": ward.staff[who].name,
        "role": PEOPLE[who],
        "unit": ward.unit,
        "sign_in_id": 7,
    }
    return Actor(**values | fields)


SEES, RECORDS = P.SEE_CHART, P.RECORD_OBSERVATION


@pytest.mark.parametrize(
    ("who", "fields", "permission", "allowed"),
    [
        ("nora", {}, SEES, True),
        ("nora", {}, P.MANAGE_STAFF, False),
        ("nora", {"denied": frozenset({SEES})}, SEES, False),
        ("nora", {"denied": frozenset({SEES})}, RECORDS, True),
        ("ada", {}, SEES, False),
        ("ada", {"reads_through": True}, SEES, True),
        ("ada", {"reads_through": True, "denied": frozenset({SEES})}, SEES, False),
        ("ada", {"reads_through": True}, RECORDS, False),
        ("ada", {"reads_through": True}, P.MANAGE_STAFF, True),
        ("nora", {"reads_through": True, "visits": True}, SEES, True),
        ("nora", {"reads_through": True, "visits": True}, RECORDS, False),
        ("nora", {"visits": True}, SEES, False),
    ],
)
def test_what_somebody_may(
    *, ward: Ward, who: str, fields: dict[str, Any], permission: Permission, allowed: bool
) -> None:
    somebody = actor(ward, who, **fields)
    assert somebody.may(permission) is allowed
    if allowed:
        somebody.must(permission)
    else:
        words = "restricted" if permission in somebody.denied else "Your role"
        with pytest.raises(NotAllowed, match=words):
            somebody.must(permission)


def test_a_proof_holds_until_its_time_and_not_in_that_moment(ward: Ward) -> None:
    now = clock.now()
    actor(ward, stepped_up_until=now + TICK).must_have_stepped_up(now)
    for until in (None, now, now - TICK):
        with pytest.raises(StepUpNeeded):
            actor(ward, stepped_up_until=until).must_have_stepped_up(now)


def test_a_form_is_signed_by_whoever_opened_it_in_that_sign_in(ward: Ward) -> None:
    nora = actor(ward)
    nora.signs(DeedForm(key=uuid4(), opened_by=nora.id, opened_in=7))
    for by, within, own in ((nora.id + 1, 7, False), (nora.id, 8, True), (nora.id, None, True)):
        with pytest.raises(OtherHands) as refused:
            nora.signs(DeedForm(key=uuid4(), opened_by=by, opened_in=within))
        assert (refused.value.opened_by, refused.value.own) == (by, own)
        assert ("an earlier sign-in of yours" in refused.value.sentence) is own


def test_a_form_of_a_patient_is_signed_for_that_patient_only(ward: Ward) -> None:
    nora = actor(ward)

    def form(opened_for: int | None) -> PatientForm:
        return PatientForm(key=uuid4(), opened_by=nora.id, opened_in=7, opened_for=opened_for)

    nora.signs(form(3), of=3)
    for opened_for, of in ((3, 4), (None, 4), (3, None), (None, None)):
        with pytest.raises(OtherPatient):
            nora.signs(form(opened_for), of=of)


# --- At the keys ---


def asks(
    token: str | None = None,
    *,
    path: str = "/",
    method: str = "GET",
    stay_id: int | None = None,
    **headers: str,
) -> Request:
    """A request of a browser that holds this token."""
    given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    if token:
        given["cookie"] = f"vigil={token}"
    return Request(
        {
            "type": "http",
            "method": method,
            "scheme": "https",
            "server": ("ward.test", 443),
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "path_params": {} if stay_id is None else {"stay_id": str(stay_id)},
        }
    )


@pytest.fixture
def now() -> datetime:
    return clock.now()


@pytest.fixture
def token(session: Session, ward: Ward, now: datetime) -> str:
    """nora, signed in whole, at her own browser."""
    return people.sign_in(session, ward.staff["nora"], now=now)


def _row(session: Session, token: str) -> SignIn:
    wanted = select(SignIn).where(SignIn.token_sha256 == token_hash(token))
    return session.scalars(wanted.execution_options(populate_existing=True)).one()


def _set(session: Session, token: str, **fields: Any) -> None:
    session.execute(update(SignIn).where(SignIn.token_sha256 == token_hash(token)).values(**fields))


def test_who_is_at_the_keys_is_read_as_it_stands(
    session: Session, ward: Ward, token: str, now: datetime
) -> None:
    nora, ada = ward.staff["nora"], ward.staff["ada"]
    until = now + timedelta(minutes=5)
    machine = _machine(session, ward)
    _set(session, token, stepped_up_until=until, workstation_id=machine.id)
    session.add(Posting(staff_id=nora.id, unit_id=ward.elsewhere.id, role=Role.NURSE))
    session.add(
        StaffRestriction(
            staff_id=nora.id,
            unit_id=ward.unit.id,
            permission=P.MANAGE_STAYS,
            reason="asked for",
            made_by=ada.id,
        )
    )
    stay = build.stay(session, ward)
    broken = care.glass(session, nora.id, stay)
    found = at_the_keys(session, token, active=False, now=clock.now())
    assert (found.id, found.name, found.role) == (nora.id, nora.name, Role.NURSE)
    assert found.unit.id == ward.unit.id
    assert found.sign_in_id == _row(session, token).id
    assert found.denied == frozenset({P.MANAGE_STAYS})
    assert found.elsewhere == ((ward.elsewhere.id, ward.elsewhere.name),)
    assert (found.assurance, found.stepped_up_until) == (TWO_FACTORS, until)
    assert (found.workstation_id, found.locked) == (machine.id, False)
    assert found.locks_after == timedelta(seconds=ward.unit.ward_pc_lock_s)
    assert found.glass is not None
    assert (found.glass.id, found.glass.stay_id) == (broken.id, stay.id)
    assert found.holds == token_hash(token)


def test_nothing_is_added_to_who_has_nothing_more(
    session: Session, token: str, now: datetime
) -> None:
    found = at_the_keys(session, token, active=False, now=now)
    assert (found.denied, found.elsewhere, found.glass) == (frozenset(), (), None)
    assert (found.workstation_id, found.locks_after) == (None, LOCKS_ELSEWHERE)
    assert (found.reads_through, found.visits) == (False, False)


@pytest.mark.parametrize(("held", "words"), [(None, "first"), ("", "first"), ("x", "has ended")])
def test_without_a_live_sign_in_nobody_is_there(
    session: Session, now: datetime, held: str | None, words: str
) -> None:
    with pytest.raises(SignedOut, match=words):
        at_the_keys(session, held, active=True, now=now)


def test_half_an_hour_untouched_ends_a_sign_in(session: Session, token: str, now: datetime) -> None:
    at_the_keys(session, token, active=False, now=now + IDLE - TICK, even_locked=True)
    with pytest.raises(SignedOut):
        at_the_keys(session, token, active=False, now=now + IDLE, even_locked=True)


LAST = LOCKS_ELSEWHERE + access.REPORTED_WITHIN


def test_a_screen_locks_in_its_time_and_shows_who_had_the_keys_to_the_lock_only(
    session: Session, token: str, now: datetime
) -> None:
    assert not at_the_keys(session, token, active=False, now=now + LAST).locked
    for late in (False, True):
        at = now + LAST + TICK if late else now
        if not late:
            _set(session, token, locked_at=now)
        with pytest.raises(Locked):
            at_the_keys(session, token, active=False, now=at)
        assert at_the_keys(session, token, active=False, now=at, even_locked=True).locked
        _set(session, token, locked_at=None)


def test_a_touch_is_written_down_a_few_times_in_the_while_that_it_takes_to_lock(
    session: Session, token: str, now: datetime
) -> None:
    soon = LOCKS_ELSEWHERE / access.REPORTS

    def after(at: datetime, **how: bool) -> datetime:
        at_the_keys(session, token, now=at, even_locked=True, **{"active": True} | how)
        return _row(session, token).last_active_at

    assert access.REPORTS == 6
    assert after(now + soon) == now
    assert after(now + soon + TICK, active=False) == now
    assert after(now + LAST + TICK) == now, "nobody is active in front of a locked screen"
    assert after(now + soon + TICK) == now + soon + TICK


def test_only_the_one_who_is_there_becomes_active(
    session: Session, ward: Ward, token: str, now: datetime
) -> None:
    other = people.sign_in(session, ward.staff["chen"], now=now)
    at_the_keys(session, token, active=True, now=now + LOCKS_ELSEWHERE)
    assert _row(session, other).last_active_at == now


# --- The ways in ---


@pytest.mark.parametrize(
    ("path", "headers", "is_activity"),
    [
        ("/", {}, True),
        ("/live", {}, False),
        ("/live/x", {}, True),
        ("/", {"Vigil_Refresh": "1"}, False),
        ("/", {"Vigil_Refresh": "0"}, True),
    ],
)
def test_a_page_that_refreshes_itself_is_nobodys_activity(
    *, session: Session, token: str, now: datetime, path: str, headers: Any, is_activity: bool
) -> None:
    before = now - timedelta(minutes=10)
    _set(session, token, last_active_at=before)
    access.half_signed_in(asks(token, path=path, **headers), session)
    assert (_row(session, token).last_active_at > before) is is_activity


def test_whoever_asked_is_known_when_it_is_refused(
    session: Session, ward: Ward, token: str
) -> None:
    request = asks(token)
    nora = access.half_signed_in(request, session)
    known = request.state
    assert (known.staff_id, known.unit_id) == (ward.staff["nora"].id, ward.unit.id)
    assert known.sign_in_id == nora.sign_in_id == _row(session, token).id


def test_a_page_of_another_sign_in_is_refused(session: Session, token: str) -> None:
    own = _row(session, token).id
    assert access.half_signed_in(asks(token, Vigil_Sign_In=str(own)), session).sign_in_id == own
    with pytest.raises(OtherHands, match="somebody else"):
        access.half_signed_in(asks(token, Vigil_Sign_In=str(own + 1)), session)


def test_one_factor_leads_to_the_second_and_no_further(
    session: Session, ward: Ward, now: datetime
) -> None:
    half = people.sign_in(session, ward.staff["nora"], now=now, assurance=ONE_FACTOR)
    nora = access.half_signed_in(asks(half), session)
    assert run(access.enrolling(nora)) is nora, "without a second factor, to enrol one"
    with pytest.raises(HalfSignedIn) as refused:
        run(access.signed_in(nora))
    assert refused.value.leads_to == "/account"
    app = factors.begin_app(session, ward.staff["nora"], now=now)
    code = pyotp.TOTP(factors.seed_of(app)).at(now)
    factors.confirm_app(session, ward.staff["nora"], code=code, now=now)
    with pytest.raises(HalfSignedIn) as refused:
        run(access.enrolling(access.half_signed_in(asks(half), session)))
    assert refused.value.leads_to == "/sign-in/code"


def test_two_factors_are_whole(session: Session, ward: Ward, token: str, now: datetime) -> None:
    app = factors.begin_app(session, ward.staff["nora"], now=now)
    code = pyotp.TOTP(factors.seed_of(app)).at(now)
    factors.confirm_app(session, ward.staff["nora"], code=code, now=now)
    nora = access.half_signed_in(asks(token), session)
    assert nora.has_second_factor
    assert run(access.signed_in(run(access.enrolling(nora)))) is nora


# --- Machines ---


@pytest.fixture
def device(session: Session, ward: Ward, now: datetime) -> tuple[str, int]:
    """The token of an interface, and who it acts as."""
    held, row = devices.enrol(
        session,
        ward.staff["ada"].id,
        unit_id=ward.unit.id,
        name="Engine",
        role=Role.INTERFACE,
        now=now,
    )
    return held, row.staff_id


@pytest.mark.parametrize("form", ["Bearer {}", "bearer  {} ", "BEARER {}"])
def test_a_machine_is_who_its_token_says(
    session: Session, ward: Ward, device: tuple[str, int], form: str
) -> None:
    held, staff_id = device
    request = asks(Authorization=form.format(held))
    found = access.by_token(request, session)
    assert (found.id, found.name, found.role) == (staff_id, "Engine", Role.INTERFACE)
    assert (found.unit.id, found.denied, found.sign_in_id) == (ward.unit.id, frozenset(), None)
    assert (request.state.staff_id, request.state.unit_id) == (staff_id, ward.unit.id)
    session.add(
        StaffRestriction(
            staff_id=staff_id,
            unit_id=ward.unit.id,
            permission=P.ANSWER_ALERT,
            reason="asked for",
            made_by=ward.staff["ada"].id,
        )
    )
    assert access.by_token(request, session).denied == frozenset({P.ANSWER_ALERT})


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (None, "Send a device token"),
        ("", "Send a device token"),
        ("Bearer ", "Send a device token"),
        ("Basic {}", "Send a device token"),
        ("{}", "Send a device token"),
        ("Bearer x{}", "not known"),
    ],
)
def test_without_its_token_no_machine_is_there(
    session: Session, device: tuple[str, int], form: str | None, words: str
) -> None:
    headers: Any = {} if form is None else {"Authorization": form.format(device[0])}
    with pytest.raises(SignedOut, match=words):
        access.by_token(asks(**headers), session)


# --- The gate ---


def test_the_right_is_asked_before_the_row_and_another_unit_s_row_is_not_there(
    session: Session, ward: Ward
) -> None:
    stay, nora = build.stay(session, ward), actor(ward)
    assert load(session, nora, Stay, stay.id, SEES) is stay
    for somebody in (actor(ward, unit=ward.elsewhere), actor(ward, unit=ward.elsewhere, id=1)):
        with pytest.raises(NotFound, match="on your unit"):
            load(session, somebody, Stay, stay.id, SEES)
    with pytest.raises(NotFound):
        load(session, nora, Stay, stay.id + 1, SEES)
    for row_id in (stay.id, stay.id + 1):
        with pytest.raises(NotAllowed):
            load(session, nora, Stay, row_id, P.MANAGE_STAFF)


def test_a_gate_takes_the_number_that_its_row_is_named_by(session: Session, ward: Ward) -> None:
    gate, stay = OneOf(Stay, SEES), build.stay(session, ward)
    asked = inspect.signature(gate).parameters
    assert list(asked) == ["stay_id", "db", "actor"]
    assert all(one.kind is Parameter.KEYWORD_ONLY for one in asked.values())
    assert isinstance(get_args(asked["stay_id"].annotation)[1], FieldInfo)
    assert get_args(asked["actor"].annotation)[1].dependency is access.signed_in
    assert gate(db=session, actor=actor(ward), stay_id=stay.id) is stay
    with pytest.raises(NotAllowed):
        gate(db=session, actor=actor(ward, "ada"), stay_id=stay.id)
    with pytest.raises(NotFound):
        gate(db=session, actor=actor(ward), stay_id=stay.id + 1)


def test_a_route_without_a_row_asks_for_the_right_alone(ward: Ward) -> None:
    gate, nora = Allowed(SEES), actor(ward)
    assert run(gate(actor=nora)) is nora
    assert list(inspect.signature(gate).parameters) == ["actor"]
    with pytest.raises(NotAllowed):
        run(gate(actor=actor(ward, "ada")))


def test_a_route_that_does_not_say_who_may_is_named(ward: Ward) -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    nothing: Callable[[], None] = lambda: None  # noqa: E731
    nested: Any = lambda actor: actor  # noqa: E731
    nested.__signature__ = inspect.Signature(
        [
            Parameter(
                "actor",
                Parameter.KEYWORD_ONLY,
                annotation=Annotated[Actor, Depends(access.signed_in)],
            )
        ]
    )
    app.get("/open", dependencies=[Depends(anybody)])(nothing)
    app.get("/known", dependencies=[Depends(access.half_signed_in)])(nothing)
    app.get("/allowed", dependencies=[Depends(Allowed(SEES, door=lambda: actor(ward)))])(nothing)
    app.get("/deep", dependencies=[Depends(nested)])(nothing)
    assert undeclared(app) == []
    app.post("/secrets", dependencies=[Depends(nothing)])(nothing)
    app.get("/patients")(nothing)
    assert undeclared(app) == ["['POST'] /secrets", "['GET'] /patients"]


# --- Broken glass ---


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward)


def _glass(ward: Ward, stay: Stay, **fields: Any) -> Glass:
    values: dict[str, Any] = {
        "id": 1,
        "stay_id": stay.id,
        "unit_id": stay.unit_id,
        "unit_name": ward.unit.name,
        "until_at": clock.now(),
    }
    return Glass(**values | fields)


def test_glass_opens_one_stay_to_be_read(ward: Ward, stay: Stay) -> None:
    glass = _glass(ward, stay)
    for method in ("GET", "HEAD"):
        assert glass.is_looked_through(asks(method=method, stay_id=stay.id))
    assert not glass.is_looked_through(asks(method="POST", stay_id=stay.id))
    assert not glass.is_looked_through(asks(stay_id=stay.id + 1))
    assert not glass.is_looked_through(asks())


def test_glass_is_read_as_the_database_tells_it(ward: Ward, stay: Stay, now: datetime) -> None:
    assert opened(None) is None
    told = (1, stay.id, stay.unit_id, ward.unit.name, now.isoformat())
    assert opened(told) == _glass(ward, stay, until_at=now)


@pytest.mark.parametrize("who", ["ada", "olga"])
def test_who_broke_it_reads_that_stay_on_its_unit_and_each_look_is_written_down(
    session: Session, ward: Ward, stay: Stay, who: str
) -> None:
    held = people.sign_in(session, ward.staff[who])
    broken = care.glass(session, ward.staff[who].id, stay)
    path = f"/stays/{stay.id}/" + "x" * 300
    request = asks(held, path=path, stay_id=stay.id)
    found = access.half_signed_in(request, session)
    assert (found.reads_through, found.visits) == (True, who == "olga")
    assert found.unit.id == stay.unit_id
    assert found.may(SEES)
    assert request.state.unit_id == stay.unit_id
    on_duty = session.scalars(text("SELECT current_setting('vigil.unit_id')")).one()
    assert on_duty == str(stay.unit_id)
    entry = session.scalars(
        select(AuditEntry).where(AuditEntry.action == "glass.used").order_by(AuditEntry.id.desc())
    ).first()
    assert entry is not None
    assert (entry.actor_id, entry.unit_id) == (ward.staff[who].id, stay.unit_id)
    assert entry.stay_id == stay.id
    assert entry.subject == {"glass_id": broken.id, "path": path[:200]}


def _looks(session: Session) -> int:
    wanted = select(AuditEntry.id).where(AuditEntry.action == "glass.used")
    return len(session.scalars(wanted).all())


def test_what_is_not_looked_at_through_it_is_as_without_it(
    session: Session, ward: Ward, stay: Stay
) -> None:
    for who in ("ada", "nora"):
        care.glass(session, ward.staff[who].id, stay)
    for who, assurance, stay_id in (
        ("ada", TWO_FACTORS, stay.id + 1),
        ("ada", ONE_FACTOR, stay.id),
        ("nora", TWO_FACTORS, stay.id),  # may read it anyway
    ):
        held = people.sign_in(session, ward.staff[who], assurance=assurance)
        found = access.half_signed_in(asks(held, stay_id=stay_id), session)
        assert (found.reads_through, found.visits, found.unit.id) == (False, False, ward.unit.id)
    assert _looks(session) == 0


def test_whose_right_was_taken_reads_through_glass_no_more_than_before(
    session: Session, ward: Ward, stay: Stay
) -> None:
    """On their own unit the restriction stands against glass too."""
    denied = actor(ward, glass=_glass(ward, stay), denied=frozenset({SEES}))
    unit = look_through(session, denied.id, _glass(ward, stay), "/")
    assert unit.id == stay.unit_id
    found = access._through(session, denied, _glass(ward, stay), "/")  # noqa: SLF001
    assert not found.may(SEES)


# --- Colleagues and machines of the unit ---


def test_a_colleague_is_a_person_who_is_posted_here(session: Session, ward: Ward) -> None:
    ada = actor(ward, "ada")
    assert colleague(session, ada, ward.staff["nora"].id) is ward.staff["nora"]
    gate = StaffFor(P.MANAGE_STAFF)
    assert gate(ward.staff["nora"].id, session, ada) is ward.staff["nora"]
    for who in ("olga", "monty"):
        with pytest.raises(NotFound, match="on your unit"):
            colleague(session, ada, ward.staff[who].id)
    with pytest.raises(NotFound):
        gate(2_000_000_000, session, ada)
    for staff_id in (ward.staff["nora"].id, 2_000_000_000):
        with pytest.raises(NotAllowed):
            gate(staff_id, session, actor(ward))


def _machine(session: Session, ward: Ward, *, elsewhere: bool = False) -> Workstation:
    return workstations.enrol(
        session,
        ward.staff["ada"].id,
        key=uuid4(),
        unit_id=(ward.elsewhere if elsewhere else ward.unit).id,
        label="Ward PC",
        kind=Kind.WARD_PC,
        now=clock.now(),
    )[1]


def test_a_workstation_is_managed_on_its_own_unit(session: Session, ward: Ward) -> None:
    ours, theirs = _machine(session, ward), _machine(session, ward, elsewhere=True)
    chen = actor(ward, "chen")
    assert workstation_to_manage(ours.id, session, chen) is ours
    for missing in (theirs.id, 2_000_000_000):
        with pytest.raises(NotFound, match="on this unit"):
            workstation_to_manage(missing, session, chen)


@pytest.mark.parametrize(("kind", "opens"), [(Kind.WALLBOARD, True), (Kind.TABLET, False)])
def test_a_machine_of_the_hallway_shows_its_unit_and_no_other_machine_does(
    *, session: Session, ward: Ward, claimed: tuple[str, Workstation], kind: Kind, opens: bool
) -> None:
    held, machine = claimed
    machine.kind = kind
    session.flush()
    request = asks(cookie=f"vigil-workstation={held}")
    if not opens:
        with pytest.raises(SignedOut):
            OnTheWall(P.SEE_BOARD)(request, session)
        return
    seen = OnTheWall(P.SEE_BOARD)(request, session)
    assert (seen.unit.id, seen.actor, seen.machine) == (ward.unit.id, None, machine)
    on_duty = session.scalars(text("SELECT current_setting('vigil.unit_id')")).one()
    assert on_duty == str(ward.unit.id)


def test_elsewhere_the_hallway_screen_takes_a_whole_sign_in_and_the_right(
    session: Session, ward: Ward, token: str
) -> None:
    gate = OnTheWall(P.SEE_BOARD)
    seen = gate(asks(token), session)
    assert seen.actor is not None
    assert (seen.actor.id, seen.unit.id) == (ward.staff["nora"].id, ward.unit.id)
    assert seen.machine is None
    with pytest.raises(NotAllowed):
        gate(asks(people.sign_in(session, ward.staff["ada"])), session)
    with pytest.raises(HalfSignedIn) as refused:
        gate(asks(_half(session, ward)), session)
    assert refused.value.leads_to == "/account"


# --- The lock screen ---


@pytest.fixture
def same_session(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """What opens a session of its own finds this test's rows."""

    @contextmanager
    def here() -> Iterator[Session]:
        yield session

    monkeypatch.setattr(locks, "new_session", here)


@pytest.fixture
def claimed(session: Session, ward: Ward) -> tuple[str, Workstation]:
    """An enrolled machine, and the token in its cookie."""
    held, machine = "a workstation's token", _machine(session, ward)
    machine.token_sha256, machine.claimed_at = token_hash(held), clock.now()
    session.flush()
    return held, machine


WAYS: list[Callable[..., locks.Locker]] = [
    locks.at_the_lock,
    lambda request, _: locks.listening(request),
]


@pytest.mark.usefixtures("same_session")
@pytest.mark.parametrize("way", WAYS, ids=["page", "stream"])
def test_who_sees_the_lock_screen(
    session: Session,
    ward: Ward,
    token: str,
    claimed: tuple[str, Workstation],
    way: Callable[..., locks.Locker],
) -> None:
    held, machine = claimed
    _set(session, token, locked_at=clock.now())
    found = way(asks(token), session)
    assert found.actor is not None
    assert (found.actor.id, found.actor.locked) == (ward.staff["nora"].id, True)
    assert (found.unit.id, found.workstation) == (ward.unit.id, None)
    both = asks(cookie=f"vigil={token}; vigil-workstation={held}")
    found = way(both, session)
    assert found.actor is not None
    assert (found.unit.id, found.workstation) == (ward.unit.id, machine)
    for request in (
        asks(cookie=f"vigil-workstation={held}"),
        asks(cookie=f"vigil=x; vigil-workstation={held}"),
        asks(cookie=f"vigil={_half(session, ward)}; vigil-workstation={held}"),
    ):
        found = way(request, session)
        assert (found.unit.id, found.actor, found.workstation) == (ward.unit.id, None, machine)
        on_duty = session.scalars(text("SELECT current_setting('vigil.unit_id')")).one()
        assert on_duty == str(ward.unit.id)
    for nobody in (asks(), asks("x"), asks(cookie="vigil-workstation=x")):
        with pytest.raises(SignedOut):
            way(nobody, session)
    with pytest.raises(HalfSignedIn) as refused:
        way(asks(_half(session, ward)), session)
    assert refused.value.leads_to == "/account"


@pytest.mark.usefixtures("same_session")
def test_a_wallboard_listens_and_has_nothing_to_unlock(
    session: Session, claimed: tuple[str, Workstation]
) -> None:
    held, machine = claimed
    machine.kind = Kind.WALLBOARD
    session.flush()
    alone = asks(cookie=f"vigil-workstation={held}")
    assert locks.listening(alone).workstation is machine
    with pytest.raises(SignedOut):
        locks.at_the_lock(alone, session)


def _half(session: Session, ward: Ward) -> str:
    return people.sign_in(session, ward.staff["nora"], assurance=ONE_FACTOR)


def test_the_lock_screen_is_nobodys_activity(session: Session, token: str, now: datetime) -> None:
    before = now - timedelta(minutes=10)
    _set(session, token, last_active_at=before)
    locks.at_the_lock(asks(token), session)
    assert _row(session, token).last_active_at == before


@pytest.mark.usefixtures("same_session")
def test_a_stream_goes_on_while_its_sign_in_lives(
    session: Session, ward: Ward, token: str, now: datetime
) -> None:
    nora = at_the_keys(session, token, active=False, now=now)
    people.sign_in(session, ward.staff["nora"], now=now)  # another one, which lives on
    locker = locks.Locker(unit=ward.unit, actor=nora, workstation=None)
    with clock.as_if(now):
        assert locks.still_there(locker)
        for over in (
            {"ended_at": now},
            {"expires_at": now},
            {"last_active_at": now - IDLE},
        ):
            with session.begin_nested() as before:
                _set(session, token, **over)
                assert not locks.still_there(locker), over
                before.rollback()
        assert locks.still_there(locker)
        with session.begin_nested() as before:
            _set(
                session, token, last_active_at=now - IDLE, workstation_id=_machine(session, ward).id
            )
            assert locks.still_there(locker), "a ward's machine waits all shift"
            before.rollback()
        ward.staff["nora"].disabled_at = now
        session.flush()
        assert not locks.still_there(locker)


@pytest.mark.usefixtures("same_session")
def test_a_stream_goes_on_while_its_machine_is_not_revoked(
    session: Session, ward: Ward, claimed: tuple[str, Workstation]
) -> None:
    machine = claimed[1]
    locker = locks.Locker(unit=ward.unit, actor=None, workstation=machine)
    _machine(session, ward)  # another one, which lives on
    assert locks.still_there(locker)
    machine.revoked_at, machine.revoked_by = clock.now(), ward.staff["ada"].id
    session.flush()
    assert not locks.still_there(locker)


@pytest.mark.usefixtures("same_session")
def test_a_refused_form_names_the_colleague_whose_it_is(ward: Ward) -> None:
    chen = ward.staff["chen"]
    assert f"belongs to {chen.name}, so" in locks.whose(OtherHands(chen.id))
    for error in (OtherHands(chen.id, own=True), OtherHands(None), OtherHands(2_000_000_000)):
        assert locks.whose(error) == error.sentence
    assert isinstance(OtherHands(), Conflict)
