"""Ask for a lost second factor to be taken away, and agree to it."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.factors import service as factors
from backend.accounts.permissions import Role
from backend.accounts.resets import queries
from backend.accounts.resets.models import FactorReset
from backend.accounts.sign_in import service as sign_in
from backend.accounts.staff.models import Staff
from backend.audit import service as audit
from backend.core.errors import Conflict, NotAllowed


def ask(
    session: Session,
    actor_id: int,
    person: Staff,
    *,
    unit_id: int,
    role: Role,
    reason: str,
    now: datetime,
) -> FactorReset:
    """The first of two people says that somebody lost their second factor."""
    if person.id == actor_id:
        raise NotAllowed("Two colleagues do this for you: not you yourself.")
    session.execute(
        update(FactorReset)
        .where(FactorReset.staff_id == person.id, FactorReset.asked_at <= now - queries.LASTS)
        .where(FactorReset.agreed_at.is_(None), FactorReset.ended_at.is_(None))
        .values(ended_at=now)
    )
    reset = FactorReset(
        staff_id=person.id, unit_id=unit_id, asked_by=actor_id, asked_as=role, asked_at=now
    )
    try:
        with session.begin_nested():
            session.add(reset)
    except IntegrityError as error:
        raise Conflict("This has been asked for already and waits for a second person.") from error
    audit.record(
        session,
        actor_id,
        "factor_reset.asked",
        unit_id=unit_id,
        reason=reason,
        staff_id=person.id,
    )
    return reset


def agree(
    session: Session, actor_id: int, person: Staff, *, unit_id: int, role: Role, now: datetime
) -> None:
    """The second, who plays another part, agrees: the factors are gone and so is every sign-in."""
    waiting = queries.waiting(session, unit_id, now=now)
    reset = next((row for row in waiting if row.staff_id == person.id), None)
    if reset is None:
        raise Conflict("Nobody asked for this today, or it has been done already.")
    if actor_id in {reset.asked_by, person.id}:
        raise NotAllowed("A second person must agree to this.")
    if role is reset.asked_as:
        raise NotAllowed("One of the two must be an administrator and the other a charge nurse.")
    agreed = session.execute(
        update(FactorReset)
        .where(FactorReset.id == reset.id, FactorReset.agreed_at.is_(None))
        .values(agreed_by=actor_id, agreed_as=role, agreed_at=now)
        .returning(FactorReset.id)
    ).one_or_none()
    if agreed is None:
        raise Conflict("This has been done already.")
    factors.remove_all(session, actor_id, person, now=now)
    sign_in.end_all(session, person.id, now=now)
    audit.record(session, actor_id, "factor_reset.agreed", unit_id=unit_id, staff_id=person.id)


def withdraw(
    session: Session, actor_id: int, person: Staff, *, unit_id: int, now: datetime
) -> None:
    """The telephone was found, or it was somebody else who asked."""
    session.execute(
        update(FactorReset)
        .where(FactorReset.staff_id == person.id, FactorReset.unit_id == unit_id)
        .where(FactorReset.agreed_at.is_(None), FactorReset.ended_at.is_(None))
        .values(ended_at=now)
    )
    audit.record(session, actor_id, "factor_reset.withdrawn", unit_id=unit_id, staff_id=person.id)
