"""Who is linked with what a provider says."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.oidc.models import HospitalIdentity
from backend.accounts.staff.models import Staff


def person(session: Session, issuer: str, subject: str) -> Staff | None:
    """Whose account it is, while they work here."""
    return session.scalars(
        select(Staff)
        .join(HospitalIdentity, HospitalIdentity.staff_id == Staff.id)
        .where(
            HospitalIdentity.issuer == issuer,
            HospitalIdentity.subject == subject,
            HospitalIdentity.ended_at.is_(None),
            Staff.disabled_at.is_(None),
        )
    ).one_or_none()


def linked(session: Session, staff_id: int) -> HospitalIdentity | None:
    """What this person's account is linked with."""
    return session.scalars(
        select(HospitalIdentity).where(
            HospitalIdentity.staff_id == staff_id, HospitalIdentity.ended_at.is_(None)
        )
    ).one_or_none()
