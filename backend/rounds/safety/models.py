"""Safety checks. Rows are added, never changed: a correction is a further row."""

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

from backend.clinical.safety import NotSeenKind
from backend.core.db import Base


class CheckChange(StrEnum):
    """What a row says: that somebody looked, or that the row before was wrong."""

    RECORDED = "recorded"
    CORRECTED = "corrected"
    TAKEN_BACK = "taken_back"


class NoTag(StrEnum):
    """Why a check was made without scanning the tag of the door."""

    TAG_GONE = "tag_gone"
    NO_CAMERA = "no_camera"
    ELSEWHERE = "elsewhere"
    OTHER = "other"


class SafetyCheck(Base):
    """One look at one patient, as it was known when the row was written. The last row counts."""

    __tablename__ = "safety_check"
    __table_args__ = (
        ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"], ["stay.id", "stay.patient_id", "stay.unit_id"]
        ),
        ForeignKeyConstraint(
            ["order_id", "stay_id", "patient_id", "unit_id"],
            [
                "observation_order.id",
                "observation_order.stay_id",
                "observation_order.patient_id",
                "observation_order.unit_id",
            ],
        ),
        ForeignKeyConstraint(["round_id", "unit_id"], ["round.id", "round.unit_id"]),
        ForeignKeyConstraint(["tag_id", "unit_id"], ["door_tag.id", "door_tag.unit_id"]),
        ForeignKeyConstraint(
            ["supersedes_id", "stay_id"], ["safety_check.id", "safety_check.stay_id"]
        ),
        UniqueConstraint("id", "stay_id"),
        CheckConstraint("observed_at > '1900-01-01'", name="observed_at_is_sane"),
        CheckConstraint(
            "observed_at <= entered_at + interval '5 minutes'", name="observed_before_entered"
        ),
        CheckConstraint(
            "(not_seen IS NULL) = (place IS NOT NULL AND doing IS NOT NULL)",
            name="seen_or_why_not",
        ),
        CheckConstraint(
            "not_seen IS NULL OR (place IS NULL AND doing IS NULL AND breathing IS NULL"
            " AND concern IS NULL)",
            name="not_seen_says_nothing_else",
        ),
        CheckConstraint(
            "definition <> 'safety/vigil-2026/v1' OR (place IN ('R', 'B', 'D', 'H', 'G', 'O')"
            " AND doing IN ('A', 'Q', 'S', 'T')) IS NOT FALSE AND breathing IN ('Y', 'N')"
            " IS NOT FALSE AND concern IN ('Y', 'N') IS NOT FALSE",
            name="answers_are_legal",
        ),
        CheckConstraint(
            "doing <> 'S' OR breathing IS NOT NULL", name="asleep_is_seen_to_breathe_or_not"
        ),
        CheckConstraint(
            "(tag_id IS NULL) = (scanned_at IS NULL) AND (tag_id IS NULL OR no_tag IS NULL)",
            name="a_tag_is_scanned_or_not",
        ),
        CheckConstraint(
            "(change = 'recorded') = (supersedes_id IS NULL)", name="only_the_first_stands_alone"
        ),
        CheckConstraint(
            "(change = 'recorded') = (reason IS NULL)", name="a_correction_has_a_reason"
        ),
        CheckConstraint("round_id IS NULL OR order_id IS NOT NULL", name="a_round_has_an_order"),
        Index("ix_safety_check_stay_id_observed_at", "stay_id", "observed_at"),
        Index("ix_safety_check_unit_id_observed_at", "unit_id", "observed_at"),
        Index(
            "uq_safety_check_scan",
            "tag_id",
            "scanned_at",
            "recorded_by",
            unique=True,
            postgresql_where=text("change = 'recorded'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    stay_id: Mapped[int]
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    change: Mapped[CheckChange]
    # The list of words by which the letters below are read.
    definition: Mapped[str]
    observed_at: Mapped[datetime]
    entered_at: Mapped[datetime]
    late_entry: Mapped[bool]
    recorded_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    # The order it answers, and the round of it that it ended; of neither, where there was none.
    order_id: Mapped[int | None] = mapped_column(BigInteger, default=None)
    round_id: Mapped[int | None] = mapped_column(BigInteger, default=None)
    place: Mapped[str | None] = mapped_column(default=None)
    doing: Mapped[str | None] = mapped_column(default=None)
    breathing: Mapped[str | None] = mapped_column(default=None)
    concern: Mapped[str | None] = mapped_column(default=None)
    not_seen: Mapped[NotSeenKind | None] = mapped_column(default=None)
    note: Mapped[str | None] = mapped_column(default=None)
    # The tag that was scanned, and when; or why none was.
    tag_id: Mapped[int | None] = mapped_column(default=None)
    scanned_at: Mapped[datetime | None] = mapped_column(default=None)
    no_tag: Mapped[NoTag | None] = mapped_column(default=None)
    supersedes_id: Mapped[int | None] = mapped_column(BigInteger, unique=True, default=None)
    reason: Mapped[str | None] = mapped_column(default=None)
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)

    @property
    def answers(self) -> dict[str, str]:
        """What was answered, by item."""
        asked = ("place", "doing", "breathing", "concern")
        return {name: value for name in asked if (value := getattr(self, name)) is not None}
