"""Observation orders, and the rounds they call for. A missed round stays missed for ever."""

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


class RoundState(StrEnum):
    """Where a round stands: time moves the first three, a person or an order ends it."""

    SCHEDULED = "scheduled"
    DUE = "due"
    LATE = "late"
    MISSED = "missed"
    DONE = "done"
    DONE_LATE = "done_late"
    PARTLY_DONE = "partly_done"
    NOT_DONE = "not_done"
    CANCELLED = "cancelled"


OPEN = (RoundState.SCHEDULED, RoundState.DUE, RoundState.LATE)


class ObservationOrder(Base):
    """One kind of observation, to be made on a stay at an interval, until ended."""

    __tablename__ = "observation_order"
    __table_args__ = (
        ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"], ["stay.id", "stay.patient_id", "stay.unit_id"]
        ),
        ForeignKeyConstraint(
            ["protocol_id", "unit_id"], ["unit_protocol.id", "unit_protocol.unit_id"]
        ),
        UniqueConstraint("id", "stay_id", "patient_id", "unit_id"),
        CheckConstraint("interval_minutes BETWEEN 5 AND 1440", name="interval_is_sane"),
        CheckConstraint("ended_at >= starts_at", name="ends_after_it_begins"),
        Index(
            "uq_observation_order_current",
            "stay_id",
            "instrument",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    stay_id: Mapped[int]
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    # An instrument's short name ("ciwa-b"); "news2" stands for a full set of vital signs.
    instrument: Mapped[str]
    interval_minutes: Mapped[int]
    starts_at: Mapped[datetime]
    ordered_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    protocol_id: Mapped[int]
    reason: Mapped[str | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), default=None)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)


class Round(Base):
    """One observation that the order calls for. At most one per order is open."""

    __tablename__ = "round"
    __table_args__ = (
        ForeignKeyConstraint(
            ["order_id", "stay_id", "patient_id", "unit_id"],
            [
                "observation_order.id",
                "observation_order.stay_id",
                "observation_order.patient_id",
                "observation_order.unit_id",
            ],
        ),
        ForeignKeyConstraint(
            ["observation_id", "stay_id"], ["observation.id", "observation.stay_id"]
        ),
        UniqueConstraint("id", "unit_id"),
        CheckConstraint("late_at >= due_at AND missed_at >= late_at", name="times_are_in_order"),
        Index(
            "uq_round_open",
            "order_id",
            unique=True,
            postgresql_where=text("state IN ('scheduled', 'due', 'late')"),
        ),
        Index(
            "ix_round_next_step_at",
            "next_step_at",
            postgresql_where=text("next_step_at IS NOT NULL"),
        ),
        Index("ix_round_stay_id_due_at", "stay_id", "due_at"),
        Index(
            "ix_round_order_id_done_at",
            "order_id",
            "done_at",
            postgresql_where=text("done_at IS NOT NULL"),
        ),
        Index("ix_round_unit_id_due_at", "unit_id", "due_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    order_id: Mapped[int] = mapped_column(BigInteger)
    stay_id: Mapped[int]
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    instrument: Mapped[str]
    # What the state of the patient has made of the ordered interval: never longer than it.
    interval_minutes: Mapped[int]
    due_at: Mapped[datetime]
    late_at: Mapped[datetime]
    missed_at: Mapped[datetime]
    state: Mapped[RoundState]
    next_step_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None] = mapped_column(default=None)
    observation_id: Mapped[int | None] = mapped_column(BigInteger, default=None)
    not_done_reason: Mapped[str | None] = mapped_column(default=None)


class RoundStep(Base):
    """Each move of a round, as it happened."""

    __tablename__ = "round_step"
    __table_args__ = (
        ForeignKeyConstraint(["round_id", "unit_id"], ["round.id", "round.unit_id"]),
        UniqueConstraint("round_id", "state"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    round_id: Mapped[int] = mapped_column(BigInteger)
    unit_id: Mapped[int]
    state: Mapped[RoundState]
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), default=None)
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)
