"""The people (and machines) who act, and where they are posted."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.accounts.permissions import Role
from backend.core.db import Base


class Staff(Base):
    """Anybody who can act. A machine has no password, so it cannot sign in at a screen."""

    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    login_name: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str | None] = mapped_column(default=None)
    disabled_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)


class Posting(Base):
    """A person's role on one unit, for as long as it lasts."""

    __tablename__ = "posting"
    __table_args__ = (
        Index(
            "uq_posting_current",
            "staff_id",
            "unit_id",
            unique=True,
            postgresql_where=text("until_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    role: Mapped[Role]
    from_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)
    until_at: Mapped[datetime | None] = mapped_column(default=None)
