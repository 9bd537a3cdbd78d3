"""Machines with a token for one unit: monitors, interfaces, importers."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class Device(Base):
    """A token that a machine presents. Only its hash is kept; it is shown once, when made."""

    __tablename__ = "device"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    made_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
