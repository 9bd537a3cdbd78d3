"""Begin and end a sign-in."""

import hashlib
import secrets
from datetime import datetime, timedelta

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from backend.accounts.permissions import Role
from backend.accounts.sign_in.models import ONE_FACTOR, TWO_FACTORS, FailedTry, SignIn
from backend.accounts.staff import queries as staff_queries
from backend.accounts.staff.models import Staff
from backend.audit import service as audit
from backend.core.db import unit_on_duty
from backend.core.errors import Invalid, StepUpNeeded, TooMany
from backend.core.settings import settings

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
# Tries that may fail in a quarter of an hour before one must wait. Nobody is locked out for good:
# locking a ward's nurses out would be an attack on their patients.
FREE_TRIES = 5
WINDOW = timedelta(minutes=15)
LONGEST_WAIT = timedelta(minutes=5)
# How long a second proof of who one is holds.
STEPPED_UP = timedelta(minutes=5)

# Shown on the demo's sign-in page; the demo refuses a database that was not made by it.
DEMO_PASSWORD = "vigil-demo"  # noqa: S105 (no secret: it opens only the demo)

# 19 MiB, two passes: tens of milliseconds on a ward server, so a shift change does not stall it.
hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
# Verified when there is no such account, so that the time taken says nothing.
_NOBODY = hasher.hash(secrets.token_urlsafe())

log = structlog.get_logger()


def new_token() -> str:
    """256 bits that nobody guesses; a browser holds them, the database their hash."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).digest()


def _account_hash(login_name: str) -> bytes:
    return hashlib.sha256(login_name.strip().casefold().encode()).digest()


def _wait(session: Session, account: bytes, now: datetime) -> timedelta:
    """How long until this account may be tried again: 1, 2, 4 … s, never over five minutes."""
    tries, last = session.execute(
        select(func.count(), func.max(FailedTry.at)).where(
            FailedTry.account_sha256 == account, FailedTry.at > now - WINDOW
        )
    ).one()
    if tries < FREE_TRIES:
        return timedelta()
    wait = min(timedelta(seconds=2 ** (tries - FREE_TRIES)), LONGEST_WAIT)
    return max(timedelta(), last + wait - now)


def _must_wait(session: Session, account: bytes, now: datetime) -> None:
    if wait := _wait(session, account, now):
        seconds = int(wait.total_seconds()) + 1
        raise TooMany(f"Too many wrong passwords. Try again in {seconds} s.")


def begin(
    session: Session, *, login_name: str, password: str, now: datetime
) -> tuple[str, Role] | None:
    """Check the password and begin a sign-in on the person's unit: (token, role), or None if wrong.

    The caller answers the refusal itself, so that the failed try is committed.
    """
    account = _account_hash(login_name)
    _must_wait(session, account, now)
    person = staff_queries.by_login_name(session, login_name)
    if not _matches(person, password) or person is None:
        session.add(FailedTry(account_sha256=account, at=now))
        audit.note(session, None, "sign_in.refused")
        return None
    posting = staff_queries.current_posting(session, person.id)
    if posting is None:
        raise Invalid("You are not posted to any unit. Ask the administrator.")
    session.execute(select(unit_on_duty(posting.unit_id)))
    token = new_token()
    session.add(
        SignIn(
            token_sha256=token_hash(token),
            staff_id=person.id,
            unit_id=posting.unit_id,
            created_at=now,
            last_active_at=now,
            expires_at=now + LONGEST,
            # The demo signs in with one tap; only there does that count for two factors.
            assurance=TWO_FACTORS if settings().demo else ONE_FACTOR,
        )
    )
    audit.note(session, person.id, "sign_in.begun", unit_id=posting.unit_id)
    log.info("signed_in", staff_id=person.id, unit_id=posting.unit_id)
    return token, posting.role


def _matches(person: Staff | None, password: str) -> bool:
    stored = _NOBODY
    if person is not None and person.password_hash and person.disabled_at is None:
        stored = person.password_hash
    try:
        return hasher.verify(stored, password) and stored is not _NOBODY
    except (VerificationError, InvalidHashError):
        return False


def step_up(
    session: Session, sign_in_id: int, person: Staff, *, password: str, now: datetime
) -> str | None:
    """Prove once more who is at the keys: the browser's new token, or None if it is wrong.

    As in `begin`, the caller answers the refusal, so that the failed try is committed.
    """
    account = _account_hash(person.login_name)
    _must_wait(session, account, now)
    row = session.get_one(SignIn, sign_in_id)
    if not _matches(person, password):
        session.add(FailedTry(account_sha256=account, at=now))
        audit.note(session, person.id, "step_up.refused", unit_id=row.unit_id)
        return None
    token = new_token()
    row.token_sha256 = token_hash(token)
    row.stepped_up_until = now + STEPPED_UP
    audit.note(session, person.id, "step_up.proved", unit_id=row.unit_id)
    return token


def use_step_up(session: Session, sign_in_id: int, *, now: datetime) -> None:
    """For a deed that wants a proof of its own: of two at once, one is refused."""
    used = session.execute(
        update(SignIn)
        .where(SignIn.id == sign_in_id, SignIn.stepped_up_until > now)
        .values(stepped_up_until=None)
        .returning(SignIn.staff_id, SignIn.unit_id)
    ).one_or_none()
    if used is None:
        raise StepUpNeeded
    audit.note(session, used.staff_id, "step_up.used", unit_id=used.unit_id)


def end(session: Session, sign_in_id: int, *, now: datetime) -> None:
    """Sign out: the token is worth nothing from this commit on."""
    row = session.get_one(SignIn, sign_in_id)
    row.ended_at = row.ended_at or now
    audit.note(session, row.staff_id, "sign_in.ended", unit_id=row.unit_id)
