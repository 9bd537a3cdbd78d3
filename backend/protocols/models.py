"""Versions of a unit's protocol. A version never changes; the next one takes over."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class UnitProtocol(Base):
    """One approved version, in force from `effective_at` until a later one is."""

    __tablename__ = "unit_protocol"
    __table_args__ = (
        UniqueConstraint("unit_id", "version"),
        UniqueConstraint("id", "unit_id"),
        CheckConstraint("approved_by <> drafted_by", name="approved_by_a_second_person"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    version: Mapped[int]
    name: Mapped[str]
    document: Mapped[dict[str, Any]]

    drafted_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    approved_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    effective_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)
