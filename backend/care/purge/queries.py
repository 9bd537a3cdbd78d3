"""Questions about what may be deleted, what waits for a second person, and what was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, DateTime, Integer, column, func, select
from sqlalchemy.orm import Session, aliased

from backend.accounts.staff.models import Staff
from backend.care.purge.models import Deletion, Purge, PurgeAnswer
from backend.patients.models import Patient


@dataclass(frozen=True, kw_only=True)
class Old:
    """A stay of somebody who has not lain on the unit since the rules' years.

    `waits`: something of theirs is kept by another rule, or by none and so for ever.
    """

    stay_id: int
    patient_id: int
    code: str
    discharged_at: datetime
    held: bool
    waits: bool

    @property
    def may_go(self) -> bool:
        """Past every rule, and under no hold."""
        return not self.held and not self.waits


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request, and who made it."""

    purge: Purge
    by: str


@dataclass(frozen=True, kw_only=True)
class Logged:
    """One line of the deletion log."""

    deletion: Deletion
    asked_by: str
    approved_by: str
    stays: int


def old(session: Session, unit_id: int, moment: datetime) -> list[Old]:
    """By the same function of the database that decides at the end; the longest gone first."""
    past = func.stays_past_their_time(unit_id, moment).table_valued(
        column("stay_id", Integer),
        column("patient_id", Integer),
        column("discharged_at", DateTime(timezone=True)),
        column("held", Boolean),
        column("waits", Boolean),
    )
    rows = session.execute(
        select(past, Patient.code)
        .join(Patient, Patient.id == past.c.patient_id)
        .order_by(past.c.discharged_at, past.c.stay_id)
    )
    return [Old(**row._asdict()) for row in rows]


def by_key(session: Session, key: UUID) -> Purge | None:
    """What this form has already asked, if it has."""
    return session.scalars(select(Purge).where(Purge.key == key)).one_or_none()


def answer_to(session: Session, purge_id: int) -> PurgeAnswer | None:
    """What was said to it, if anything was."""
    said = select(PurgeAnswer).where(PurgeAnswer.purge_id == purge_id)
    return session.scalars(said).one_or_none()


def waiting(session: Session, unit_id: int) -> Sequence[Asked]:
    """What nobody has answered yet, the oldest first."""
    rows = session.execute(
        select(Purge, Staff.name)
        .join(Staff, Staff.id == Purge.asked_by)
        .outerjoin(PurgeAnswer, PurgeAnswer.purge_id == Purge.id)
        .where(Purge.unit_id == unit_id, PurgeAnswer.id.is_(None))
        .order_by(Purge.id)
    )
    return [Asked(purge=purge, by=name) for purge, name in rows]


def log(session: Session, unit_id: int, *, most: int) -> Sequence[Logged]:
    """What has been deleted, the newest first."""
    approver = aliased(Staff)
    rows = session.execute(
        select(Deletion, Staff.name, approver.name, func.cardinality(Purge.stay_ids))
        .join(Purge, Purge.id == Deletion.purge_id)
        .join(PurgeAnswer, PurgeAnswer.purge_id == Purge.id)
        .join(Staff, Staff.id == Purge.asked_by)
        .join(approver, approver.id == PurgeAnswer.answered_by)
        .where(Deletion.unit_id == unit_id)
        .order_by(Deletion.id.desc())
        .limit(most)
    )
    return [
        Logged(deletion=deletion, asked_by=asked, approved_by=approved, stays=stays)
        for deletion, asked, approved, stays in rows
    ]
