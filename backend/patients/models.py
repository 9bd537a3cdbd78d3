"""A patient's identity and what everybody at the bed must know."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class Patient(Base):
    """One person. `code` stands for the name wherever the name must not be shown."""

    __tablename__ = "patient"
    __table_args__ = (
        UniqueConstraint("source", "source_id"),
        CheckConstraint("born_on > '1850-01-01'", name="born_on_is_sane"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    # Where they were registered; a unit that has admitted them since sees them too.
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    code: Mapped[str] = mapped_column(unique=True)
    family_name: Mapped[str]
    given_name: Mapped[str]
    born_on: Mapped[date | None] = mapped_column(default=None)
    # None: nobody has asked. "None known" is an answer, and is written.
    allergies: Mapped[str | None] = mapped_column(default=None)
    source: Mapped[str] = mapped_column(default="typed")
    source_id: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)


class RiskFlag(Base):
    """Something that makes this patient dangerous to overlook, e.g. a seizure history."""

    __tablename__ = "risk_flag"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    label: Mapped[str]
    noted_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    noted_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
