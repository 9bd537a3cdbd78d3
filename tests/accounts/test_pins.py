"""Six digits of one person, chosen after a fresh proof; a stolen dump of them is useless."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.pins import service
from backend.accounts.pins.models import MOST_FAILURES, Pin
from backend.core import clock
from backend.core.errors import Invalid
from tests import people
from tests.conftest import sessions_on
from tests.people import Ward, the_ward

Browser = Callable[[str | None], TestClient]
PIN = "482915"


def choose(session: Session, ward: Ward, pin: str = PIN, again: str | None = None) -> None:
    person = ward.staff["nora"]
    service.choose(session, person.id, pin=pin, again=again or pin, now=clock.now())


def test_choosing_a_pin_needs_a_fresh_proof(client: Browser, session: Session, ward: Ward) -> None:
    browser = client("nora")
    sent = {"pin": PIN, "again": PIN}
    assert browser.post("/account/pin", data=sent).status_code == 403
    assert session.scalars(select(Pin)).all() == []
    browser.cookies.set("vigil", people.sign_in(session, ward.staff["nora"], stepped_up=True))
    assert browser.post("/account/pin", data=sent).status_code == 303
    shown = browser.get("/account/pin").text
    assert "You have a PIN" in shown
    assert PIN not in shown


@pytest.mark.parametrize(
    "pin",
    ["", "12345", "1234567", "12345a", "111111", "123456", "654321", "890123", "121212", "123123",
     "\uff11\uff12\uff13\uff14\uff15\uff16", "\x00", "NaN", "9" * 99],
)  # fmt: skip
def test_a_poor_pin_is_refused_and_the_old_one_stays(
    session: Session, ward: Ward, pin: str
) -> None:
    choose(session, ward)
    with pytest.raises(Invalid):
        choose(session, ward, pin)
    assert service.proves(session, ward.staff["nora"].id, PIN)


def test_typed_twice_differently_it_is_not_taken(session: Session, ward: Ward) -> None:
    with pytest.raises(Invalid, match="not changed"):
        choose(session, ward, again="482916")


def test_the_hash_is_argon2id_and_useless_without_the_key(session: Session, ward: Ward) -> None:
    choose(session, ward)
    kept = session.scalars(select(Pin.pin_hash)).one()
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    for guess in (PIN, f"{ward.staff['nora'].id}:{PIN}"):
        with pytest.raises(VerifyMismatchError):
            PasswordHasher().verify(kept, guess)


def test_one_person_s_pin_is_not_another_s(session: Session, ward: Ward) -> None:
    choose(session, ward)
    chen = ward.staff["chen"].id
    session.add(
        Pin(
            staff_id=chen,
            pin_hash=session.scalars(select(Pin.pin_hash)).one(),
            set_at=clock.now(),
        )
    )
    session.flush()
    assert not service.proves(session, chen, PIN)


def test_tries_at_once_from_many_processes_are_five_in_all(fresh_database: str) -> None:
    """Each on a connection of its own, as two web processes have."""
    with sessions_on(fresh_database) as sessions:
        with sessions.begin() as session:
            nora = the_ward(session).staff["nora"].id
            service.choose(session, nora, pin=PIN, again=PIN, now=clock.now())

        def guess(number: int) -> bool:
            with sessions.begin() as session:
                return service.proves(session, nora, f"{number:06}")

        with ThreadPoolExecutor(8) as many:
            assert not any(many.map(guess, range(16)))
        with sessions.begin() as session:
            assert session.get_one(Pin, nora).failures == MOST_FAILURES
            assert not service.proves(session, nora, PIN)
