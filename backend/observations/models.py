"""Sets of observations and their scores. Rows are added, never changed."""

from datetime import datetime
from decimal import Decimal
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
    LargeBinary,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class Outcome(StrEnum):
    """What came of the round. Only `assessed` carries answers."""

    ASSESSED = "assessed"
    ASLEEP = "asleep"
    REFUSED = "refused"
    OFF_UNIT = "off_unit"
    UNABLE = "unable_to_assess"
    STAFF_UNAVAILABLE = "staff_unavailable"
    ENTERED_IN_ERROR = "entered_in_error"


class Source(StrEnum):
    """How a set came in."""

    TYPED = "typed"
    API = "api"
    DEVICE = "device"
    IMPORT = "import"
    REPLAY = "replay"


class ScoreStatus(StrEnum):
    """Whether a total may be read off a score."""

    OK = "ok"
    INCOMPLETE = "incomplete"


class InstrumentDefinition(Base):
    """A definition as it was when scores were made by it. Loaded once, never changed."""

    __tablename__ = "instrument_definition"

    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    # item -> the JSON values it may hold; the trigger on score reads this.
    legal: Mapped[dict[str, Any]]
    content_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    loaded_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)


class Observation(Base):
    """One set: vital signs and instruments observed together. Units are in the column names."""

    __tablename__ = "observation"
    __table_args__ = (
        ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"], ["stay.id", "stay.patient_id", "stay.unit_id"]
        ),
        ForeignKeyConstraint(
            ["protocol_id", "unit_id"], ["unit_protocol.id", "unit_protocol.unit_id"]
        ),
        ForeignKeyConstraint(
            ["supersedes_id", "stay_id"], ["observation.id", "observation.stay_id"]
        ),
        UniqueConstraint("id", "stay_id"),
        UniqueConstraint("id", "stay_id", "patient_id", "unit_id"),
        CheckConstraint(
            # Records from elsewhere were often entered ahead of the time they are charted at.
            "observed_at <= entered_at + CASE WHEN source = 'import' THEN interval '1 day'"
            " ELSE interval '5 minutes' END",
            name="observed_before_entered",
        ),
        CheckConstraint("observed_at > '1900-01-01'", name="observed_at_is_sane"),
        CheckConstraint("entered_at < '9999-01-01'", name="entered_at_is_sane"),
        CheckConstraint(
            "saved_on_device_at <= entered_at + interval '5 minutes'",
            name="saved_before_it_was_received",
        ),
        CheckConstraint(
            "(supersedes_id IS NULL) = (correction_reason IS NULL)",
            name="a_correction_has_a_reason",
        ),
        CheckConstraint("correction_reason <> ''", name="a_reason_has_words"),
        CheckConstraint(
            "respiratory_rate_per_min BETWEEN 0 AND 99",
            name="respiratory_rate_is_possible",
        ),
        CheckConstraint("spo2_percent BETWEEN 0 AND 100", name="spo2_is_possible"),
        CheckConstraint("oxygen_l_per_min BETWEEN 0 AND 100", name="oxygen_is_possible"),
        CheckConstraint("on_oxygen OR oxygen_l_per_min = 0", name="no_flow_on_room_air"),
        CheckConstraint("systolic_mmhg BETWEEN 0 AND 400", name="systolic_is_possible"),
        CheckConstraint("diastolic_mmhg BETWEEN 0 AND 300", name="diastolic_is_possible"),
        CheckConstraint("systolic_mmhg > diastolic_mmhg", name="systolic_above_diastolic"),
        CheckConstraint("pulse_per_min BETWEEN 0 AND 400", name="pulse_is_possible"),
        CheckConstraint("temperature_c BETWEEN 20 AND 46", name="temperature_is_possible"),
        CheckConstraint(
            "consciousness IN ('A', 'C', 'V', 'P', 'U')", name="consciousness_is_acvpu"
        ),
        Index("ix_observation_stay_id_observed_at", "stay_id", text("observed_at DESC")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    # Of what the client sent: a retry with the same key must say the same thing.
    request_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    stay_id: Mapped[int]
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    outcome: Mapped[Outcome]
    source: Mapped[Source]
    observed_at: Mapped[datetime]
    entered_at: Mapped[datetime]
    late_entry: Mapped[bool]
    recorded_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    protocol_id: Mapped[int]
    note: Mapped[str | None] = mapped_column(default=None)
    respiratory_rate_per_min: Mapped[int | None] = mapped_column(default=None)
    spo2_percent: Mapped[int | None] = mapped_column(default=None)
    on_oxygen: Mapped[bool | None] = mapped_column(default=None)
    oxygen_l_per_min: Mapped[Decimal | None] = mapped_column(default=None)
    systolic_mmhg: Mapped[int | None] = mapped_column(default=None)
    diastolic_mmhg: Mapped[int | None] = mapped_column(default=None)
    pulse_per_min: Mapped[int | None] = mapped_column(default=None)
    temperature_c: Mapped[Decimal | None] = mapped_column(default=None)
    consciousness: Mapped[str | None] = mapped_column(default=None)
    supersedes_id: Mapped[int | None] = mapped_column(BigInteger, unique=True, default=None)
    correction_reason: Mapped[str | None] = mapped_column(default=None)
    # Of a set that waited on a device without contact: when somebody saved it there. `entered_at`
    # is when it was received.
    saved_on_device_at: Mapped[datetime | None] = mapped_column(default=None)
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)


class Score(Base):
    """What one instrument made of one set, with all that is needed to make it again."""

    __tablename__ = "score"
    __table_args__ = (
        ForeignKeyConstraint(
            ["observation_id", "stay_id", "patient_id", "unit_id"],
            [
                "observation.id",
                "observation.stay_id",
                "observation.patient_id",
                "observation.unit_id",
            ],
        ),
        UniqueConstraint("observation_id", "instrument"),
        CheckConstraint("status = 'ok' OR total IS NULL", name="a_total_only_when_complete"),
        CheckConstraint("status = 'ok' OR band IS NULL", name="a_band_only_when_complete"),
        CheckConstraint("status = 'ok' OR value IS NULL", name="a_value_only_when_complete"),
        CheckConstraint(
            "status <> 'ok' OR (total IS NULL) = (lowest IS NULL)", name="bounds_go_with_a_total"
        ),
        CheckConstraint("(lowest IS NULL) = (highest IS NULL)", name="bounds_come_in_pairs"),
        CheckConstraint("lowest <= highest", name="bounds_are_in_order"),
        CheckConstraint("total BETWEEN lowest AND highest", name="total_is_within_its_bounds"),
        Index(
            "ix_score_stay_id_instrument_observed_at",
            "stay_id",
            "instrument",
            text("observed_at DESC"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    observation_id: Mapped[int]
    stay_id: Mapped[int]
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    # Copied from the set, which cannot change, so that the board reads one index.
    observed_at: Mapped[datetime]
    instrument: Mapped[str]
    definition: Mapped[str] = mapped_column(ForeignKey("instrument_definition.id"))
    status: Mapped[ScoreStatus]
    answers: Mapped[dict[str, Any]]
    unscored: Mapped[dict[str, Any]]
    points: Mapped[dict[str, Any]]
    total: Mapped[int | None]
    # None where nothing is added up: a letter, a number with a unit, a part not testable.
    lowest: Mapped[int | None]
    highest: Mapped[int | None]
    value: Mapped[str | None]
    band_system: Mapped[str]
    band: Mapped[str | None]
    severity: Mapped[int | None]
    alarms: Mapped[list[str]]
