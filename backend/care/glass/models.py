"""Broken glass, its end and its review. Rows are added, never changed; the database writes when."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base

# For people to read; the one that counts stands in `open_glass` in the database.
LASTS = timedelta(minutes=60)


class GlassReason(StrEnum):
    """Why somebody must read what they may not."""

    EMERGENCY = "this patient is in danger"
    NOBODY_THERE = "nobody of the unit can be reached"
    TRANSFER = "the patient is moved to or from here"
    FAULT = "a fault that may endanger this patient"
    OTHER = "another reason, said below"


class Outcome(StrEnum):
    """What the privacy officer makes of it."""

    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not justified"
    FOLLOW_UP = "follow up"


class Glass(Base):
    """One person, one stay. Of a person's rows only the newest can be open (`open_glass`)."""

    __tablename__ = "glass"
    __table_args__ = (
        ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"], ["stay.id", "stay.patient_id", "stay.unit_id"]
        ),
        UniqueConstraint("id", "unit_id", "staff_id"),
        CheckConstraint("words <> ''", name="says_why"),
        Index("ix_glass_staff_id_id", "staff_id", "id"),
        Index("ix_glass_unit_id_opened_at", "unit_id", "opened_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    stay_id: Mapped[int]
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    reason: Mapped[GlassReason]
    words: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)


class GlassEnd(Base):
    """Ended before its time, by whoever broke it."""

    __tablename__ = "glass_end"
    __table_args__ = (
        ForeignKeyConstraint(
            ["glass_id", "unit_id", "staff_id"], ["glass.id", "glass.unit_id", "glass.staff_id"]
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    glass_id: Mapped[int] = mapped_column(unique=True)
    unit_id: Mapped[int]
    staff_id: Mapped[int]
    ended_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)


class GlassReview(Base):
    """What somebody else found: as often as it takes to follow up, and then once."""

    __tablename__ = "glass_review"
    __table_args__ = (
        ForeignKeyConstraint(
            ["glass_id", "unit_id", "staff_id"], ["glass.id", "glass.unit_id", "glass.staff_id"]
        ),
        CheckConstraint("reviewed_by <> staff_id", name="by_somebody_else"),
        CheckConstraint("words <> ''", name="says_why"),
        Index(
            "uq_glass_review_final",
            "glass_id",
            unique=True,
            postgresql_where=text("outcome <> 'follow up'"),
        ),
        Index("ix_glass_review_glass_id", "glass_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    glass_id: Mapped[int]
    unit_id: Mapped[int]
    # Whose glass it was: kept here so that the database can refuse a review of one's own.
    staff_id: Mapped[int]
    outcome: Mapped[Outcome]
    words: Mapped[str]
    reviewed_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    reviewed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)
