"""The audit trail: rows that nobody can change, in an order that commits cannot fool."""

from datetime import datetime
from typing import Any

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

VIEWED = "audit.viewed"


class AuditEntry(Base):
    """One deed, view or refusal. The database writes `xid` and `at`; the application cannot."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        ForeignKeyConstraint(["stay_id", "unit_id"], ["stay.id", "stay.unit_id"]),
        CheckConstraint("stay_id IS NULL OR unit_id IS NOT NULL", name="a_stay_has_its_unit"),
        Index("ix_audit_entry_change", text("xid DESC"), postgresql_where=text("deed")),
        Index("ix_audit_entry_stay_id_at", "stay_id", "at"),
        Index("ix_audit_entry_actor_id_at", "actor_id", "at"),
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
    action: Mapped[str]
    deed: Mapped[bool]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"), default=None)
    stay_id: Mapped[int | None] = mapped_column(default=None)
    subject: Mapped[dict[str, Any]] = mapped_column(server_default="{}", default_factory=dict)
    reason: Mapped[str | None] = mapped_column(default=None)
    quarter_hour: Mapped[int | None] = mapped_column(default=None)
