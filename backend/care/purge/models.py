"""What one person asked to have deleted, what another said to it, and what was deleted."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class Verdict(StrEnum):
    """What became of it."""

    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class Purge(Base):
    """These stays are to go. Their numbers name nobody any more once they are gone."""

    __tablename__ = "purge"
    __table_args__ = (
        UniqueConstraint("id", "unit_id"),
        UniqueConstraint("id", "unit_id", "asked_by"),
        CheckConstraint("cardinality(stay_ids) > 0", name="is_about_somebody"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    stay_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    asked_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)


class PurgeAnswer(Base):
    """One answer, and it is the last word. Nobody agrees to what they asked for themselves."""

    __tablename__ = "purge_answer"
    __table_args__ = (
        ForeignKeyConstraint(
            ["purge_id", "unit_id", "asked_by"], ["purge.id", "purge.unit_id", "purge.asked_by"]
        ),
        CheckConstraint("(answered_by = asked_by) = (verdict = 'withdrawn')", name="two_people"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    key: Mapped[UUID] = mapped_column(unique=True)
    purge_id: Mapped[int] = mapped_column(unique=True)
    unit_id: Mapped[int]
    # Who asked: kept here so that the database can refuse one person for both.
    asked_by: Mapped[int]
    verdict: Mapped[Verdict]
    answered_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    answered_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)


class Deletion(Base):
    """The log. `carry_out_purge` in the database writes it, and nobody else can.

    `rules`: by kind, the rule that held, its years, and the moment before which it all had ended.
    `deleted`: how many rows of which table.
    """

    __tablename__ = "deletion"
    __table_args__ = (ForeignKeyConstraint(["purge_id", "unit_id"], ["purge.id", "purge.unit_id"]),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    purge_id: Mapped[int] = mapped_column(unique=True)
    unit_id: Mapped[int]
    rules: Mapped[dict[str, Any]]
    deleted: Mapped[dict[str, Any]]
    done_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)
