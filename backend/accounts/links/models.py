"""Links, of which only the hash is kept."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class LinkKind(StrEnum):
    """What a link is for."""

    FIRST_RUN = "first_run"
    INVITATION = "invitation"
    RECOVERY = "recovery"


class Link(Base):
    """Opens once, for one person, until it expires or a newer one takes its place."""

    __tablename__ = "link"
    __table_args__ = (
        CheckConstraint("(kind = 'first_run') = (staff_id IS NULL)", name="first_run_is_nobodys"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    kind: Mapped[LinkKind]
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), index=True)
    made_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    # Used, or replaced by a newer one.
    spent_at: Mapped[datetime | None] = mapped_column(default=None)
