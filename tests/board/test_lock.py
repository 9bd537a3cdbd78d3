"""A locked screen shows no patient and hides no alarm; it opens to a PIN of the shift alone."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
import time_machine
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from backend.accounts.locks import service as locks
from backend.accounts.pins import service as pins
from backend.accounts.pins.models import MOST_FAILURES, Pin
from backend.accounts.sign_in import service as sign_in
from backend.accounts.sign_in.models import ONE_FACTOR, TWO_FACTORS, SignIn
from backend.accounts.staff.models import Staff
from backend.accounts.workstations import service as workstations
from backend.accounts.workstations.models import Kind, Workstation
from backend.audit.models import AuditEntry
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.observations.models import Observation
from backend.stays.models import Stay
from tests import build, people
from tests.conftest import sessions_on
from tests.observations import sheets
from tests.people import Ward
from tests.processes import serving

Browser = Callable[[str | None], TestClient]
PINS = {"nora": "482915", "chen": "730264", "priya": "915038"}
SICK = Vitals(respiratory_rate_per_min=28, spo2_percent=90, pulse_per_min=128)


class Machine:
    """An enrolled ward PC: one browser, at which several people sign in."""

    def __init__(
        self, session: Session, ward: Ward, browser: TestClient, kind: Kind = Kind.WARD_PC
    ) -> None:
        self.session, self.ward, self.browser = session, ward, browser
        token, self.row = workstations.enrol(
            session,
            ward.staff["ada"].id,
            key=uuid4(),
            unit_id=ward.unit.id,
            label="Nurses' station",
            kind=kind,
            now=clock.now(),
        )
        browser.cookies.set("vigil-workstation", token)

    def begin(self, name: str) -> int:
        """A whole sign-in of this person here, with a PIN; what the others had is parked."""
        person = self.ward.staff[name]
        pins.choose(self.session, person.id, pin=PINS[name], again=PINS[name], now=clock.now())
        self.session.execute(
            update(SignIn)
            .where(SignIn.workstation_id == self.row.id, SignIn.locked_at.is_(None))
            .values(locked_at=clock.now())
        )
        self.browser.cookies.set("vigil", people.sign_in(self.session, person))
        newest = self.session.scalars(select(func.max(SignIn.id))).one()
        self.session.execute(
            update(SignIn).where(SignIn.id == newest).values(workstation_id=self.row.id)
        )
        return int(newest)

    def unlock(self, sign_in_id: int, pin: str, **fields: str) -> Response:
        sent = {"sign_in_id": str(sign_in_id), "pin": pin, **fields}
        return self.browser.post("/lock/unlock", data=sent)


@pytest.fixture
def machine(session: Session, ward: Ward, client: Browser) -> Machine:
    return Machine(session, ward, client(None))


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward)


def row(session: Session, sign_in_id: int) -> SignIn:
    session.expire_all()
    return session.get_one(SignIn, sign_in_id)


def actions(session: Session) -> list[tuple[int | None, str]]:
    entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    return [(entry.actor_id, entry.action) for entry in entries]


def test_a_lock_holds_through_reload_and_in_another_tab(machine: Machine, stay: Stay) -> None:
    machine.begin("nora")
    path = f"/stays/{stay.id}"
    said = machine.browser.post("/lock", data={"to": path})
    assert said.headers["location"] == f"/lock?to={path}"
    for _ in range(2):
        assert machine.browser.get(path).headers["location"] == f"/lock?to={path}"
        assert machine.browser.get(path, headers={"HX-Request": "true"}).status_code == 423


def test_the_lock_screen_names_no_patient_and_keeps_every_alarm(
    session: Session, ward: Ward, machine: Machine, stay: Stay
) -> None:
    build.recorded(session, ward, stay, vitals=SICK)
    machine.begin("nora")
    machine.browser.post("/lock")
    shown = machine.browser.get("/lock").text
    assert "emergency" in shown
    assert "Bed 7" in shown
    assert "nobody has it" in shown
    assert 'data-sounds="1"' in shown
    for secret in ("Pennywhistle", "Rosa", "penicillin", "1985", "benzodiazepines"):
        assert secret not in shown
    assert "Bed 7" in machine.browser.get("/lock/alarms").text


def test_another_unit_s_alarms_stay_there(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    build.recorded(session, ward, stay, vitals=SICK)
    olga = client("olga")
    olga.post("/lock")
    assert "Bed 7" not in olga.get("/lock").text


def test_an_enrolled_machine_shows_alarms_when_nobody_is_signed_in(
    session: Session, ward: Ward, machine: Machine, stay: Stay
) -> None:
    build.recorded(session, ward, stay, vitals=SICK)
    assert "Bed 7" in machine.browser.get("/lock").text
    assert machine.browser.get("/").headers["location"].startswith("/sign-in")
    workstations.revoke(session, ward.staff["ada"].id, machine.row, now=clock.now())
    assert machine.browser.get("/lock").headers["location"].startswith("/sign-in")


@pytest.mark.parametrize(
    ("kind", "still_open_s", "locked_s"), [(Kind.WARD_PC, 205, 215), (Kind.TABLET, 85, 95)]
)
def test_the_server_locks_what_no_page_has_locked(
    *,
    session: Session,
    ward: Ward,
    client: Browser,
    kind: Kind,
    still_open_s: int,
    locked_s: int,
) -> None:
    """With refreshes all the while: a page that asks for itself is nobody's activity."""
    machine = Machine(session, ward, client(None), kind)
    sign_in_id = machine.begin("nora")
    began = clock.now()
    for after in range(0, still_open_s, 5):
        with time_machine.travel(began + timedelta(seconds=after), tick=False):
            refresh = machine.browser.get("/", headers={"Vigil-Refresh": "1"})
            assert refresh.status_code == 200, after
    with time_machine.travel(began + timedelta(seconds=locked_s), tick=False):
        asked = {"Vigil-Refresh": "1", "HX-Request": "true"}
        assert machine.browser.get("/", headers=asked).status_code == 423
        assert machine.browser.get("/").headers["location"] == "/lock?to=/"
        assert machine.browser.get("/lock").status_code == 200
    assert row(session, sign_in_id).locked_at is not None


