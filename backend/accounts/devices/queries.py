"""Questions about machines and their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.devices.models import Device
from backend.accounts.permissions import Role
from backend.accounts.staff.models import Posting, Staff


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A token, the account that acts by it, and what that may do."""

    device: Device
    name: str
    role: Role | None


def by_id(session: Session, device_id: int) -> Device | None:
    """One token's row."""
    return session.get(Device, device_id)


def on_unit(session: Session, unit_id: int) -> Sequence[Machine]:
    """Every token that was ever made for the unit, oldest first."""
    rows = session.execute(
        select(Device, Staff.name, Posting.role)
        .join(Staff, Staff.id == Device.staff_id)
        .outerjoin(
            Posting,
            (Posting.staff_id == Device.staff_id)
            & (Posting.unit_id == Device.unit_id)
            & Posting.until_at.is_(None),
        )
        .where(Device.unit_id == unit_id)
        .order_by(Device.id)
    )
    return [Machine(device=device, name=name, role=role) for device, name, role in rows]
