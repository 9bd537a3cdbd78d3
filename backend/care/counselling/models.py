"""Counselling notes: a table of their own, which no chart, report, API or export reads."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class CounsellingNote(Base):
    """What a therapist wrote of a session. Never changed; a correction is a further note."""

    __tablename__ = "counselling_note"
    __table_args__ = (
        ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"], ["stay.id", "stay.patient_id", "stay.unit_id"]
        ),
        ForeignKeyConstraint(
            ["supersedes_id", "stay_id"], ["counselling_note.id", "counselling_note.stay_id"]
        ),
        UniqueConstraint("id", "stay_id"),
        CheckConstraint(
            "(supersedes_id IS NULL) = (correction_reason IS NULL)",
            name="a_correction_has_a_reason",
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    stay_id: Mapped[int] = mapped_column(index=True)
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    written_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    text: Mapped[str]
    supersedes_id: Mapped[int | None] = mapped_column(BigInteger, unique=True, default=None)
    correction_reason: Mapped[str | None] = mapped_column(default=None)
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)
