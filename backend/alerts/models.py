"""Alerts and every step of their lives. One open alert per patient and rule."""

from datetime import datetime
from enum import StrEnum
from typing import Any
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


class Level(StrEnum):
    """How fast somebody must come."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    ADVISORY = "advisory"


class AlertState(StrEnum):
    """An acknowledgement is a promise: not kept, it lapses."""

    OPEN = "open"
    SEEN = "seen"
    ACKNOWLEDGED = "acknowledged"
    LAPSED = "lapsed"
    CLOSED = "closed"


class StepKind(StrEnum):
    """What can happen to an alert."""

    RAISED = "raised"
    UPDATED = "updated"
    WORSENED = "worsened"
    CLEARED = "cleared"
    RETURNED = "returned"
    SEEN = "seen"
    ACKNOWLEDGED = "acknowledged"
    KEPT = "kept"
    LAPSED = "lapsed"
    ESCALATED = "escalated"
    CALLED = "called"
    CLOSED = "closed"


class Alert(Base):
    """One thing that needs somebody. The row says how it stands; the steps say how it came to."""

    __tablename__ = "alert"
    __table_args__ = (
        ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"], ["stay.id", "stay.patient_id", "stay.unit_id"]
        ),
        ForeignKeyConstraint(
            ["protocol_id", "unit_id"], ["unit_protocol.id", "unit_protocol.unit_id"]
        ),
        ForeignKeyConstraint(
            ["observation_id", "stay_id"], ["observation.id", "observation.stay_id"]
        ),
        UniqueConstraint("id", "stay_id", "unit_id"),
        CheckConstraint("(closed_at IS NULL) = (close_reason IS NULL)", name="an_end_has_a_reason"),
        CheckConstraint("(closed_at IS NULL) = (state <> 'closed')", name="closed_is_closed"),
        CheckConstraint(
            "state <> 'acknowledged' OR (acknowledged_by IS NOT NULL AND plan IS NOT NULL"
            " AND recheck_at IS NOT NULL)",
            name="a_promise_has_a_name_a_plan_and_a_time",
        ),
        Index(
            "uq_alert_open",
            "unit_id",
            "patient_id",
            "rule",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_alert_open", "unit_id", postgresql_where=text("closed_at IS NULL")),
        Index(
            "ix_alert_next_step_at",
            "next_step_at",
            postgresql_where=text("next_step_at IS NOT NULL"),
        ),
        Index("ix_alert_unit_id_raised_at", "unit_id", "raised_at"),
        Index("ix_alert_stay_id_raised_at", "stay_id", "raised_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    stay_id: Mapped[int]
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    rule: Mapped[str]
    rule_version: Mapped[int]
    # Of the open alerts of a family, a screen shows the worst; between equals, the highest rank.
    family: Mapped[str]
    rank: Mapped[int]
    title: Mapped[str]
    level: Mapped[Level]
    sentence: Mapped[str]
    # What raised it, as read then: [{label, value, unit, observed_at, observation_id}].
    evidence: Mapped[list[dict[str, Any]]]
    rule_source: Mapped[str]
    protocol_id: Mapped[int]
    observation_id: Mapped[int | None] = mapped_column(BigInteger)
    raised_at: Mapped[datetime]
    state: Mapped[AlertState] = mapped_column(default=AlertState.OPEN)
    # How far up the ladder it has climbed, and when it climbs or lapses next.
    rung: Mapped[int] = mapped_column(default=0)
    next_step_at: Mapped[datetime | None] = mapped_column(default=None)
    seen_at: Mapped[datetime | None] = mapped_column(default=None)
    seen_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), default=None)
    acknowledged_at: Mapped[datetime | None] = mapped_column(default=None)
    acknowledged_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), default=None)
    plan: Mapped[str | None] = mapped_column(default=None)
    recheck_at: Mapped[datetime | None] = mapped_column(default=None)
    # A newer set no longer meets the rule.
    cleared_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), default=None)
    close_reason: Mapped[str | None] = mapped_column(default=None)


class AlertStep(Base):
    """Something that happened to an alert. `actor_id` is empty when the watch did it."""

    __tablename__ = "alert_step"
    __table_args__ = (
        ForeignKeyConstraint(
            ["alert_id", "stay_id", "unit_id"], ["alert.id", "alert.stay_id", "alert.unit_id"]
        ),
        ForeignKeyConstraint(
            ["observation_id", "stay_id"], ["observation.id", "observation.stay_id"]
        ),
        Index("ix_alert_step_stay_id", "stay_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    alert_id: Mapped[int] = mapped_column(BigInteger, index=True)
    stay_id: Mapped[int]
    unit_id: Mapped[int]
    key: Mapped[UUID | None] = mapped_column(unique=True)
    kind: Mapped[StepKind]
    level: Mapped[Level]
    at: Mapped[datetime]
    sentence: Mapped[str]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), default=None)
    observation_id: Mapped[int | None] = mapped_column(BigInteger, default=None)
    detail: Mapped[dict[str, Any]] = mapped_column(server_default="{}", default_factory=dict)
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)