def test_a_key_now_and_then_keeps_it_open(machine: Machine) -> None:
    machine.begin("nora")
    began = clock.now()
    for after in range(0, 1200, 40):
        with time_machine.travel(began + timedelta(seconds=after), tick=False):
            assert machine.browser.get("/shift").status_code == 200, after


def test_a_unit_decides_how_soon_its_machines_lock(
    session: Session, ward: Ward, machine: Machine
) -> None:
    workstations.change_limits(
        session, ward.staff["ada"].id, ward.unit.id, ward_pc_lock_s=600, tablet_lock_s=60
    )
    machine.begin("nora")
    with time_machine.travel(clock.now() + timedelta(seconds=620), tick=False):
        assert machine.browser.get("/").status_code == 200
        assert 'data-locks-after="600"' in machine.browser.get("/").text


def test_the_right_pin_opens_it_with_a_new_token_where_it_was(
    session: Session, client: Browser, machine: Machine, stay: Stay
) -> None:
    sign_in_id = machine.begin("nora")
    thief = client(None)
    thief.cookies.set("vigil", machine.browser.cookies["vigil"])
    machine.browser.post("/lock")
    said = machine.unlock(sign_in_id, PINS["nora"], to=f"/stays/{stay.id}")
    assert said.status_code == 303
    assert said.headers["location"] == f"/stays/{stay.id}"
    assert machine.browser.get("/").status_code == 200
    assert row(session, sign_in_id).locked_at is None
    assert thief.get("/").headers["location"].startswith("/sign-in")


def test_a_step_up_does_not_outlive_a_lock(session: Session, machine: Machine) -> None:
    sign_in_id = machine.begin("nora")
    later = clock.now() + timedelta(minutes=5)
    session.execute(update(SignIn).values(stepped_up_until=later))
    machine.browser.post("/lock")
    machine.unlock(sign_in_id, PINS["nora"])
    assert row(session, sign_in_id).stepped_up_until is None


def test_locking_twice_keeps_when_it_was_locked(session: Session, machine: Machine) -> None:
    sign_in_id = machine.begin("nora")
    first = clock.now()
    locks.lock(session, sign_in_id, now=first)
    locks.lock(session, sign_in_id, now=first + timedelta(minutes=5))
    assert row(session, sign_in_id).locked_at == first
    assert [action for _, action in actions(session)].count("sign_in.locked") == 1


