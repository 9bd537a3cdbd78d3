"""A wallboard shows the beds of its unit by itself, and is let in nowhere else."""

import asyncio
import re
import tomllib
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from fastapi.sse import ServerSentEvent
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts import census
from backend.accounts.locks.access import Locker
from backend.accounts.sign_in.models import SignIn
from backend.accounts.workstations import service
from backend.accounts.workstations.models import Kind, Workstation
from backend.audit.models import AuditEntry
from backend.board.live.routes import live_words
from backend.clinical.vitals import Vitals
from backend.core import clock, live
from backend.core.web import ROOT
from tests import build
from tests.people import Ward, opens

Browser = Callable[[str | None], TestClient]
SICK = Vitals(respiratory_rate_per_min=28, spo2_percent=90, pulse_per_min=128)
TABLE = tomllib.loads((ROOT / "tests" / "access.toml").read_text())
OPEN_TO_ALL = {r for group in TABLE["may"] if group["who"] == "anybody" for r in group["routes"]}
ITS_OWN = {route for group in TABLE["also"] for route in group["routes"]}
ROUTES = [route for group in TABLE["may"] for route in group["routes"]]


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    census._seen.clear()  # noqa: SLF001 (what another test was shown)


def _enrolled(session: Session, ward: Ward, browser: TestClient, kind: Kind) -> Workstation:
    token, row = service.enrol(
        session,
        ward.staff["ada"].id,
        key=uuid4(),
        unit_id=ward.unit.id,
        label="Hallway",
        kind=kind,
        now=clock.now(),
    )
    browser.cookies.set("vigil-workstation", token)
    return row


@pytest.fixture
def wallboard(session: Session, ward: Ward, client: Browser) -> TestClient:
    """The browser of a hallway screen, at which nobody is signed in."""
    browser = client(None)
    _enrolled(session, ward, browser, Kind.WALLBOARD)
    return browser


def test_it_shows_every_bed_and_no_name_without_anybody_signed_in(
    session: Session, ward: Ward, wallboard: TestClient
) -> None:
    build.recorded(session, ward, build.stay(session, ward), vitals=SICK)
    for path in ("/wall", "/wall/grid"):
        shown = wallboard.get(path)
        assert shown.status_code == 200
        assert "emergency" in shown.text
        assert "Bed 7" in shown.text
        for secret in ("Pennywhistle", "Rosa", "penicillin", "1985", "benzodiazepines", 'href="/"'):
            assert secret not in shown.text, secret
    assert "data-machine" in wallboard.get("/wall").text


def test_it_goes_on_for_weeks(wallboard: TestClient) -> None:
    with time_machine.travel(clock.now() + timedelta(days=60), tick=False):
        assert wallboard.get("/wall/grid", headers={"Vigil-Refresh": "1"}).status_code == 200


def test_it_shows_its_own_unit_only(
    session: Session, ward: Ward, client: Browser, wallboard: TestClient
) -> None:
    build.recorded(session, ward, build.stay(session, ward), vitals=SICK)
    there = client(None)
    token, _ = service.enrol(
        session,
        ward.staff["olga"].id,
        key=uuid4(),
        unit_id=ward.elsewhere.id,
        label="Hallway",
        kind=Kind.WALLBOARD,
        now=clock.now(),
    )
    there.cookies.set("vigil-workstation", token)
    assert "emergency: " not in there.get("/wall").text
    assert "emergency: " in wallboard.get("/wall").text


@pytest.mark.parametrize("route", ROUTES)
def test_it_is_let_in_nowhere_else(wallboard: TestClient, route: str) -> None:
    method, path = route.split(" ")
    if route in ITS_OWN | OPEN_TO_ALL:
        return
    answer = wallboard.request(method, re.sub(r"{\w+}", "1", path))
    assert answer.status_code in {303, 401}, answer.status_code
    if answer.status_code == 303:
        assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("kind", [Kind.WARD_PC, Kind.TABLET])
