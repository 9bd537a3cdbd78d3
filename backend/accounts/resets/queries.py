"""Which lost second factors wait for a second person."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.resets.models import FactorReset

LASTS = timedelta(days=1)


def waiting(session: Session, unit_id: int, *, now: datetime) -> Sequence[FactorReset]:
    """What was asked for on this unit within a day and is neither agreed to nor withdrawn."""
    return session.scalars(
        select(FactorReset)
        .where(
            FactorReset.unit_id == unit_id,
            FactorReset.agreed_at.is_(None),
            FactorReset.ended_at.is_(None),
            FactorReset.asked_at > now - LASTS,
        )
        .order_by(FactorReset.id)
    ).all()
