"""An ended sign-in is worth nothing within a second, at every server, and stays so."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pyotp
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from backend.accounts.factors import service as factors
from backend.accounts.locks import service as locks
from backend.accounts.pins import service as pins
from backend.accounts.sign_in import service
from backend.accounts.sign_in.models import ONE_FACTOR, SignIn
from backend.accounts.staff import service as staff
from backend.accounts.workstations import service as workstations
from backend.accounts.workstations.models import Kind
from backend.core import clock
from tests import people
from tests.at_once import waiting
from tests.conftest import sessions_on
from tests.people import Ward, the_ward
from tests.processes import Served, serving, signed_in

PIN = "482915"
HEADERS = {"Sec-Fetch-Site": "same-origin"}
Deed = Callable[[Session, Ward], object]


@pytest.fixture
def sessions(fresh_database: str) -> Iterator[sessionmaker[Session]]:
    with sessions_on(fresh_database) as made:
        yield made


@pytest.fixture
def two(fresh_database: str) -> Iterator[tuple[Served, Served]]:
    with serving(fresh_database) as one, serving(fresh_database) as other:
        yield one, other


class Stream(threading.Thread):
    """An open screen: what it was told last, and when its stream ended."""

    def __init__(self, address: str, token: str) -> None:
        super().__init__(daemon=True)
        self.address, self.token = address, token
        self.said: list[str] = []
        self.open, self.ended_at = threading.Event(), 0.0

    def run(self) -> None:
        with contextlib.suppress(httpx.RemoteProtocolError):  # the server itself was stopped
            self._listen()

    def _listen(self) -> None:
        with httpx.stream(
            "GET", f"{self.address}/live", cookies={"vigil": self.token}, timeout=60
        ) as answer:
            assert answer.status_code == 200
            for line in answer.iter_lines():
                self.said.append(line)
                self.open.set()
        self.ended_at = time.monotonic()


@contextmanager
def watched(addresses: list[str], tokens: list[str]) -> Iterator[list[Stream]]:
    streams = [Stream(address, token) for address, token in zip(addresses, tokens, strict=True)]
    for stream in streams:
        stream.start()
    for stream in streams:
        assert stream.open.wait(30)
    yield streams


def _end_one(session: Session, ward: Ward) -> None:
    row = session.scalars(
        select(SignIn).where(SignIn.staff_id == ward.staff["nora"].id).order_by(SignIn.id)
    ).first()
    assert row
    service.end(session, row.id, now=clock.now())


def _at_their_machine(session: Session, ward: Ward) -> None:
    _, machine = workstations.enrol(
        session,
        ward.staff["ada"].id,
        key=uuid4(),
        unit_id=ward.unit.id,
        label="Nurses' station",
        kind=Kind.WARD_PC,
        now=clock.now(),
    )
    nora = SignIn.staff_id == ward.staff["nora"].id
    session.execute(update(SignIn).where(nora).values(workstation_id=machine.id))
    workstations.sign_everybody_out(session, ward.staff["ada"].id, machine, now=clock.now())


DEEDS: dict[str, Deed] = {
    "sign out": _end_one,
    "all ended": lambda session, ward: service.end_all(
        session, ward.staff["nora"].id, now=clock.now()
    ),
    "let go": lambda session, ward: staff.disable(
        session, ward.staff["ada"].id, ward.staff["nora"], now=clock.now()
    ),
    "new password": lambda session, ward: staff.change_password(
        session,
        ward.staff["nora"].id,
        ward.staff["nora"],
        password="a sentence nobody guesses",  # noqa: S106
        now=clock.now(),
    ),
    "their machine": _at_their_machine,
}


def test_open_screens_at_every_server_go_dark_within_a_second(
    two: tuple[Served, Served], sessions: sessionmaker[Session]
) -> None:
    """With another person's screens open throughout, which stay."""
    addresses = [served.address for served in two]
    for name, deed in DEEDS.items():
        with sessions.begin() as session:
            ward = people.the_ward(session)
            ward.staff["nora"].disabled_at = None
            nora = people.sign_in(session, ward.staff["nora"])
            chen = people.sign_in(session, ward.staff["chen"])
        tokens = [nora, nora, chen, chen]
        with watched(addresses * 2, tokens) as streams:
            with sessions.begin() as session:
                deed(session, people.the_ward(session))
            ended = time.monotonic()
            for stream in streams[:2]:
                stream.join(5)
                assert not stream.is_alive(), name
                assert stream.ended_at - ended < 1, name
                assert "event: ended" in stream.said, name
            for address in addresses:
                assert httpx.get(f"{address}/shift", cookies={"vigil": nora}).status_code == 303
                assert httpx.get(f"{address}/shift", cookies={"vigil": chen}).status_code == 200
            assert all(stream.is_alive() for stream in streams[2:]), name
            assert not any("ended" in line for stream in streams[2:] for line in stream.said)
            with sessions.begin() as session:
                service.end_all(session, people.the_ward(session).staff["chen"].id, now=clock.now())
            for stream in streams[2:]:
                stream.join(5)


