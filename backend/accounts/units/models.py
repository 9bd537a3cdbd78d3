"""Units, where people work and lie, and their beds."""

from datetime import datetime, time

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class Unit(Base):
    """One ward with its own clock, shifts, protocol and people."""

    __tablename__ = "unit"
    __table_args__ = (
        CheckConstraint(
            "ward_pc_lock_s BETWEEN 30 AND 900 AND tablet_lock_s BETWEEN 30 AND 900",
            name="screens_lock_in_time",
        ),
        CheckConstraint("previous_values IN ('after', 'always')", name="previous_values_is_known"),
        CheckConstraint("temperature_unit IN ('°C', '°F')", name="temperature_unit_is_known"),
        CheckConstraint("pressure_unit IN ('mmHg', 'kPa')", name="pressure_unit_is_known"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    time_zone: Mapped[str]
    shift_starts: Mapped[list[time]]
    # Instruments whose observer-rated items only nurses score here.
    reserved_scales: Mapped[list[str]] = mapped_column(server_default="{}", default_factory=list)
    # The one sedation scale of the unit; and the scales for which it has the permission it needs.
    sedation_scale: Mapped[str] = mapped_column(server_default="rass", default="rass")
    permitted_scales: Mapped[list[str]] = mapped_column(server_default="{}", default_factory=list)
    # Whether a safety check without the tag of the door says why there is none.
    door_tags_required: Mapped[bool] = mapped_column(server_default="false", default=False)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)
    # When the sheet shows what was found last: only after the own value stands, or always.
    previous_values: Mapped[str] = mapped_column(server_default="after", default="after")
    # What is typed; stored are °C and mmHg.
    temperature_unit: Mapped[str] = mapped_column(server_default="°C", default="°C")
    pressure_unit: Mapped[str] = mapped_column(server_default="mmHg", default="mmHg")
    # How long a ward's machine may stand untouched before it locks.
    ward_pc_lock_s: Mapped[int] = mapped_column(SmallInteger, server_default="180", default=180)
    tablet_lock_s: Mapped[int] = mapped_column(SmallInteger, server_default="60", default=60)


class Bed(Base):
    """A place to lie in one unit. Retired beds keep their history."""

    __tablename__ = "bed"
    __table_args__ = (
        UniqueConstraint("unit_id", "label"),
        UniqueConstraint("id", "unit_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    label: Mapped[str]
    room: Mapped[str | None] = mapped_column(default=None)
    position: Mapped[int] = mapped_column(default=0)
    retired_at: Mapped[datetime | None] = mapped_column(default=None)
