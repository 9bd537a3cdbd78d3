"""Take people on, post them to units, give them passwords, and let them go."""

import re
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts import passwords
from backend.accounts.devices.models import Device
from backend.accounts.factors import queries as factors
from backend.accounts.permissions import MACHINES, Permission, Role
from backend.accounts.sign_in import service as sign_in
from backend.accounts.staff import queries
from backend.accounts.staff.models import Posting, Staff, StaffRestriction
from backend.audit import service as audit
from backend.core.errors import Conflict, Invalid, NotFound

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
    session: Session,
    actor_id: int,
    *,
    login_name: str,
    name: str,
    password: str | None,
    invited: bool = False,
) -> Staff:
    """A new account. Whoever is invited chooses the password; a machine never has one."""
    login_name = login_name.strip().casefold()
    if not _LOGIN_NAME.fullmatch(login_name):
        raise Invalid(
            "A login name has 2 to 60 letters, digits, dots, dashes or underscores.",
            {"login_name": "Choose another."},
        )
    kept = passwords.AWAITED if invited else None
    if password is not None:
        about = (login_name, name)
        kept = passwords.hashed(password, shortest=passwords.SHORTEST_ALONE, about=about)
    person = Staff(login_name=login_name, name=_name(name), password_hash=kept)
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
    session: Session,
    actor_id: int,
    person: Staff,
    *,
    password: str,
    now: datetime,
    keeping: int | None = None,
) -> None:
    """A new password, and every browser that knew the old one is signed out, save the one here."""
    if person.password_hash is None:
        raise Invalid("A machine has no password; give it a new token.")
    person.password_hash = passwords.hashed(
        password,
        shortest=shortest_password(session, person),
        about=(person.login_name, person.name),
    )
    sign_in.end_all(session, person.id, now=now, but=keeping)
    audit.record(session, actor_id, "staff.password_changed", staff_id=person.id)


def shortest_password(session: Session, person: Staff) -> int:
    """How long a password must be: alone it carries everything."""
    if factors.any_of(session, person.id):
        return passwords.SHORTEST_WITH_SECOND_FACTOR
    return passwords.SHORTEST_ALONE


def disable(session: Session, actor_id: int, person: Staff, *, now: datetime) -> None:
    """From this commit on the account opens nothing. What the person did stays theirs."""
    if person.disabled_at is not None:
        return
    person.disabled_at = now
    sign_in.end_all(session, person.id, now=now)
    session.execute(
        update(Device)
        .where(Device.staff_id == person.id, Device.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    audit.record(session, actor_id, "staff.disabled", staff_id=person.id)


def restrict(
    session: Session,
    actor_id: int,
    person: Staff,
    *,
    unit_id: int,
    permission: Permission,
    reason: str,
) -> None:
    """Forbid one thing on a unit, from the next request on. It beats whatever the role allows."""
    if not reason.strip():
        raise Invalid("Say why it is restricted.", {"reason": "Say why."})
    row = StaffRestriction(
        staff_id=person.id,
        unit_id=unit_id,
        permission=permission.value,
        reason=reason.strip(),
        made_by=actor_id,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict("This is restricted already.") from error
    audit.record(
        session,
        actor_id,
        "staff.restricted",
        unit_id=unit_id,
        staff_id=person.id,
        permission=permission.value,
    )


def lift(
    session: Session,
    actor_id: int,
    person: Staff,
    *,
    unit_id: int,
    permission: Permission,
    now: datetime,
) -> None:
    """The restriction is over."""
    standing = session.scalars(
        select(StaffRestriction).where(
            StaffRestriction.staff_id == person.id,
            StaffRestriction.unit_id == unit_id,
            StaffRestriction.permission == permission.value,
            StaffRestriction.lifted_at.is_(None),
        )
    ).one_or_none()
    if standing is None:
        raise NotFound("This is not restricted.")
    standing.lifted_at, standing.lifted_by = now, actor_id
    session.flush()
    audit.record(
        session,
        actor_id,
        "staff.restriction_lifted",
        unit_id=unit_id,
        staff_id=person.id,
        permission=permission.value,
    )


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
