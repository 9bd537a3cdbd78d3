"""Events of a stay. Rows are added, never changed: an end and a correction are further rows."""

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
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class EventKind(StrEnum):
    """What happened; the words and levels are in backend/clinical/events.toml."""

    SEIZURE = "seizure"
    FALL = "fall"
    VOMITING = "vomiting"
    HALLUCINATION = "hallucination"
    SELF_HARM = "self_harm"
    RESTRAINT = "restraint"


class EventChange(StrEnum):
    """What a row says: that it happened, that it is over, or that the row before was wrong."""

    RECORDED = "recorded"
    ENDED = "ended"
    CORRECTED = "corrected"
    TAKEN_BACK = "taken_back"


class Event(Base):
    """The whole event as it was known when the row was written. The last row of a chain counts."""

    __tablename__ = "event"
    __table_args__ = (
        ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"], ["stay.id", "stay.patient_id", "stay.unit_id"]
        ),
        ForeignKeyConstraint(["supersedes_id", "stay_id"], ["event.id", "event.stay_id"]),
        UniqueConstraint("id", "stay_id"),
        CheckConstraint("ended_at >= started_at", name="ends_after_it_begins"),
        CheckConstraint("started_at > '1900-01-01'", name="started_at_is_sane"),
        CheckConstraint(
            "greatest(started_at, ended_at) <= entered_at + interval '5 minutes'",
            name="happened_before_entered",
        ),
        CheckConstraint(
            "(change = 'recorded') = (supersedes_id IS NULL)", name="only_the_first_stands_alone"
        ),
        CheckConstraint(
            "(change IN ('corrected', 'taken_back')) = (reason IS NOT NULL)",
            name="a_correction_has_a_reason",
        ),
        CheckConstraint("change <> 'ended' OR ended_at IS NOT NULL", name="an_end_has_a_time"),
        Index("ix_event_unit_id_started_at", "unit_id", "started_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    stay_id: Mapped[int] = mapped_column(index=True)
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    kind: Mapped[EventKind]
    change: Mapped[EventChange]
    started_at: Mapped[datetime]
    entered_at: Mapped[datetime]
    recorded_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    supersedes_id: Mapped[int | None] = mapped_column(BigInteger, unique=True, default=None)
    reason: Mapped[str | None] = mapped_column(default=None)
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)
