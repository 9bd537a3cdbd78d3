"""Observation orders, and the rounds they call for. A missed round stays missed for ever."""

from datetime import datetime, time
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

from backend.clinical.task import OPEN, RoundState
from backend.core.db import Base

__all__ = ["OPEN", "ObservationOrder", "Round", "RoundState", "RoundStep"]


class ObservationOrder(Base):
    """One kind of observation, to be made on a stay at an interval or at times, until ended."""

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
        CheckConstraint("until_at > starts_at", name="until_is_after_it_begins"),
        CheckConstraint("then_minutes BETWEEN 5 AND 1440", name="then_is_sane"),
        CheckConstraint("until_at IS NOT NULL OR then_minutes IS NULL", name="then_needs_an_until"),
        CheckConstraint(
            "NOT once OR (at_times = '{}' AND until_at IS NULL AND reason IS NOT NULL)",
            name="once_is_once_and_says_why",
        ),
        CheckConstraint("NOT one_to_one OR instrument = 'safety'", name="one_to_one_is_safety"),
        Index(
            "uq_observation_order_current",
            "stay_id",
            "instrument",
            unique=True,
            postgresql_where=text("ended_at IS NULL AND NOT once"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    stay_id: Mapped[int]
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    # An instrument's short name ("ciwa-b"); "news2" stands for a full set of vital signs.
    instrument: Mapped[str]
    # Of fixed times the longest gap between two of them.
    interval_minutes: Mapped[int]
    starts_at: Mapped[datetime]
    ordered_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    protocol_id: Mapped[int]
    reason: Mapped[str | None] = mapped_column(default=None)
    # Times on the unit's clock, in place of the interval.
    at_times: Mapped[list[time]] = mapped_column(server_default="{}", default_factory=list)
    # No round falls due from then on; the order goes on with the other interval, or ends.
    until_at: Mapped[datetime | None] = mapped_column(default=None)
    then_minutes: Mapped[int | None] = mapped_column(default=None)
    # A reassessment that something asked for: the reason says what.
    once: Mapped[bool] = mapped_column(server_default="false", default=False)
    # Of safety rounds: somebody stays with the patient.
    one_to_one: Mapped[bool] = mapped_column(server_default="false", default=False)
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
    # How often in a row it was refused, or slept through, before this round.
    refused_before: Mapped[int] = mapped_column(server_default="0", default=0)
    asleep_before: Mapped[int] = mapped_column(server_default="0", default=0)


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
