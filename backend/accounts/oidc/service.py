"""Accept what the provider vouched for, once, for an account that is there already."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.oidc import queries
from backend.accounts.oidc.models import HospitalIdentity
from backend.accounts.sign_in import service as sign_in
from backend.accounts.sign_in.models import ONE_FACTOR, TWO_FACTORS
from backend.audit import service as audit
from backend.core.errors import Conflict


def begin(
    session: Session, *, issuer: str, subject: str, two_factors: bool, now: datetime
) -> sign_in.Begun | None:
    """Sign in whoever is linked; None where nobody is. The caller answers that itself."""
    person = queries.person(session, issuer, subject)
    if person is None:
        audit.note(session, None, "sign_in.refused")
        return None
    assurance = TWO_FACTORS if two_factors else ONE_FACTOR
    return sign_in.begin_as(session, person, assurance=assurance, now=now)


def link(session: Session, staff_id: int, *, issuer: str, subject: str, now: datetime) -> None:
    """From now on this subject signs in as this person."""
    unlink(session, staff_id, now=now)
    identity = HospitalIdentity(staff_id=staff_id, issuer=issuer, subject=subject, linked_at=now)
    try:
        with session.begin_nested():
            session.add(identity)
    except IntegrityError as error:
        raise Conflict("This hospital account is linked with another person here.") from error
    audit.record(session, staff_id, "factor.hospital_linked", staff_id=staff_id)


def unlink(session: Session, staff_id: int, *, now: datetime) -> None:
    """The provider signs nobody in as this person any more."""
    ended = session.execute(
        update(HospitalIdentity)
        .where(HospitalIdentity.staff_id == staff_id, HospitalIdentity.ended_at.is_(None))
        .values(ended_at=now)
        .returning(HospitalIdentity.id)
    ).one_or_none()
    if ended is not None:
        audit.record(session, staff_id, "factor.hospital_unlinked", staff_id=staff_id)
