"""Questions about sign-ins."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.sign_in.models import IDLE, SignIn


def standing(session: Session, staff_id: int, *, now: datetime) -> Sequence[SignIn]:
    """Where somebody is signed in, the newest first."""
    return session.scalars(
        select(SignIn)
        .where(
            SignIn.staff_id == staff_id,
            SignIn.ended_at.is_(None),
            SignIn.expires_at > now,
            SignIn.last_active_at > now - IDLE,
        )
        .order_by(SignIn.id.desc())
    ).all()
