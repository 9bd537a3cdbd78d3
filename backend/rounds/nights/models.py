"""Orders for the night. Each stands until it is ended or another takes its place."""

from datetime import datetime, time
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class NightKind(StrEnum):
    """What is ordered."""

    DO_NOT_WAKE = "do_not_wake"
    SPO2 = "spo2"


class NightOrder(Base):
    """One order of a prescriber. `from_time` and `to_time` are on the unit's clock, every night."""

    __tablename__ = "night_order"
    __table_args__ = (
        ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"], ["stay.id", "stay.patient_id", "stay.unit_id"]
        ),
        CheckConstraint("ended_at >= starts_at", name="ends_after_it_begins"),
        CheckConstraint(
            "(kind = 'do_not_wake') = (from_time IS NOT NULL AND to_time IS NOT NULL)",
            name="a_night_has_its_times",
        ),
        CheckConstraint("from_time <> to_time", name="a_night_has_an_end"),
        Index(
            "uq_night_order_current",
            "stay_id",
            "kind",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    stay_id: Mapped[int]
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    kind: Mapped[NightKind]
    starts_at: Mapped[datetime]
    ordered_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    from_time: Mapped[time | None] = mapped_column(default=None)
    to_time: Mapped[time | None] = mapped_column(default=None)
    reason: Mapped[str | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), default=None)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)
