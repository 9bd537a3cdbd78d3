"""Whose passkeys there are."""

from collections.abc import Sequence

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from backend.accounts.passkeys.models import Passkey
from backend.accounts.staff.models import Staff


def of(session: Session, staff_id: int) -> Sequence[Passkey]:
    """The keys that still open, oldest first."""
    return session.scalars(
        select(Passkey)
        .where(Passkey.staff_id == staff_id, Passkey.removed_at.is_(None))
        .order_by(Passkey.id)
    ).all()


def any_of(session: Session, staff_id: int) -> bool:
    """Whether this person has any."""
    return session.scalars(
        select(exists().where(Passkey.staff_id == staff_id, Passkey.removed_at.is_(None)))
    ).one()


def behind(session: Session, credential_id: bytes) -> tuple[Passkey, Staff] | None:
    """The key with this number, and whose it is, while they work here."""
    row = session.execute(
        select(Passkey, Staff)
        .join(Staff, Staff.id == Passkey.staff_id)
        .where(
            Passkey.credential_id == credential_id,
            Passkey.removed_at.is_(None),
            Staff.disabled_at.is_(None),
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])
