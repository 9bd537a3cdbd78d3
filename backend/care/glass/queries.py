"""Questions about broken glass."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from backend.accounts.staff.models import Staff
from backend.accounts.units.models import Bed
from backend.care.glass.models import Glass, GlassEnd, GlassReview, Outcome
from backend.patients.models import Patient
from backend.stays.models import Placement, Stay


@dataclass(frozen=True, kw_only=True)
class Broken:
    """One time that glass was broken, with what became of it."""

    glass: Glass
    name: str
    code: str
    ended_at: datetime | None
    review: GlassReview | None
    reviewer: str | None

    @property
    def waits(self) -> bool:
        """Whether somebody must still look at it."""
        return self.review is None or self.review.outcome is Outcome.FOLLOW_UP


def by_key(session: Session, key: UUID) -> Glass | None:
    """What this form has already opened, if it has."""
    return session.scalars(select(Glass).where(Glass.key == key)).one_or_none()


def review_by_key(session: Session, key: UUID) -> GlassReview | None:
    """What this form has already said, if it has."""
    return session.scalars(select(GlassReview).where(GlassReview.key == key)).one_or_none()


def is_reviewed(session: Session, glass_id: int) -> bool:
    """Whether somebody has looked at it to the end."""
    final = select(GlassReview.id).where(
        GlassReview.glass_id == glass_id, GlassReview.outcome != Outcome.FOLLOW_UP
    )
    return session.scalars(final).one_or_none() is not None


def stay_at(session: Session, unit_id: int, where: str) -> Stay | None:
    """Who lies in this bed now, or goes by this code and was here last."""
    in_bed = session.scalars(
        select(Stay)
        .join(Placement, Placement.stay_id == Stay.id)
        .join(Bed, Bed.id == Placement.bed_id)
        .where(
            Stay.unit_id == unit_id,
            func.lower(Bed.label) == where.lower(),
            Placement.until_at.is_(None),
        )
    ).one_or_none()
    if in_bed is not None:
        return in_bed
    return session.scalars(
        select(Stay)
        .join(Patient, Patient.id == Stay.patient_id)
        .where(Stay.unit_id == unit_id, func.lower(Patient.code) == where.lower())
        .order_by(Stay.admitted_at.desc())
        .limit(1)
    ).one_or_none()


def waiting(session: Session, unit_id: int) -> int:
    """How many times nobody has looked at yet, or not to the end."""
    final = select(GlassReview.glass_id).where(GlassReview.outcome != Outcome.FOLLOW_UP)
    return session.scalars(
        select(func.count())
        .select_from(Glass)
        .where(Glass.unit_id == unit_id, Glass.id.not_in(final))
    ).one()


def of_unit(session: Session, unit_id: int, *, since: datetime) -> Sequence[Broken]:
    """What waits however old it is, and what has been reviewed since then; the newest first."""
    newest = (
        select(func.max(GlassReview.id))
        .where(GlassReview.glass_id == Glass.id)
        .correlate(Glass)
        .scalar_subquery()
    )
    reviewer = aliased(Staff)
    rows = session.execute(
        select(Glass, Staff.name, Patient.code, GlassEnd.ended_at, GlassReview, reviewer.name)
        .join(Staff, Staff.id == Glass.staff_id)
        .join(Patient, Patient.id == Glass.patient_id)
        .outerjoin(GlassEnd, GlassEnd.glass_id == Glass.id)
        .outerjoin(GlassReview, GlassReview.id == newest)
        .outerjoin(reviewer, reviewer.id == GlassReview.reviewed_by)
        .where(
            Glass.unit_id == unit_id,
            GlassReview.id.is_(None)
            | (GlassReview.outcome == Outcome.FOLLOW_UP)
            | (GlassReview.reviewed_at >= since),
        )
        .order_by(Glass.id.desc())
    )
    return [
        Broken(glass=glass, name=name, code=code, ended_at=ended, review=review, reviewer=by)
        for glass, name, code, ended, review, by in rows
    ]
