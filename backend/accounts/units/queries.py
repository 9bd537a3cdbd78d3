"""Questions about units and beds."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.units.models import Bed, Unit


def by_code(session: Session, code: str) -> Unit | None:
    """The unit with this short name, whatever the case it was typed in."""
    return session.scalars(select(Unit).where(Unit.code == code.strip().casefold())).one_or_none()


def every(session: Session) -> Sequence[Unit]:
    """All units, in the order in which they were made."""
    return session.scalars(select(Unit).order_by(Unit.id)).all()


def beds(session: Session, unit_id: int) -> Sequence[Bed]:
    """The unit's beds as people walk past them, without those that were retired."""
    return session.scalars(
        select(Bed)
        .where(Bed.unit_id == unit_id, Bed.retired_at.is_(None))
        .order_by(Bed.position, Bed.id)
    ).all()
