"""Questions about PINs; never the digits."""

from sqlalchemy.orm import Session

from backend.accounts.pins.models import Pin


def of_person(session: Session, staff_id: int) -> Pin | None:
    """The person's PIN, if they have chosen one."""
    return session.get(Pin, staff_id)
