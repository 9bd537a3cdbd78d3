"""The audit trail: rows that nobody can change, in an order that commits cannot fool."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base

VIEWED = "audit.viewed"
# What happens by itself, by the rules and the clock, and who could not be told: nobody did these.
BY_NOBODY = ("alert", "round", "sign_in", "access", "wallboard")


class AuditEntry(Base):
    """One deed, view or refusal. The database completes it; the application cannot.

    A trigger writes the time, the order, the sign-in, the patient of a stay, and the salted hash of
    what `reason` and `subject` say, so that the seal still holds when these two are purged. It also
    sees that stay and patient are there: no key does, because the trail outlives them.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        CheckConstraint("stay_id IS NULL OR unit_id IS NOT NULL", name="a_stay_has_its_unit"),
        CheckConstraint(
            "actor_id IS NOT NULL OR split_part(action, '.', 1) IN"
            f" ({', '.join(repr(kind) for kind in BY_NOBODY)})",
            name="somebody_did_it",
        ),
        Index("ix_audit_entry_change", text("xid DESC"), postgresql_where=text("deed")),
        Index("ix_audit_entry_xid_id", "xid", "id"),
        Index("ix_audit_entry_patient_id_at", "patient_id", "at"),
        Index("ix_audit_entry_actor_id_at", "actor_id", "at"),
        Index("ix_audit_entry_unit_id_at", "unit_id", "at"),
        Index(
            "ix_audit_entry_rare",
            "unit_id",
            "action",
            "at",
            postgresql_where=text("NOT deed AND action <> 'audit.viewed'"),
        ),
        Index(
            "uq_audit_entry_viewed",
            "actor_id",
            "stay_id",
            "quarter_hour",
            unique=True,
            postgresql_where=text("action = 'audit.viewed'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, init=False)
    xid: Mapped[int] = mapped_column(
        BigInteger,
        server_default=text("pg_current_xact_id()::text::bigint"),
        init=False,
    )
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    sign_in_id: Mapped[int | None] = mapped_column(init=False)
    workstation_id: Mapped[int | None] = mapped_column(init=False)
    action: Mapped[str]
    deed: Mapped[bool]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"), default=None)
    stay_id: Mapped[int | None] = mapped_column(default=None)
    patient_id: Mapped[int | None] = mapped_column(default=None)
    object_type: Mapped[str | None] = mapped_column(default=None)
    object_id: Mapped[int | None] = mapped_column(BigInteger, default=None)
    subject: Mapped[dict[str, Any]] = mapped_column(server_default="{}", default_factory=dict)
    reason: Mapped[str | None] = mapped_column(default=None)
    quarter_hour: Mapped[int | None] = mapped_column(default=None)
    detail_salt: Mapped[bytes | None] = mapped_column(LargeBinary, init=False)
    detail_sha256: Mapped[bytes] = mapped_column(LargeBinary, init=False)


class AuditBatch(Base):
    """A seal: the hash of some entries, in order, over the hash of the batch before."""

    __tablename__ = "audit_batch"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    entries: Mapped[int]
    last_xid: Mapped[int] = mapped_column(BigInteger)
    last_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
    previous: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditAnchor(Base):
    """One try to put the signed head where this database's administrator cannot reach it."""

    __tablename__ = "audit_anchor"
    __table_args__ = (Index("ix_audit_anchor_place_at", "place", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, init=False)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)
    place: Mapped[str]
    seq: Mapped[int] = mapped_column(BigInteger)
    failure: Mapped[str | None] = mapped_column(default=None)


class AuditCheck(Base):
    """What a verification of the whole trail found."""

    __tablename__ = "audit_check"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, init=False)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)
    status: Mapped[int]
    entries: Mapped[int] = mapped_column(BigInteger)
    sentences: Mapped[list[str]]
