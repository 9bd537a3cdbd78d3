"""Second factors. A seed is sealed, a code is hashed: a stolen backup holds nothing to type."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class Authenticator(Base):
    """An app that shows six digits, new every half minute. It counts once it has shown some."""

    __tablename__ = "authenticator"
    __table_args__ = (
        Index(
            "uq_authenticator_in_use",
            "staff_id",
            unique=True,
            postgresql_where=text("confirmed_at IS NOT NULL AND removed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    sealed_seed: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    removed_at: Mapped[datetime | None] = mapped_column(default=None)
    # The half minute whose digits were accepted last: they and earlier ones are worth nothing.
    last_step: Mapped[int] = mapped_column(BigInteger, server_default="0", default=0)


class RecoveryCode(Base):
    """One of the ten on paper, for the day the telephone is lost. Each opens once."""

    __tablename__ = "recovery_code"
    __table_args__ = (UniqueConstraint("staff_id", "code_sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    code_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime]
    # Used, or replaced by newer ones.
    spent_at: Mapped[datetime | None] = mapped_column(default=None)