@pytest.mark.parametrize(("assurance", "forgiven"), [(ONE_FACTOR, False), (TWO_FACTORS, True)])
def test_five_wrong_pins_turn_it_off_until_a_full_sign_in(
    *, session: Session, ward: Ward, machine: Machine, assurance: int, forgiven: bool
) -> None:
    sign_in_id = machine.begin("nora")
    machine.browser.post("/lock")
    for _ in range(MOST_FAILURES):
        said = machine.unlock(sign_in_id, "000001")
        assert said.status_code == 401
        assert "000001" not in said.text
    assert machine.unlock(sign_in_id, PINS["nora"]).status_code == 401
    assert "no PIN that works" in machine.browser.get("/lock").text
    assert machine.browser.get("/").headers["location"].startswith("/lock")
    nora = ward.staff["nora"]
    begun = sign_in.begin_as(session, nora, assurance=assurance, now=clock.now())
    locks.settle(session, begun.token, workstation=None, before=None, now=clock.now())
    failures = session.get_one(Pin, nora.id, populate_existing=True).failures
    assert (failures == 0) is forgiven
    assert (machine.unlock(sign_in_id, PINS["nora"]).status_code == 303) is forgiven


def test_a_right_pin_forgets_the_wrong_ones_before_it(machine: Machine) -> None:
    sign_in_id = machine.begin("nora")
    machine.browser.post("/lock")
    for _ in range(2):
        for _ in range(MOST_FAILURES - 1):
            machine.unlock(sign_in_id, "000001")
        assert machine.unlock(sign_in_id, PINS["nora"]).status_code == 303
        machine.browser.post("/lock")


@pytest.mark.parametrize(
    "pin",
    [
        "",
        "48291",
        "4829155",
        "48291a",
        "\uff14\uff18\uff12\uff19\uff11\uff15",
        "\x00" * 6,
        "9" * 100_000,
        "NaN",
    ],
)
def test_what_is_no_pin_is_refused_in_words(machine: Machine, pin: str) -> None:
    sign_in_id = machine.begin("nora")
    machine.browser.post("/lock")
    said = machine.unlock(sign_in_id, pin)
    assert said.status_code in {401, 422}
    assert machine.browser.get("/").headers["location"].startswith("/lock")


@pytest.mark.parametrize("sign_in_id", ["", "0", "-1", "1e400", "nobody", "99999999999"])
def test_a_tile_that_is_none_is_refused_in_words(machine: Machine, sign_in_id: str) -> None:
    machine.begin("nora")
    machine.browser.post("/lock")
    sent = {"sign_in_id": sign_in_id, "pin": PINS["nora"]}
    assert machine.browser.post("/lock/unlock", data=sent).status_code == 422


def test_a_pin_opens_nothing_but_an_enrolled_machine_in_its_person_s_shift(
    session: Session, ward: Ward, client: Browser, machine: Machine
) -> None:
    sign_in_id = machine.begin("nora")
    machine.browser.post("/lock")
    elsewhere = client("chen")
    sent = {"sign_in_id": str(sign_in_id), "pin": PINS["nora"]}
    assert elsewhere.post("/lock/unlock", data=sent).status_code == 401  # not enrolled
    other = Machine(session, ward, client(None))
    assert other.unlock(sign_in_id, PINS["nora"]).status_code == 401  # another machine
    with time_machine.travel(clock.now() + timedelta(hours=12, seconds=1), tick=False):
        assert machine.unlock(sign_in_id, PINS["nora"]).status_code == 401  # the shift is over
    session.execute(
        update(Staff).where(Staff.id == ward.staff["nora"].id).values(disabled_at=clock.now())
    )
    assert machine.unlock(sign_in_id, PINS["nora"]).status_code == 401


def test_half_a_sign_in_is_no_shift(session: Session, machine: Machine) -> None:
    sign_in_id = machine.begin("nora")
    session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(assurance=1))
    assert machine.unlock(sign_in_id, PINS["nora"]).status_code == 401


def test_a_parked_person_comes_back_hours_later(machine: Machine) -> None:
    sign_in_id = machine.begin("nora")
    machine.browser.post("/lock")
    with time_machine.travel(clock.now() + timedelta(hours=11), tick=False):
        assert machine.unlock(sign_in_id, PINS["nora"]).status_code == 303
        assert machine.browser.get("/").status_code == 200


