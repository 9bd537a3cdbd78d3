"""Which second factors somebody has."""

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from backend.accounts.factors.models import Authenticator, RecoveryCode
from backend.accounts.passkeys.models import Passkey

IN_USE = Authenticator.confirmed_at.is_not(None), Authenticator.removed_at.is_(None)


def any_of(session: Session, staff_id: int) -> bool:
    """Whether a second factor stands, so that a password alone opens nothing."""
    has_app = exists().where(Authenticator.staff_id == staff_id, *IN_USE)
    has_key = exists().where(Passkey.staff_id == staff_id, Passkey.removed_at.is_(None))
    return session.scalars(select(or_(has_app, has_key))).one()


def app(session: Session, staff_id: int) -> Authenticator | None:
    """The app that counts."""
    return session.scalars(
        select(Authenticator).where(Authenticator.staff_id == staff_id, *IN_USE)
    ).one_or_none()


def waiting_app(session: Session, staff_id: int) -> Authenticator | None:
    """The app that has yet to show its first digits."""
    return session.scalars(
        select(Authenticator)
        .where(
            Authenticator.staff_id == staff_id,
            Authenticator.confirmed_at.is_(None),
            Authenticator.removed_at.is_(None),
        )
        .order_by(Authenticator.id.desc())
        .limit(1)
    ).one_or_none()


def recovery_codes_left(session: Session, staff_id: int) -> int:
    """How many of them still open."""
    return session.scalars(
        select(func.count()).where(
            RecoveryCode.staff_id == staff_id, RecoveryCode.spent_at.is_(None)
        )
    ).one()
