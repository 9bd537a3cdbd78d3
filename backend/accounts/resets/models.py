"""What one person asked for, and another agreed to."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.accounts.permissions import Role
from backend.core.db import Base


class FactorReset(Base):
    """Asked for on a unit by one part, agreed to by another, within a day."""

    __tablename__ = "factor_reset"
    __table_args__ = (
        Index(
            "uq_factor_reset_open",
            "staff_id",
            unique=True,
            postgresql_where=text("agreed_at IS NULL AND ended_at IS NULL"),
        ),
        CheckConstraint("asked_by <> staff_id AND agreed_by <> staff_id", name="never_ones_own"),
        CheckConstraint("agreed_by <> asked_by", name="two_people"),
        CheckConstraint("agreed_as <> asked_as", name="two_parts"),
        CheckConstraint("(agreed_by IS NULL) = (agreed_at IS NULL)", name="agreed_by_somebody"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    asked_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    asked_as: Mapped[Role]
    asked_at: Mapped[datetime]
    agreed_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), default=None)
    agreed_as: Mapped[Role | None] = mapped_column(default=None)
    agreed_at: Mapped[datetime | None] = mapped_column(default=None)
    # Withdrawn, or too old to be agreed to.
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
