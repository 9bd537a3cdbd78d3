"""One tag per bed. A replaced one stays, so that it can say that it is old."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class DoorTag(Base):
    """A code that means nothing but this bed, printed and put on its door."""

    __tablename__ = "door_tag"
    __table_args__ = (
        ForeignKeyConstraint(["bed_id", "unit_id"], ["bed.id", "bed.unit_id"]),
        UniqueConstraint("id", "unit_id"),
        CheckConstraint("code ~ '^[A-Za-z0-9_-]{16,64}$'", name="is_opaque"),
        Index(
            "uq_door_tag_current",
            "bed_id",
            unique=True,
            postgresql_where=text("replaced_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True, init=False)
    unit_id: Mapped[int]
    bed_id: Mapped[int]
    code: Mapped[str] = mapped_column(unique=True)
    made_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    made_at: Mapped[datetime]
    replaced_at: Mapped[datetime | None] = mapped_column(default=None)
    replaced_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), default=None)
