"""Assignments: a patient is somebody's for a time. The next one ends the one before."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class Assignment(Base):
    """One patient in one person's hands until the end of a shift, or until somebody else's."""

    __tablename__ = "assignment"
    __table_args__ = (
        ForeignKeyConstraint(["stay_id", "unit_id"], ["stay.id", "stay.unit_id"]),
        CheckConstraint("until_at > from_at", name="ends_after_it_begins"),
        CheckConstraint("until_at <= from_at + interval '26 hours'", name="is_for_a_shift"),
        Index(
            "uq_assignment_current",
            "stay_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_assignment_unit_id", "unit_id", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    stay_id: Mapped[int]
    unit_id: Mapped[int]
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    assigned_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    assigned_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
