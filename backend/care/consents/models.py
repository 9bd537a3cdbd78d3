"""Consents under 42 CFR 2.31. A row never changes: a new version or an end is a row of its own."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class RecordKind(StrEnum):
    """What may be told: a closed list, so that a machine can check it."""

    IDENTITY = "name and stay on the unit"
    COURSE = "observations, scores and alerts"
    MEDICATION = "medication and taper"
    PLAN = "plan, aftercare and discharge"
    THERAPY = "therapy and groups"
    COUNSELLING = "SUD counselling notes"


class RecipientKind(StrEnum):
    """Somebody by name, an organisation by name, or everybody of a kind."""

    PERSON = "a person"
    ORGANISATION = "an organisation"
    CLASS = "everybody of a kind"


class RecipientClass(StrEnum):
    """The kinds of recipient that 42 CFR 2.31(a)(4) names for a single consent."""

    PROVIDERS = "my treating providers"
    PLANS = "my health plans and payers"
    OPERATORS = "people helping to operate this programme"


class PurposeKind(StrEnum):
    """One consent for all future treatment, payment and operations, or one for one purpose."""

    TPO = "treatment, payment and operations"
    SPECIFIC = "one purpose"


class SignedHow(StrEnum):
    """How the patient signed."""

    PAPER = "on paper"
    ELECTRONIC = "electronically"
    REPRESENTATIVE = "on paper, by a legal representative"


class EndKind(StrEnum):
    """Why a consent no longer holds."""

    REVOKED = "revoked by the patient"
    EVENT = "the event it ends with has happened"


class Consent(Base):
    """One signed consent, or a new version of one."""

    __tablename__ = "consent"
    __table_args__ = (
        ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"], ["stay.id", "stay.patient_id", "stay.unit_id"]
        ),
        UniqueConstraint("id", "unit_id"),
        CheckConstraint("cardinality(scope) > 0", name="says_what_may_be_told"),
        CheckConstraint(
            "NOT 'SUD counselling notes' = ANY (scope) OR cardinality(scope) = 1",
            name="counselling_notes_have_their_own",
        ),
        CheckConstraint(
            "scope <@ ARRAY['name and stay on the unit', 'observations, scores and alerts',"
            " 'medication and taper', 'plan, aftercare and discharge', 'therapy and groups',"
            " 'SUD counselling notes']::text[]",
            name="scope_is_of_the_list",
        ),
        CheckConstraint(
            "recipient_kind <> 'everybody of a kind' OR recipient IN ('my treating providers',"
            " 'my health plans and payers', 'people helping to operate this programme')",
            name="recipient_class_is_of_the_list",
        ),
        CheckConstraint("recipient <> ''", name="says_to_whom"),
        CheckConstraint(
            "(purpose_kind = 'one purpose') = (purpose IS NOT NULL)",
            name="one_purpose_is_named",
        ),
        CheckConstraint(
            "expires_on IS NULL OR expires_with IS NULL", name="ends_on_a_day_or_with_an_event"
        ),
        Index("ix_consent_patient_id", "patient_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    patient_id: Mapped[int]
    stay_id: Mapped[int]
    unit_id: Mapped[int]
    scope: Mapped[list[str]]
    recipient_kind: Mapped[RecipientKind]
    recipient: Mapped[str]
    purpose_kind: Mapped[PurposeKind]
    signed_how: Mapped[SignedHow]
    signed_at: Mapped[datetime]
    taken_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    purpose: Mapped[str | None] = mapped_column(default=None)
    # The last day on which it holds, on the unit's calendar. With neither it holds until revoked.
    expires_on: Mapped[date | None] = mapped_column(default=None)
    expires_with: Mapped[str | None] = mapped_column(default=None)
    # The version that this one takes the place of.
    supersedes_id: Mapped[int | None] = mapped_column(
        ForeignKey("consent.id"), unique=True, default=None
    )
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)


class ConsentEnd(Base):
    """A consent taken back. The database writes when, so that nobody can date it back."""

    __tablename__ = "consent_end"
    __table_args__ = (
        ForeignKeyConstraint(["consent_id", "unit_id"], ["consent.id", "consent.unit_id"]),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    consent_id: Mapped[int] = mapped_column(unique=True)
    unit_id: Mapped[int]
    kind: Mapped[EndKind]
    said_how: Mapped[str]
    ended_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    ended_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)
