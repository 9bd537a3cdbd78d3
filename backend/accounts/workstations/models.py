"""Workstations: browsers on a ward that many people share."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from backend.accounts.units.models import Unit
from backend.core.db import Base


class Kind(StrEnum):
    """What it is, which decides how soon it locks."""

    WARD_PC = "ward_pc"
    TABLET = "tablet"
    # Shows the beds in a hallway, by itself; nobody works at it.
    WALLBOARD = "wallboard"


# Somebody's own browser, which nobody has enrolled: it locks too, and only a full sign-in opens it.
LOCKS_ELSEWHERE = timedelta(minutes=15)


def locks_after(unit: Unit, kind: Kind | None) -> timedelta:
    """Without a key or a touch for so long, the screen locks."""
    if kind is None:
        return LOCKS_ELSEWHERE
    return timedelta(seconds=unit.tablet_lock_s if kind is Kind.TABLET else unit.ward_pc_lock_s)


class Workstation(Base):
    """A machine that keeps a token of its own in a cookie; the database keeps the hash.

    Not a `Device`: that is an account which acts by itself over the API. This one never acts.
    """

    __tablename__ = "workstation"
    __table_args__ = (
        UniqueConstraint("id", "unit_id"),
        CheckConstraint(
            "(revoked_at IS NULL) = (revoked_by IS NULL)", name="revoked_by_somebody_sometime"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    label: Mapped[str]
    kind: Mapped[Kind]
    # Until it is claimed this is the hash of a code that one browser may type once.
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    enrolled_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    enrolled_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)
    claimed_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), default=None)
