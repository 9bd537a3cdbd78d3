"""The people (and machines) who act, and where they are posted."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
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


class Duty(Base):
    """Another role for a time, e.g. charge nurse tonight. It ends by itself."""

    __tablename__ = "duty"
    __table_args__ = (
        CheckConstraint("until_at > from_at", name="ends_after_it_begins"),
        CheckConstraint("until_at <= from_at + interval '24 hours'", name="is_for_a_shift"),
        ExcludeConstraint(
            (text("int8range(staff_id, staff_id, '[]')"), "&&"),
            (text("int8range(unit_id, unit_id, '[]')"), "&&"),
            (text("tstzrange(from_at, until_at)"), "&&"),
            name="ex_duty_one_role_at_a_time",
            where=text("ended_at IS NULL"),
            using="gist",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    role: Mapped[Role]
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    given_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    given_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class StaffRestriction(Base):
    """What somebody may not do on a unit, whatever their role there allows, until it is lifted."""

    __tablename__ = "staff_restriction"
    __table_args__ = (
        Index(
            "uq_staff_restriction_standing",
            "staff_id",
            "unit_id",
            "permission",
            unique=True,
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    # Text, not the enum: a permission that no longer exists restricts nothing and breaks nothing.
    permission: Mapped[str]
    reason: Mapped[str]
    made_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    made_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)
    lifted_at: Mapped[datetime | None] = mapped_column(default=None)
    lifted_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), default=None)
