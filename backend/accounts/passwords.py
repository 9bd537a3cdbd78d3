"""Passwords: which are good enough, and how they are kept and compared."""

import hmac
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import BoundedSemaphore
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from backend.core import secret
from backend.core.errors import Invalid, TooMany

# NIST SP 800-63B and OWASP ASVS 6.2: alone, and beside a second factor. No rule says which
# characters: only guessing counts.
SHORTEST_ALONE = 15
SHORTEST_WITH_SECOND_FACTOR = 8
LONGEST = 1000
# Fewer tries than this and a password stands on the lists of stolen and common ones, or is a
# word of one of them with a little around it.
FEWEST_GUESSES = 10**7
# As far as the guesser looks: its time grows with the square, and a long password is good by then.
LOOKED_AT = 40
# Somebody who waits behind more than this many is told to try again.
IN_LINE = 24

# 19 MiB, two passes: tens of milliseconds on a ward server.
hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
# In the column before the hash: mixed with a secret that the database does not hold.
PEPPERED = "hmac-sha256"
# In the column of somebody invited who has not chosen one yet: no password matches it.
AWAITED = "awaited"

_Result = TypeVar("_Result")
# One at a time and apart from all other work, so that a shift change does not stall the ward.
_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
_places = BoundedSemaphore(IN_LINE)


def hashed(password: str, *, shortest: int, about: Sequence[str]) -> str:
    """What the database keeps. Refuses a weak one; `about` is what an acquaintance would try."""
    if weak := _weakness(password, shortest, about):
        raise Invalid(weak, {"password": weak})
    return keep(password)


def keep(password: str) -> str:
    """The hash of a password that is good enough, or that opens only the demo."""
    return PEPPERED + _in_line(lambda: hasher.hash(_peppered(password)))


def match(kept: str | None, password: str) -> bool:
    """Whether it is the one. Takes as long where nothing is kept, so that the time says nothing."""
    there = bool(kept) and kept != AWAITED
    known = kept if kept and there else _nobody()
    peppered = known.startswith(PEPPERED)

    def verified() -> bool:
        typed = _peppered(password) if peppered else password.encode("utf-8", "surrogatepass")
        return hasher.verify(known.removeprefix(PEPPERED), typed)

    try:
        return _in_line(verified) and there
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Kept before there was a secret, or with another cost: to be kept anew at the next sign-in."""
    return not kept.startswith(PEPPERED) or hasher.check_needs_rehash(kept.removeprefix(PEPPERED))


def _peppered(password: str) -> bytes:
    typed = password.encode("utf-8", "surrogatepass")
    return hmac.digest(secret.key("password"), typed, "sha256")


def _in_line(work: Callable[[], _Result]) -> _Result:
    if not _places.acquire(blocking=False):
        raise TooMany("Many people are signing in at this moment. Try again in a few seconds.")
    try:
        return _worker.submit(work).result()
    finally:
        _places.release()


@cache
def _nobody() -> str:
    return keep(secrets.token_urlsafe())


def _weakness(password: str, shortest: int, about: Sequence[str]) -> str | None:
    if len(password) < shortest:
        return f"A password has at least {shortest} characters; a sentence is good."
    if len(password) > LONGEST:
        return f"A password has at most {LONGEST} characters."
    if "\x00" in password or "\ufffd" in password or not _readable(password):
        return "The password could not be read. Type it again."
    from zxcvbn import zxcvbn  # noqa: PLC0415 (its lists take time to load)

    words = [*about, *(part for text in about for part in text.split()), "vigil"]
    if zxcvbn(password[:LOOKED_AT], user_inputs=words)["guesses"] < FEWEST_GUESSES:
        return (
            "This password is on lists of stolen ones, or too like one or your name: it would be"
            " guessed. Choose another; a sentence is good."
        )
    return None


def _readable(password: str) -> bool:
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return True
