"""Take people on, post them to units, give them passwords, and let them go."""

import re
from datetime import datetime

from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.devices.models import Device
from backend.accounts.permissions import MACHINES, Role
from backend.accounts.sign_in.models import SignIn
from backend.accounts.sign_in.service import hasher
from backend.accounts.staff import queries
from backend.accounts.staff.models import Posting, Staff
from backend.audit import service as audit
from backend.core.errors import Conflict, Invalid

# A password alone, without a second factor, needs this length (NIST SP 800-63B, OWASP ASVS 6.2).
SHORTEST_PASSWORD = 15
LONGEST_PASSWORD = 1000
# `vigil` on the server's own command line acts under this name. It has no password: nobody can
# sign in as it.
CONSOLE = "console"
_LOGIN_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,59}")


def console(session: Session) -> Staff:
    """Who the audit names when somebody types a command on the server itself."""
    row = queries.by_login_name(session, CONSOLE)
    if row is None:
        row = _added(session, Staff(login_name=CONSOLE, name="Command line"))
    return row


def create(
    session: Session, actor_id: int, *, login_name: str, name: str, password: str | None
) -> Staff:
    """A new account. Without a password it is a machine's: nobody can sign in with it."""
    login_name = login_name.strip().casefold()
    if not _LOGIN_NAME.fullmatch(login_name):
        raise Invalid(
            "A login name has 2 to 60 letters, digits, dots, dashes or underscores.",
            {"login_name": "Choose another."},
        )
    person = Staff(
        login_name=login_name,
        name=_name(name),
        password_hash=None if password is None else _hashed(password, login_name),
    )
    _added(session, person)
    audit.record(session, actor_id, "staff.created", staff_id=person.id)
    return person


def post(
    session: Session, actor_id: int, person: Staff, *, unit_id: int, role: Role, now: datetime
) -> Posting:
    """Give a role on a unit; it takes the place of the person's earlier role there."""
    if (role in MACHINES) != (person.password_hash is None):
        raise Invalid("People take a person's role, machines a machine's.", {"role": "Choose."})
    current = session.scalars(
        select(Posting)
        .where(
            Posting.staff_id == person.id,
            Posting.unit_id == unit_id,
            Posting.until_at.is_(None),
        )
        .with_for_update()
    ).one_or_none()
    if current is not None and current.role is role:
        return current
    if current is not None:
        current.until_at = now
        session.flush()
    posting = Posting(staff_id=person.id, unit_id=unit_id, role=role)
    session.add(posting)
    session.flush()
    audit.record(
        session, actor_id, "staff.posted", unit_id=unit_id, staff_id=person.id, role=role.value
    )
    return posting


def change_password(
    session: Session, actor_id: int, person: Staff, *, password: str, now: datetime
) -> None:
    """A new password, and every browser that knew the old one is signed out."""
    if person.password_hash is None:
        raise Invalid("A machine has no password; give it a new token.")
    person.password_hash = _hashed(password, person.login_name)
    _sign_out_everywhere(session, person, now)
    audit.record(session, actor_id, "staff.password_changed", staff_id=person.id)


def proves(person: Staff | None, password: str) -> bool:
    """Whether this password is that person's, for a deed that needs them in person."""
    if person is None or person.password_hash is None or person.disabled_at is not None:
        return False
    try:
        return hasher.verify(person.password_hash, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def disable(session: Session, actor_id: int, person: Staff, *, now: datetime) -> None:
    """From this commit on the account opens nothing. What the person did stays theirs."""
    if person.disabled_at is not None:
        return
    person.disabled_at = now
    _sign_out_everywhere(session, person, now)
    session.execute(
        update(Device)
        .where(Device.staff_id == person.id, Device.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    audit.record(session, actor_id, "staff.disabled", staff_id=person.id)


def _sign_out_everywhere(session: Session, person: Staff, now: datetime) -> None:
    session.execute(
        update(SignIn)
        .where(SignIn.staff_id == person.id, SignIn.ended_at.is_(None))
        .values(ended_at=now)
    )
    session.flush()


def _added(session: Session, person: Staff) -> Staff:
    try:
        with session.begin_nested():
            session.add(person)
    except IntegrityError as error:
        raise Conflict("Somebody has this login name already. Choose another.") from error
    return person


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise Invalid("A name has 1 to 100 letters.", {"name": "Type it again."})
    return name


def _hashed(password: str, login_name: str) -> str:
    reason = None
    if len(password) < SHORTEST_PASSWORD:
        reason = f"A password has at least {SHORTEST_PASSWORD} characters; a sentence is good."
    elif len(password) > LONGEST_PASSWORD:
        reason = f"A password has at most {LONGEST_PASSWORD} characters."
    elif len(set(password)) < 5 or len(password.casefold().replace(login_name, "")) < 5:
        reason = "This password repeats itself or the login name. Choose another."
    if reason:
        raise Invalid(reason, {"password": reason})
    try:
        return hasher.hash(password)
    except UnicodeEncodeError:
        reason = "The password could not be read. Type it again."
        raise Invalid(reason, {"password": reason}) from None
