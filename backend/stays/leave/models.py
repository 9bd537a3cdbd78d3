"""Leaves of a stay. Rows are added, never changed: a return and a correction are further rows."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class Away(StrEnum):
    """Where somebody is; the words are in backend/clinical/absence.py."""

    THERAPY = "therapy"
    ACTIVITY = "activity"
    PROCEDURE = "procedure"
    APPOINTMENT = "appointment"
    COURT = "court"
    PASS = "pass"  # noqa: S105 (a day out, no password)
    EMERGENCY = "emergency"


class LeaveChange(StrEnum):
    """What a row adds: that they left, a later time, that somebody saw them, that they are back."""

    LEFT = "left"
    EXTENDED = "extended"
    SEEN = "seen"
    RETURNED = "returned"
    CORRECTED = "corrected"
    TAKEN_BACK = "taken_back"


class Belongings(StrEnum):
    """Whether what they brought back was looked through."""

    CHECKED = "checked"
    NOT_CHECKED = "not checked"


class UrineScreen(StrEnum):
    """A urine drug screen on the return, where one is ordered."""

    TAKEN = "taken"
    REFUSED = "refused"
    NOT_ORDERED = "not ordered"


class Leave(Base):
    """The whole absence as it was known when the row was written. The last of a chain counts."""

    __tablename__ = "leave"
    __table_args__ = (
        ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"], ["stay.id", "stay.patient_id", "stay.unit_id"]
        ),
        ForeignKeyConstraint(["supersedes_id", "stay_id"], ["leave.id", "leave.stay_id"]),
        UniqueConstraint("id", "stay_id"),
        CheckConstraint("left_at > '1900-01-01'", name="left_at_is_sane"),
        CheckConstraint("expected_at > left_at", name="is_expected_after_leaving"),
        CheckConstraint("returned_at >= left_at", name="returns_after_leaving"),
        CheckConstraint("seen_at >= left_at", name="is_seen_after_leaving"),
        CheckConstraint(
            "greatest(left_at, returned_at, seen_at) <= entered_at + interval '5 minutes'",
            name="happened_before_entered",
        ),
        CheckConstraint(
            "(change = 'left') = (supersedes_id IS NULL)", name="only_the_first_stands_alone"
        ),
        CheckConstraint(
            "(change IN ('corrected', 'taken_back')) = (reason IS NOT NULL)",
            name="a_correction_has_a_reason",
        ),
        CheckConstraint(
            "change <> 'returned' OR returned_at IS NOT NULL", name="a_return_has_a_time"
        ),
        CheckConstraint("(seen_at IS NULL) = (seen_by IS NULL)", name="somebody_saw_them"),
        Index("ix_leave_unit_id_left_at", "unit_id", "left_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    stay_id: Mapped[int] = mapped_column(index=True)
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    change: Mapped[LeaveChange]
    why: Mapped[Away]
    left_at: Mapped[datetime]
    expected_at: Mapped[datetime]
    entered_at: Mapped[datetime]
    recorded_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    escort: Mapped[str | None] = mapped_column(default=None)
    # What was given along, to be taken outside.
    medication: Mapped[str | None] = mapped_column(default=None)
    # A word on safety by whoever leads the group; nothing is scored by it.
    seen_at: Mapped[datetime | None] = mapped_column(default=None)
    seen_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), default=None)
    returned_at: Mapped[datetime | None] = mapped_column(default=None)
    belongings: Mapped[Belongings | None] = mapped_column(default=None)
    urine_screen: Mapped[UrineScreen | None] = mapped_column(default=None)
    supersedes_id: Mapped[int | None] = mapped_column(BigInteger, unique=True, default=None)
    reason: Mapped[str | None] = mapped_column(default=None)
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)


class Absence(Base):
    """That somebody is away now: one for a stay at most. While it lasts no round moves.

    State, not fact: it follows the last row of `leave`, and says when the watch must look.
    """

    __tablename__ = "absence"
    __table_args__ = (
        ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"], ["stay.id", "stay.patient_id", "stay.unit_id"]
        ),
        ForeignKeyConstraint(["leave_id", "stay_id"], ["leave.id", "leave.stay_id"]),
        Index(
            "uq_absence_current",
            "stay_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_absence_unit_id", "unit_id", postgresql_where=text("ended_at IS NULL")),
        Index(
            "ix_absence_next_step_at",
            "next_step_at",
            postgresql_where=text("next_step_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    stay_id: Mapped[int]
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    leave_id: Mapped[int] = mapped_column(BigInteger)
    next_step_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
