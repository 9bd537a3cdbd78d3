"""Sign-ins: opaque tokens of which only the hash is kept, and the tries that failed."""

from datetime import datetime, timedelta

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base

# What a sign-in was proved by: one factor, or two (a passkey that verified its user is two).
ONE_FACTOR, TWO_FACTORS = 1, 2
# Nobody at the keys for this long, and a sign-in is worth nothing.
IDLE = timedelta(minutes=30)


class SignIn(Base):
    """One person at one browser on one unit, until it idles out, expires or ends."""

    __tablename__ = "sign_in"
    __table_args__ = (
        CheckConstraint("assurance IN (1, 2)", name="assurance_is_known"),
        # A machine of another unit parks nobody.
        ForeignKeyConstraint(
            ["workstation_id", "unit_id"], ["workstation.id", "workstation.unit_id"]
        ),
        Index(
            "ix_sign_in_workstation_id",
            "workstation_id",
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    created_at: Mapped[datetime]
    last_active_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    assurance: Mapped[int] = mapped_column(SmallInteger, server_default="1", default=ONE_FACTOR)
    # Until then the person has just proved once more who they are.
    stepped_up_until: Mapped[datetime | None] = mapped_column(default=None)
    # The enrolled machine it happens at, if it is one.
    workstation_id: Mapped[int | None] = mapped_column(default=None)
    # Since then the screen shows no patient, and the token opens nothing clinical.
    locked_at: Mapped[datetime | None] = mapped_column(default=None)


class FailedTry(Base):
    """A password or code that was wrong. It never says whether the account exists."""

    __tablename__ = "failed_try"
    __table_args__ = (
        Index("ix_failed_try_account_sha256_at", "account_sha256", "at"),
        Index("ix_failed_try_address_sha256_at", "address_sha256", "at"),
        Index("ix_failed_try_at", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    account_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime]
    address_sha256: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)


class SpentAnswer(Base):
    """What a browser brought back from elsewhere and was accepted: never a second time."""

    __tablename__ = "spent_answer"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    at: Mapped[datetime]


class TriesForgiven(Base):
    """A colleague let somebody try again at once: failed tries until then do not count."""

    __tablename__ = "tries_forgiven"
    __table_args__ = (Index("ix_tries_forgiven_account_sha256_at", "account_sha256", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    account_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime]
    by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