def test_who_unlocks_parks_whoever_had_the_keys(
    session: Session, machine: Machine, stay: Stay
) -> None:
    nora = machine.begin("nora")
    chen = machine.begin("chen")
    said = machine.unlock(nora, PINS["nora"], to=f"/stays/{stay.id}")
    assert said.headers["location"] == "/", "not where the other one was"
    assert row(session, chen).locked_at is not None
    assert row(session, nora).locked_at is None
    machine.browser.post("/lock")
    tiles = re.findall(r'name="sign_in_id" value="(\d+)"', machine.browser.get("/lock").text)
    assert {int(tile) for tile in tiles} == {nora, chen}


def test_two_people_at_one_machine_are_two_actors(
    session: Session, ward: Ward, machine: Machine, stay: Stay
) -> None:
    for name in ("nora", "chen"):
        machine.begin(name)
        sent = sheets.form(ward, stay, by=name)
        assert machine.browser.post(f"/stays/{stay.id}/observations", data=sent).status_code == 303
    by = session.scalars(select(Observation.recorded_by).order_by(Observation.id)).all()
    assert by == [ward.staff["nora"].id, ward.staff["chen"].id]
    recorded = [who for who, action in actions(session) if action == "observation.recorded"]
    assert recorded == by


def test_a_form_of_one_is_not_signed_by_the_next(
    session: Session, ward: Ward, machine: Machine, stay: Stay
) -> None:
    nora = machine.begin("nora")
    sent = sheets.form(ward, stay, by="nora")
    machine.begin("chen")
    path = f"/stays/{stay.id}/observations"
    said = machine.browser.post(path, data=sent)
    assert said.status_code == 409
    assert "Nora Nurse" in said.text
    assert sheets.stored(session, stay) == []
    machine.unlock(nora, PINS["nora"])
    assert machine.browser.post(path, data=sent).status_code == 303


@pytest.mark.parametrize("opened_in", ["", "1", "0", "-5", "999999999"])
def test_a_form_of_an_earlier_sign_in_is_opened_again(
    session: Session, ward: Ward, machine: Machine, stay: Stay, opened_in: str
) -> None:
    machine.begin("nora")
    sent = sheets.form(ward, stay, by="nora") | {"opened_in": opened_in}
    said = machine.browser.post(f"/stays/{stay.id}/observations", data=sent)
    assert said.status_code == 409
    assert "Open it again" in said.text
    assert sheets.stored(session, stay) == []


def test_a_page_of_one_gets_nothing_with_the_sign_in_of_the_next(machine: Machine) -> None:
    nora, chen = machine.begin("nora"), machine.begin("chen")
    said = machine.browser.get("/", headers={"Vigil-Sign-In": str(nora), "HX-Request": "true"})
    assert (said.status_code, said.headers["Vigil-Hands"]) == (409, "other")
    mine = {"Vigil-Sign-In": str(chen)}
    assert machine.browser.get("/", headers=mine).status_code == 200


def test_at_most_four_wait_and_one_person_waits_once(
    session: Session, ward: Ward, machine: Machine
) -> None:
    def settle(name: str) -> int:
        token = people.sign_in(session, ward.staff[name])
        locks.settle(session, token, workstation=machine.row, before=None, now=clock.now())
        return session.scalars(select(func.max(SignIn.id))).one() or 0

    first, second = settle("nora"), settle("nora")
    assert row(session, first).ended_at is not None
    assert row(session, second).ended_at is None
    begun = {name: settle(name) for name in ("nora", "tess", "chen", "priya", "theo", "vera")}
    assert row(session, begun["nora"]).ended_at is not None
    waiting = [row(session, begun[name]) for name in ("tess", "chen", "priya", "theo")]
    assert all(one.ended_at is None and one.locked_at is not None for one in waiting)
    again = settle("tess")
    assert row(session, begun["tess"]).ended_at is not None
    assert row(session, again).locked_at is None


def test_without_an_enrolled_machine_a_sign_in_ends_the_one_before_it(
    client: Browser, session: Session
) -> None:
    browser = client("chen")
    before = session.scalars(select(func.max(SignIn.id))).one()
    browser.post("/sign-in", data={"login_name": "nora", "password": people.PASSWORD})
    assert before is not None
    assert row(session, before).ended_at is not None


def test_a_machine_of_another_unit_parks_nobody(
    session: Session, ward: Ward, client: Browser
) -> None:
    machine = Machine(session, ward, client(None))
    machine.browser.post("/sign-in", data={"login_name": "olga", "password": people.PASSWORD})
    newest = session.scalars(select(SignIn).order_by(SignIn.id.desc()).limit(1)).one()
    assert newest.staff_id == ward.staff["olga"].id
    assert newest.workstation_id is None


