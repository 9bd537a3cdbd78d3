"""Passwords: long or beside a second factor, on no list, and worth nothing without the secret."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import zxcvbn
from argon2 import Type, extract_parameters
from sqlalchemy.orm import Session

from backend.accounts import passwords
from backend.accounts.sign_in import service as sign_in
from backend.core import clock
from backend.core.errors import Invalid, TooMany
from backend.core.settings import settings
from tests.people import PASSWORD, Ward

LONG = ("dusk over the harbour, and a lamp " * 40)[:1000]


@pytest.fixture
def other_secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("VIGIL_SECRET_KEY", "another secret, of another server")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.parametrize(
    ("password", "shortest", "good"),
    [
        ("dusk harbour", 8, True),
        ("dusk harbour", 15, False),
        ("dusk harbour lamp", 15, True),
        ("xkQ9vR2m", 8, True),
        ("seven77", 8, False),
        ("nur kleine buchstaben", 15, True),  # no rule about signs, capitals or digits
        ("0419 2285 7730 11", 15, True),
        ("Grüße 🙂 vom Nachtdienst", 15, True),
        (LONG, 15, True),
        (LONG + "x", 15, False),
        ("trustno1", 8, False),
        ("passwordpassword1", 15, False),
        ("PassWordPassWord", 15, False),
        ("letmein123456789", 15, False),
        ("qwertyuiop12345", 15, False),
        ("1234567890123456", 15, False),
        ("aaaaaaaaaaaaaaaaaaaa", 15, False),
        ("iloveyouiloveyou", 15, False),
        ("P@ssw0rdP@ssw0rd", 15, False),
        ("rowanrowanrowanrowan", 15, False),
        ("RowanAshRowanAsh", 15, False),
        ("vigilvigilvigilvigil", 15, False),
        ("nul \x00 in a sentence", 15, False),
        ("half \ud800 of a letter", 15, False),
    ],
)
def test_which_passwords_are_good_enough(password: str, shortest: int, good: bool) -> None:
    about = ("rowan", "Rowan Ash")
    if good:
        kept = passwords.hashed(password, shortest=shortest, about=about)
        assert passwords.match(kept, password)
        assert not passwords.match(kept, password + " ")
        return
    with pytest.raises(Invalid) as refused:
        passwords.hashed(password, shortest=shortest, about=about)
    assert password not in refused.value.sentence


def test_the_last_character_of_a_long_password_counts() -> None:
    kept = passwords.hashed(LONG, shortest=15, about=())
    assert not passwords.match(kept, LONG[:-1] + "!")


def test_the_guesser_never_looks_at_more_than_it_can_afford(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its time grows with the square of the length: a long password would hold everybody up."""
    looked_at: list[str] = []
    real = zxcvbn.zxcvbn

    def noting(password: str, **words: Any) -> Any:
        looked_at.append(password)
        return real(password, **words)

    monkeypatch.setattr(zxcvbn, "zxcvbn", noting)
    passwords.hashed("4@8({[<369!1|7$5+0%2" * 50, shortest=15, about=())
    assert [len(text) for text in looked_at] == [passwords.LOOKED_AT]


def test_the_column_says_argon2id_with_the_agreed_cost() -> None:
    kept = passwords.keep(PASSWORD)
    assert kept.startswith("hmac-sha256$argon2id$")
    found = extract_parameters(kept.removeprefix("hmac-sha256"))
    assert found.type is Type.ID
    assert (found.memory_cost, found.time_cost, found.parallelism) == (19456, 2, 1)
    assert found.salt_len >= 16
    assert found.hash_len >= 32


def test_without_the_secret_the_column_is_worth_nothing() -> None:
    kept = passwords.keep(PASSWORD).removeprefix("hmac-sha256")
    assert not passwords.match(kept, PASSWORD)


@pytest.mark.usefixtures("other_secret")
def test_under_another_secret_no_password_opens(ward: Ward) -> None:
    assert not sign_in.proves(ward.staff["nora"], PASSWORD)


def test_a_hash_of_before_the_secret_opens_once_more_and_is_then_kept_anew(
    session: Session, ward: Ward
) -> None:
    nora = ward.staff["nora"]
    nora.password_hash = passwords.hasher.hash(PASSWORD)
    assert sign_in.begin(session, login_name="nora", password=PASSWORD, now=clock.now())
    assert nora.password_hash.startswith("hmac-sha256$")
    assert sign_in.begin(session, login_name="nora", password=PASSWORD, now=clock.now())


@pytest.mark.parametrize(
    "kept", [None, "", "no hash", "hmac-sha256", "hmac-sha256$argon2id$broken"]
)
def test_where_nothing_is_kept_nothing_matches(kept: str | None) -> None:
    assert not passwords.match(kept, "")
    assert not passwords.match(kept, PASSWORD)


def test_a_name_that_nobody_has_takes_as_long() -> None:
    kept, times = passwords.keep(PASSWORD), {}
    passwords.match(None, "warm up")
    for name, known in (("known", kept), ("unknown", None)):
        began = time.monotonic()
        for _ in range(5):
            passwords.match(known, "wrong")
        times[name] = time.monotonic() - began
    assert 0.3 < times["known"] / times["unknown"] < 3


def test_a_shift_change_hashes_one_after_the_other_and_the_line_has_an_end() -> None:
    """More than wait in line are told so; nobody hangs, and nobody's answer is lost."""
    kept = passwords.keep(PASSWORD)
    answers: list[bool | str] = []
    most = 0

    def come() -> None:
        nonlocal most
        try:
            answers.append(passwords.match(kept, PASSWORD))
        except TooMany as error:
            answers.append(error.sentence)

    many = [threading.Thread(target=come) for _ in range(passwords.IN_LINE + 6)]
    for one in many:
        one.start()
    while any(one.is_alive() for one in many):
        names = [thread.name for thread in threading.enumerate()]
        most = max(most, sum(name.startswith("passwords") for name in names))
    assert most == 1
    assert answers.count(True) >= passwords.IN_LINE
    assert len(answers) == len(many)
    assert all(answer is True or "Try again" in str(answer) for answer in answers)
    assert passwords.match(kept, PASSWORD)
