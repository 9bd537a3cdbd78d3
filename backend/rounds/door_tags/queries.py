"""Questions about the tags on the doors."""

from collections.abc import Sequence

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from backend.accounts.units.models import Bed
from backend.rounds.door_tags.models import DoorTag
from backend.stays.models import Placement, Stay


def by_code(session: Session, unit_id: int, code: str) -> DoorTag | None:
    """The tag that carries this code, old ones too."""
    return session.scalars(
        select(DoorTag).where(DoorTag.code == code, DoorTag.unit_id == unit_id)
    ).one_or_none()


def current(session: Session, bed_id: int) -> DoorTag | None:
    """The tag that hangs on the door of this bed now."""
    return session.scalars(
        select(DoorTag).where(DoorTag.bed_id == bed_id, DoorTag.replaced_at.is_(None))
    ).one_or_none()


def of_beds(session: Session, unit_id: int) -> Sequence[tuple[Bed, DoorTag | None]]:
    """Every bed in use with its tag, if it has one."""
    rows = session.execute(
        select(Bed, DoorTag)
        .outerjoin(DoorTag, and_(DoorTag.bed_id == Bed.id, DoorTag.replaced_at.is_(None)))
        .where(Bed.unit_id == unit_id, Bed.retired_at.is_(None))
        .order_by(Bed.position, Bed.id)
    )
    return [(bed, tag) for bed, tag in rows]


def lies_in(session: Session, bed_id: int) -> Stay | None:
    """Who lies in this bed now."""
    return session.scalars(
        select(Stay)
        .join(Placement, Placement.stay_id == Stay.id)
        .where(
            Placement.bed_id == bed_id,
            Placement.until_at.is_(None),
            Stay.discharged_at.is_(None),
        )
    ).one_or_none()
