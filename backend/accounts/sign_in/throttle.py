"""Guessing is slow, and nobody is locked out: that would be an attack on their patients."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from backend.accounts.sign_in.models import FailedTry, TriesForgiven
from backend.audit import service as audit
from backend.core.errors import TooMany

# Failed tries older than this are forgotten.
WINDOW = timedelta(hours=1)
# Two keys make one lock; the first says what it is for.
ONE_TRY_AT_A_TIME = 7_401


@dataclass(frozen=True)
class Limit:
    """This many may fail; then one waits 1, 2, 4 … seconds, and never longer than that."""

    free_tries: int
    longest_wait: timedelta

    def wait(self, tries: int, last: datetime | None, now: datetime) -> timedelta:
        """From now on."""
        if last is None or tries < self.free_tries:
            return timedelta()
        seconds = 2 ** min(tries - self.free_tries, 20)
        return max(timedelta(), last + min(timedelta(seconds=seconds), self.longest_wait) - now)


# A ward behind a proxy may share one address: many may mistype there, and it never waits long.
ACCOUNT = Limit(5, timedelta(minutes=5))
ADDRESS = Limit(60, timedelta(seconds=8))
EVERYBODY = Limit(600, timedelta(seconds=2))


@dataclass(frozen=True)
class Claim:
    """Who somebody says they are, and where from, as digests: an unknown name looks the same."""

    account_sha256: bytes
    address_sha256: bytes | None


def claim(login_name: str, address: str | None) -> Claim:
    """Of this name, from this address."""
    return Claim(account_hash(login_name), _digest(address) if address else None)


def account_hash(login_name: str) -> bytes:
    """The name as tries are counted by it, whatever the case it was typed in."""
    return _digest(login_name.strip().casefold())


def must_wait(session: Session, claimed: Claim, *, now: datetime) -> None:
    """Refuse whoever has to wait.

    The account is theirs alone until this transaction ends: a hundred guesses at once, at any
    number of servers, are still one after the other.
    """
    key = int.from_bytes(claimed.account_sha256[:4], "big", signed=True)
    free = select(func.pg_try_advisory_xact_lock(ONE_TRY_AT_A_TIME, key))
    if not session.scalars(free).one():
        raise TooMany("Somebody is signing in with this name at this moment. Try again in 1 s.")
    if wait := wait_of(session, claimed, now=now):
        seconds = int(wait.total_seconds()) + 1
        raise TooMany(f"Too many tries were wrong. Try again in {seconds} s.")


def wait_of(session: Session, claimed: Claim, *, now: datetime) -> timedelta:
    """How long until this may be tried again."""
    account = FailedTry.account_sha256 == claimed.account_sha256
    forgiven = session.scalars(
        select(func.max(TriesForgiven.at)).where(
            TriesForgiven.account_sha256 == claimed.account_sha256
        )
    ).one()
    since = max(now - WINDOW, forgiven or now - WINDOW)
    waits = [ACCOUNT.wait(*_tries(session, account, since=since), now)]
    if claimed.address_sha256 is not None:
        here = FailedTry.address_sha256 == claimed.address_sha256
        waits.append(ADDRESS.wait(*_tries(session, here, since=now - WINDOW), now))
    anywhere = FailedTry.at > now - WINDOW
    waits.append(EVERYBODY.wait(*_tries(session, anywhere, since=now - WINDOW), now))
    return max(waits)


def failed(session: Session, claimed: Claim, *, now: datetime) -> None:
    """One more that was wrong. The caller commits, whatever it answers."""
    session.add(
        FailedTry(
            account_sha256=claimed.account_sha256, address_sha256=claimed.address_sha256, at=now
        )
    )
    session.flush()


def forgive(
    session: Session, actor_id: int, *, staff_id: int, login_name: str, now: datetime
) -> None:
    """Let somebody try again at once: a colleague stands beside them and knows their face."""
    session.add(TriesForgiven(account_sha256=account_hash(login_name), at=now, by=actor_id))
    audit.record(session, actor_id, "sign_in.tries_forgiven", staff_id=staff_id)


def _tries(
    session: Session, which: ColumnElement[bool], *, since: datetime
) -> tuple[int, datetime | None]:
    row = session.execute(
        select(func.count(), func.max(FailedTry.at)).where(which, FailedTry.at > since)
    ).one()
    return row[0], row[1]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
