"""Questions about the people who work here."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.accounts.passwords import AWAITED
from backend.accounts.permissions import Role
from backend.accounts.sign_in.models import SignIn
from backend.accounts.staff.models import Posting, Staff


def by_id(session: Session, staff_id: int) -> Staff | None:
    """The account with this number."""
    return session.get(Staff, staff_id)


def by_login_name(session: Session, login_name: str) -> Staff | None:
    """The account, whatever the case it was typed in."""
    return session.scalars(
        select(Staff).where(Staff.login_name == login_name.strip().casefold())
    ).one_or_none()


def current_posting(session: Session, staff_id: int) -> Posting | None:
    """Where this person works now; of several the one they chose last, or the newest."""
    chosen_last = (
        select(func.max(SignIn.id))
        .where(SignIn.staff_id == staff_id, SignIn.unit_id == Posting.unit_id)
        .scalar_subquery()
    )
    return session.scalars(
        select(Posting)
        .where(Posting.staff_id == staff_id, Posting.until_at.is_(None))
        .order_by(chosen_last.desc().nulls_last(), Posting.from_at.desc(), Posting.id.desc())
        .limit(1)
    ).one_or_none()


def posting_on(session: Session, staff_id: int, unit_id: int) -> Posting | None:
    """What this person does on this unit now."""
    return session.scalars(
        select(Posting).where(
            Posting.staff_id == staff_id,
            Posting.unit_id == unit_id,
            Posting.until_at.is_(None),
        )
    ).one_or_none()


def names(session: Session, staff_ids: Sequence[int]) -> dict[int, str]:
    """Names by id, for those ids that exist."""
    rows = session.execute(select(Staff.id, Staff.name).where(Staff.id.in_(set(staff_ids))))
    return {row.id: row.name for row in rows}


def with_roles(session: Session) -> list[tuple[Staff, Role]]:
    """Everybody who is posted somewhere, with the role."""
    rows = session.execute(
        select(Staff, Posting.role)
        .join(Posting, Posting.staff_id == Staff.id)
        .where(Posting.until_at.is_(None), Staff.disabled_at.is_(None))
        .order_by(Staff.id)
    )
    return [(person, role) for person, role in rows]


def how_many(session: Session) -> int:
    """How many people could sign in: no machines, not the command line, nobody merely invited."""
    return session.scalars(
        select(func.count()).where(
            Staff.password_hash.is_not(None),
            Staff.password_hash != AWAITED,
            Staff.disabled_at.is_(None),
        )
    ).one()


def on_unit(session: Session, unit_id: int) -> list[tuple[Staff, Role]]:
    """The people of a unit by name: those posted there now, and those let go from there."""
    rows = session.execute(
        select(Staff, Posting.role)
        .join(Posting, Posting.staff_id == Staff.id)
        .where(
            Posting.unit_id == unit_id,
            Posting.until_at.is_(None),
            Staff.password_hash.is_not(None),
        )
        .order_by(Staff.disabled_at.is_not(None), Staff.name, Staff.id)
    )
    return [(person, role) for person, role in rows]
