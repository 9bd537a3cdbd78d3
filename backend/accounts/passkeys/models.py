"""Passkeys, of which only the public half is here, and challenges that wait for an answer."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class Ceremony(StrEnum):
    """What an answer is for. An answer to one is worth nothing in another."""

    ENROL = "enrol"
    SIGN_IN = "sign_in"
    STEP_UP = "step_up"


class Passkey(Base):
    """One key of one person, under the name that they gave it."""

    __tablename__ = "passkey"
    __table_args__ = (CheckConstraint("name <> ''", name="is_named"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    name: Mapped[str]
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    # What the key counts by itself, where it counts: a copy of it falls behind.
    sign_count: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
    removed_at: Mapped[datetime | None] = mapped_column(default=None)


class PasskeyChallenge(Base):
    """Asked and not yet answered. The answer deletes it, so that there is one."""

    __tablename__ = "passkey_challenge"
    __table_args__ = (
        CheckConstraint(
            "(ceremony = 'sign_in') = (sign_in_id IS NULL)", name="is_for_who_is_at_the_keys"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    ceremony: Mapped[Ceremony]
    challenge_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    sign_in_id: Mapped[int | None] = mapped_column(ForeignKey("sign_in.id"))
