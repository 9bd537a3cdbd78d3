"""Sign-ins: opaque tokens of which only the hash is kept, and the tries that failed."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class SignIn(Base):
    """One person at one browser on one unit, until it idles out, expires or ends."""

    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    created_at: Mapped[datetime]
    last_active_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class FailedTry(Base):
    """A password that was wrong. Counted per account; never says whether the account exists."""

    __tablename__ = "failed_try"
    __table_args__ = (Index("ix_failed_try_account_sha256_at", "account_sha256", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    account_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime]
