"""PINs: one a person, kept as a hash that is worth nothing without the key outside the database."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base

# Wrong so often in a row, it opens nothing until its owner has signed in fully.
MOST_FAILURES = 5


class Pin(Base):
    """Six digits of one person, and how often in a row they were wrong."""

    __tablename__ = "pin"
    __table_args__ = (CheckConstraint("failures BETWEEN 0 AND 5", name="five_failures_at_most"),)

    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    pin_hash: Mapped[str]
    set_at: Mapped[datetime]
    failures: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