def test_where_the_word_is_lost_a_heartbeat_finds_it_within_ten_seconds(
    two: tuple[Served, Served], sessions: sessionmaker[Session]
) -> None:
    with sessions.begin() as session:
        nora = people.sign_in(session, people.the_ward(session).staff["nora"])
    with watched([two[0].address], [nora]) as streams:
        with sessions.begin() as session:
            session.scalars(select(SignIn)).one().ended_at = clock.now()  # and nobody is told
        ended = time.monotonic()
        streams[0].join(20)
        assert streams[0].ended_at
        assert streams[0].ended_at - ended < 12


def test_ended_stays_ended_after_a_restart(
    fresh_database: str, sessions: sessionmaker[Session]
) -> None:
    with sessions.begin() as session:
        ward = people.the_ward(session)
        nora = people.sign_in(session, ward.staff["nora"])
        chen = people.sign_in(session, ward.staff["chen"])
    with serving(fresh_database) as served:
        assert httpx.get(f"{served.address}/shift", cookies={"vigil": nora}).status_code == 200
        with sessions.begin() as session:
            service.end_all(session, people.the_ward(session).staff["nora"].id, now=clock.now())
    with serving(fresh_database) as restarted:
        for path in ("/shift", "/", "/account"):
            answer = httpx.get(restarted.address + path, cookies={"vigil": nora})
            assert answer.headers["location"].startswith("/sign-in"), path
        assert httpx.get(f"{restarted.address}/live", cookies={"vigil": nora}).status_code == 401
        assert httpx.get(f"{restarted.address}/shift", cookies={"vigil": chen}).status_code == 200


def test_a_second_proof_does_not_close_the_screen(two: tuple[Served, Served]) -> None:
    """The token is new, the sign-in the same: an open stream goes on."""
    address = two[0].address
    with signed_in(address) as browser:
        token = browser.cookies["vigil"]
        with watched([address], [token]) as streams:
            proof = {"proof": people.PASSWORD}
            assert browser.post("/step-up", data=proof).status_code == 303
            assert browser.cookies["vigil"] != token
            time.sleep(12)
            assert streams[0].is_alive()
            assert httpx.get(f"{address}/shift", cookies={"vigil": token}).status_code == 303
            assert browser.post("/sign-out").status_code == 303
            streams[0].join(5)
            assert not streams[0].is_alive()


def test_digits_are_accepted_once_at_two_servers_at_once_and_after_a_restart(
    fresh_database: str, sessions: sessionmaker[Session]
) -> None:
    """Twenty people who saw the same digits over a shoulder: one of them gets in."""
    with sessions.begin() as session:
        nora = people.the_ward(session).staff["nora"]
        app = factors.begin_app(session, nora, now=clock.now())
        shows = pyotp.TOTP(factors.seed_of(app))
        app.confirmed_at = clock.now()
        tokens = [people.sign_in(session, nora, assurance=ONE_FACTOR) for _ in range(21)]

    def come(token: str, address: str, code: str) -> int:
        return httpx.post(
            f"{address}/sign-in/code",
            data={"code": code},
            cookies={"vigil": token},
            headers=HEADERS,
            timeout=60,
        ).status_code

    with serving(fresh_database) as one, serving(fresh_database) as other:
        code = shows.now()
        with ThreadPoolExecutor(20) as pool:
            addresses = [one.address, other.address] * 10
            statuses = list(pool.map(come, tokens[:20], addresses, [code] * 20))
    assert statuses.count(303) == 1
    assert set(statuses) <= {303, 401, 429}
    with serving(fresh_database) as restarted:
        assert come(tokens[20], restarted.address, code) in {401, 429}
    with sessions() as session:
        whole = session.scalars(select(SignIn).where(SignIn.assurance == 2)).all()
        assert len(whole) == 1


def test_who_was_signed_out_while_the_pin_was_typed_stays_out(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        ward, now = the_ward(session), clock.now()
        nora = ward.staff["nora"].id
        pins.choose(session, nora, pin=PIN, again=PIN, now=now)
        _, machine = workstations.enrol(
            session,
            ward.staff["ada"].id,
            key=uuid4(),
            unit_id=ward.unit.id,
            label="Nurses' station",
            kind=Kind.WARD_PC,
            now=now,
        )
        people.sign_in(session, ward.staff["nora"])
        row = session.scalars(select(SignIn)).one()
        row.workstation_id = machine.id

    def unlock() -> object:
        with sessions.begin() as other:
            return locks.unlock(other, machine, row.id, pin=PIN, now=now)

    with sessions() as session:
        service.end(session, row.id, now=now)
        session.flush()
        unlocked = waiting(session, unlock)
        session.commit()
        assert unlocked.result(timeout=20) is None