def test_another_machine_of_the_ward_shows_no_wall_by_itself(
    session: Session, ward: Ward, client: Browser, kind: Kind
) -> None:
    browser = client(None)
    _enrolled(session, ward, browser, kind)
    assert browser.get("/wall").headers["location"].startswith("/sign-in")
    assert browser.get("/wall/grid", headers={"HX-Request": "true"}).status_code == 401


def test_revoked_it_is_dark_at_once(session: Session, ward: Ward, client: Browser) -> None:
    browser = client(None)
    row = _enrolled(session, ward, browser, Kind.WALLBOARD)
    assert browser.get("/wall").status_code == 200

    async def stream() -> list[str | None]:
        """What its open page hears."""
        words = live_words(Locker(unit=ward.unit, actor=None, workstation=row))
        heard = [(await anext(words)).raw_data]
        for word in (service.ended_word(row.id + 1), service.ended_word(row.id)):
            live.broadcast._tell(ServerSentEvent(raw_data=word))  # noqa: SLF001 (as it hears it)
        heard.append((await anext(words)).event)
        with pytest.raises(StopAsyncIteration):
            await anext(words)
        return heard

    assert asyncio.run(stream()) == ["ward", "ended"]
    service.revoke(session, ward.staff["ada"].id, row, now=clock.now())
    assert browser.get("/wall").headers["location"].startswith("/sign-in")
    assert browser.get("/wall/grid", headers={"HX-Request": "true"}).status_code == 401


def test_who_enrols_it_leaves_no_sign_in_behind(
    session: Session, ward: Ward, client: Browser
) -> None:
    browser = client("ada")
    form = {"key": str(uuid4()), **opens(ward.staff["ada"]), "label": "Hallway"}
    said = browser.post("/admin/workstations", data=form | {"kind": "wallboard"})
    assert said.headers["location"] == "/wall"
    assert browser.get("/wall").status_code == 200
    assert browser.get("/admin").headers["location"].startswith("/sign-in")
    session.expire_all()
    mine = select(SignIn.ended_at).where(SignIn.staff_id == ward.staff["ada"].id)
    assert None not in session.scalars(mine).all()


def test_a_code_that_was_typed_at_it_leads_to_the_wall(
    session: Session, ward: Ward, client: Browser
) -> None:
    code, _ = service.prepare(
        session, ward.staff["ada"].id, unit_id=ward.unit.id, label="Wall", kind=Kind.WALLBOARD
    )
    browser = client(None)
    assert browser.post("/workstation", data={"code": code}).headers["location"] == "/wall"
    assert browser.get("/wall").status_code == 200


def test_what_it_shows_is_on_the_trail_as_a_machine_s(
    session: Session, ward: Ward, client: Browser, wallboard: TestClient
) -> None:
    stay = build.stay(session, ward)
    for _ in range(3):
        wallboard.get("/wall/grid")
    shown = select(AuditEntry).where(AuditEntry.action == "wallboard.shown")
    entry = session.scalars(shown).one()
    assert (entry.actor_id, entry.unit_id, entry.object_type) == (None, ward.unit.id, "workstation")
    assert entry.subject["stay_ids"] == [stay.id]
    assert "a machine of the ward, by itself" in client("pavel").get("/privacy/log?what=reads").text


def test_who_is_signed_in_at_it_locks_like_anywhere(
    session: Session, ward: Ward, client: Browser
) -> None:
    """The wall stays the machine's; the rest is theirs, and goes dark in minutes."""
    browser = client("nora")
    row = _enrolled(session, ward, browser, Kind.WALLBOARD)
    for one in session.scalars(select(SignIn)):
        one.workstation_id = row.id
    session.flush()
    assert browser.get("/").status_code == 200
    assert "data-machine" in browser.get("/wall").text
    with time_machine.travel(clock.now() + timedelta(minutes=4), tick=False):
        assert browser.get("/").headers["location"].startswith("/lock")
        assert browser.get("/wall").status_code == 200
