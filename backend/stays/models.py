"""Stays and the beds they lie in. The database keeps one stay to a bed and one bed to a stay."""

from datetime import datetime
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
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class DischargeReason(StrEnum):
    """How a stay ended."""

    COMPLETED = "completed"
    AGAINST_ADVICE = "left against advice"
    TRANSFERRED = "transferred"
    TERMINATED = "ended by the unit"
    DIED = "died"
    OTHER = "other"


class Stay(Base):
    """One admission of one patient to one unit."""

    __tablename__ = "stay"
    __table_args__ = (
        UniqueConstraint("id", "patient_id", "unit_id"),
        UniqueConstraint("id", "unit_id"),
        CheckConstraint("discharged_at > admitted_at", name="ends_after_it_begins"),
        CheckConstraint(
            "(discharged_at IS NULL) = (discharge_reason IS NULL)",
            name="an_end_has_a_reason",
        ),
        CheckConstraint("spo2_scale IN (1, 2)", name="spo2_scale_is_1_or_2"),
        CheckConstraint(
            "spo2_scale = 1 OR spo2_scale_prescribed_by IS NOT NULL",
            name="spo2_scale_2_has_a_prescriber",
        ),
        ExcludeConstraint(
            (text("int8range(patient_id, patient_id, '[]')"), "&&"),
            (text("tstzrange(admitted_at, discharged_at)"), "&&"),
            name="ex_stay_one_stay_per_patient",
            using="gist",
        ),
        Index("ix_stay_current", "unit_id", postgresql_where=text("discharged_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    admitted_at: Mapped[datetime]
    admitted_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    substances: Mapped[list[str]] = mapped_column(default_factory=list)
    use_history: Mapped[str | None] = mapped_column(default=None)
    last_use_at: Mapped[datetime | None] = mapped_column(default=None)
    # NEWS2 scale 2 only for confirmed hypercapnic failure, by a named prescriber.
    spo2_scale: Mapped[int] = mapped_column(default=1)
    spo2_scale_prescribed_by: Mapped[int | None] = mapped_column(
        ForeignKey("staff.id"), default=None
    )
    source: Mapped[str] = mapped_column(default="typed")
    discharged_at: Mapped[datetime | None] = mapped_column(default=None)
    discharged_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), default=None)
    discharge_reason: Mapped[DischargeReason | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)


class Placement(Base):
    """A stay in a bed for a time. A move ends one and begins the next."""

    __tablename__ = "placement"
    __table_args__ = (
        ForeignKeyConstraint(["stay_id", "unit_id"], ["stay.id", "stay.unit_id"]),
        ForeignKeyConstraint(["bed_id", "unit_id"], ["bed.id", "bed.unit_id"]),
        CheckConstraint("until_at > from_at", name="ends_after_it_begins"),
        ExcludeConstraint(
            (text("int8range(bed_id, bed_id, '[]')"), "&&"),
            (text("tstzrange(from_at, until_at)"), "&&"),
            name="ex_placement_one_stay_per_bed",
            using="gist",
        ),
        ExcludeConstraint(
            (text("int8range(stay_id, stay_id, '[]')"), "&&"),
            (text("tstzrange(from_at, until_at)"), "&&"),
            name="ex_placement_one_bed_per_stay",
            using="gist",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    stay_id: Mapped[int] = mapped_column(index=True)
    unit_id: Mapped[int]
    bed_id: Mapped[int] = mapped_column(index=True)
    from_at: Mapped[datetime]
    placed_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    until_at: Mapped[datetime | None] = mapped_column(default=None)
