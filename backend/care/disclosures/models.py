"""The ledger: what left, to whom, on what ground. Rows are added, never changed."""

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
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class What(StrEnum):
    """What leaves."""

    SHIFT_REPORT = "shift report"
    ACCOUNTING = "accounting of disclosures"
    UNIT = "unit and beds"
    BOARD = "ward board"
    STAYS = "list of stays"
    STAY = "a stay with its patient"
    OBSERVATIONS = "sets of observations"
    EVENTS = "events of a stay"
    SAFETY_CHECKS = "safety checks of a stay"
    ALERTS = "list of alerts"
    ALERT = "an alert with its history"
    TOLD = "told in an emergency"
    AUDIT_TRAIL = "part of the audit trail"


class Basis(StrEnum):
    """The ground on which something leaves."""

    CODED = "no patient is named"
    CONSENT = "the patient's consent"
    TREATMENT = "treatment on this unit"
    AUDIT = "audit or evaluation"
    EMERGENCY = "medical emergency"
    PATIENT = "the patient's own request"
    LEGAL = "legal proceedings"


class Disclosure(Base):
    """One thing that left. The database writes when."""

    __tablename__ = "disclosure"
    __table_args__ = (
        UniqueConstraint("id", "unit_id"),
        CheckConstraint(
            "basis = 'no patient is named' OR (recipient <> '' AND affiliation <> ''"
            " AND purpose <> '')",
            name="names_go_to_somebody_for_something",
        ),
        CheckConstraint(
            "basis <> 'medical emergency' OR (what = 'told in an emergency'"
            " AND nature <> '' AND told_at IS NOT NULL)",
            name="an_emergency_is_described",
        ),
        CheckConstraint("row_count >= 0", name="rows_are_counted"),
        Index("ix_disclosure_unit_id_at", "unit_id", "at"),
        Index("ix_disclosure_by_id_at", "by_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    by_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    what: Mapped[What]
    form: Mapped[str]
    basis: Mapped[Basis]
    sha256: Mapped[str]
    row_count: Mapped[int]
    recipient: Mapped[str] = mapped_column(default="")
    affiliation: Mapped[str] = mapped_column(default="")
    purpose: Mapped[str] = mapped_column(default="")
    # What the emergency was (42 CFR 2.51), and when it was told.
    nature: Mapped[str] = mapped_column(default="")
    told_at: Mapped[datetime | None] = mapped_column(default=None)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)


class DisclosurePatient(Base):
    """Somebody who was named in it, and the consent that covered it where one did."""

    __tablename__ = "disclosure_patient"
    __table_args__ = (
        ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"], ["stay.id", "stay.patient_id", "stay.unit_id"]
        ),
        ForeignKeyConstraint(["disclosure_id", "unit_id"], ["disclosure.id", "disclosure.unit_id"]),
        ForeignKeyConstraint(["consent_id", "unit_id"], ["consent.id", "consent.unit_id"]),
        UniqueConstraint("disclosure_id", "stay_id", "patient_id"),
        Index("ix_disclosure_patient_patient_id", "patient_id"),
        Index(
            "ix_disclosure_patient_consent_id",
            "consent_id",
            postgresql_where=text("consent_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    disclosure_id: Mapped[int]
    stay_id: Mapped[int]
    patient_id: Mapped[int]
    unit_id: Mapped[int]
    consent_id: Mapped[int | None] = mapped_column(default=None)


class DisclosureReview(Base):
    """The privacy officer has seen it."""

    __tablename__ = "disclosure_review"
    __table_args__ = (
        ForeignKeyConstraint(["disclosure_id", "unit_id"], ["disclosure.id", "disclosure.unit_id"]),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    disclosure_id: Mapped[int] = mapped_column(unique=True)
    unit_id: Mapped[int]
    reviewed_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    reviewed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)


class Restriction(Base):
    """What a patient asked not to be told (42 CFR 2.26), each answer to it a row of its own."""

    __tablename__ = "restriction"
    __table_args__ = (
        ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"], ["stay.id", "stay.patient_id", "stay.unit_id"]
        ),
        UniqueConstraint("id", "unit_id"),
        CheckConstraint("recipient IS NULL OR recipient <> ''", name="from_somebody_or_all"),
        Index("ix_restriction_patient_id", "patient_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    patient_id: Mapped[int]
    stay_id: Mapped[int]
    unit_id: Mapped[int]
    # In the patient's words.
    asked: Mapped[str]
    taken_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    # The one person or organisation it is about; None: nothing leaves with the name at all.
    recipient: Mapped[str | None] = mapped_column(default=None)
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)


class Verdict(StrEnum):
    """What became of the request."""

    AGREED = "agreed"
    DECLINED = "declined"
    LIFTED = "lifted"


class RestrictionAnswer(Base):
    """The newest one counts."""

    __tablename__ = "restriction_answer"
    __table_args__ = (
        ForeignKeyConstraint(
            ["restriction_id", "unit_id"], ["restriction.id", "restriction.unit_id"]
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    restriction_id: Mapped[int] = mapped_column(index=True)
    unit_id: Mapped[int]
    verdict: Mapped[Verdict]
    reason: Mapped[str]
    decided_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)
