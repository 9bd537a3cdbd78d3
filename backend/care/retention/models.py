"""What a unit has decided on how long it keeps what, and legal holds."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class Kept(StrEnum):
    """What has a time of its own."""

    RECORD = "clinical record"
    SHARING = "consents and disclosures"
    AUDIT = "audit trail"


class RetentionRule(Base):
    """So many years, because of this. The newest for a unit and a kind counts."""

    __tablename__ = "retention_rule"
    __table_args__ = (
        CheckConstraint("years BETWEEN 1 AND 100", name="years_are_sane"),
        CheckConstraint("source <> ''", name="says_why"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    kept: Mapped[Kept]
    years: Mapped[int]
    # The law or contract that says so.
    source: Mapped[str]
    set_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    set_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)


class LegalHold(Base):
    """Nothing of this stay, or of the whole unit, may go. It stands until it is lifted."""

    __tablename__ = "legal_hold"
    __table_args__ = (
        ForeignKeyConstraint(["stay_id", "unit_id"], ["stay.id", "stay.unit_id"]),
        UniqueConstraint("id", "unit_id"),
        CheckConstraint("reason <> ''", name="says_why"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    reason: Mapped[str]
    set_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    # None: everything of the unit.
    stay_id: Mapped[int | None] = mapped_column(default=None)
    set_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)


class LegalHoldEnd(Base):
    """The hold is lifted."""

    __tablename__ = "legal_hold_end"
    __table_args__ = (
        ForeignKeyConstraint(["hold_id", "unit_id"], ["legal_hold.id", "legal_hold.unit_id"]),
        CheckConstraint("reason <> ''", name="says_why"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    hold_id: Mapped[int] = mapped_column(unique=True)
    unit_id: Mapped[int]
    reason: Mapped[str]
    ended_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    ended_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)