def test_locking_and_unlocking_are_in_the_audit(
    session: Session, ward: Ward, machine: Machine
) -> None:
    sign_in_id = machine.begin("nora")
    machine.browser.post("/lock")
    machine.unlock(sign_in_id, "000001")
    machine.unlock(sign_in_id, PINS["nora"])
    nora = ward.staff["nora"].id
    told = [action for who, action in actions(session) if who == nora]
    assert told[-3:] == ["sign_in.locked", "sign_in.unlock_refused", "sign_in.unlocked"]


def test_who_unlocks_and_sees_the_board_again_is_on_the_trail_again(
    session: Session, machine: Machine, stay: Stay
) -> None:
    assert stay

    def boards() -> int:
        return [action for _, action in actions(session)].count("census.viewed")

    sign_in_id = machine.begin("nora")
    for _ in range(2):
        machine.browser.get("/")
        session.dispatch.after_commit(session)  # the test's session never really commits
    assert boards() == 1
    machine.browser.post("/lock")
    machine.browser.get("/")
    assert boards() == 1, "a locked screen shows nobody"
    machine.unlock(sign_in_id, PINS["nora"])
    for _ in range(2):
        machine.browser.get("/")
        session.dispatch.after_commit(session)
    assert boards() == 2


def test_a_locked_sign_in_cannot_be_unlocked_by_asking(machine: Machine, session: Session) -> None:
    sign_in_id = machine.begin("nora")
    machine.browser.post("/lock")
    for path in ("/shift", "/lock", "/sign-in", "/workstation", "/about"):
        machine.browser.get(path)
    assert machine.browser.post("/lock").status_code == 423
    assert machine.browser.post("/sign-out").status_code == 423
    assert row(session, sign_in_id).locked_at is not None


@pytest.mark.parametrize("to", ["//evil.example", "/\\evil.example", "https://evil.example"])
def test_unlocking_never_leads_elsewhere(machine: Machine, to: str) -> None:
    sign_in_id = machine.begin("nora")
    machine.browser.post("/lock")
    assert machine.unlock(sign_in_id, PINS["nora"], to=to).headers["location"] == "/"


def test_a_lock_and_a_pin_that_is_off_hold_at_every_server_and_after_a_restart(
    fresh_database: str,
) -> None:
    with sessions_on(fresh_database) as sessions, sessions.begin() as session:
        there = people.the_ward(session)
        nora = there.staff["nora"]
        pins.choose(session, nora.id, pin=PINS["nora"], again=PINS["nora"], now=clock.now())
        token, machine = workstations.enrol(
            session,
            nora.id,
            key=uuid4(),
            unit_id=there.unit.id,
            label="Nurses' station",
            kind=Kind.WARD_PC,
            now=clock.now(),
        )
        cookies = {"vigil": people.sign_in(session, nora), "vigil-workstation": token}
        newest = session.scalars(select(SignIn)).one()
        newest.workstation_id = machine.id
        wrong = {"sign_in_id": str(newest.id), "pin": "000001"}
    right = wrong | {"pin": PINS["nora"]}
    with (
        serving(fresh_database) as one,
        serving(fresh_database) as two,
        browser(one.address, cookies) as first,
        browser(two.address, cookies) as second,
    ):
        assert second.get("/").status_code == 200
        assert first.post("/lock").status_code == 303
        assert second.get("/").headers["location"] == "/lock?to=/"
        for number in range(MOST_FAILURES):
            said = (first, second)[number % 2].post("/lock/unlock", data=wrong)
            assert said.status_code == 401
        assert second.post("/lock/unlock", data=right).status_code == 401
    with serving(fresh_database) as again, browser(again.address, cookies) as after:
        assert after.get("/").headers["location"] == "/lock?to=/"
        assert after.post("/lock/unlock", data=right).status_code == 401


def browser(address: str, cookies: dict[str, str]) -> httpx.Client:
    """A browser without a screen."""
    headers = {"Sec-Fetch-Site": "same-origin"}
    return httpx.Client(base_url=address, headers=headers, cookies=cookies, timeout=60)


def test_a_machine_is_kept_as_a_hash(session: Session, machine: Machine) -> None:
    token = machine.browser.cookies["vigil-workstation"]
    kept = session.get_one(Workstation, machine.row.id).token_sha256
    assert len(kept) == 32
    assert token.encode() not in kept
