"""Questions about workstations."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.accounts.sign_in.models import SignIn
from backend.accounts.staff.models import Staff
from backend.accounts.workstations.models import Workstation


@dataclass(frozen=True, kw_only=True)
class Enrolled:
    """A workstation, who enrolled it, and how many people have a sign-in on it."""

    workstation: Workstation
    enrolled_by: str
    people: int


def by_token(session: Session, token_sha256: bytes) -> Workstation | None:
    """The machine that holds this token, unless it was revoked or nobody has claimed it."""
    return session.scalars(
        select(Workstation).where(
            Workstation.token_sha256 == token_sha256,
            Workstation.claimed_at.is_not(None),
            Workstation.revoked_at.is_(None),
        )
    ).one_or_none()


def on_unit(session: Session, unit_id: int) -> Sequence[Enrolled]:
    """Every workstation that was ever enrolled on the unit: those in use first."""
    people = (
        select(func.count())
        .select_from(SignIn)
        .where(SignIn.workstation_id == Workstation.id, SignIn.ended_at.is_(None))
        .where(SignIn.expires_at > func.now())
        .scalar_subquery()
    )
    rows = session.execute(
        select(Workstation, Staff.name, people)
        .join(Staff, Staff.id == Workstation.enrolled_by)
        .where(Workstation.unit_id == unit_id)
        .order_by(Workstation.revoked_at.is_not(None), Workstation.label, Workstation.id)
    )
    return [
        Enrolled(workstation=workstation, enrolled_by=name, people=count)
        for workstation, name, count in rows
    ]
