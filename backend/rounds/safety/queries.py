"""Questions about who is on safety rounds, and what was seen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session, aliased

from backend.accounts.units.models import Bed
from backend.clinical.scale import SAFETY
from backend.patients.models import Patient
from backend.rounds.models import OPEN, ObservationOrder, Round
from backend.rounds.safety.models import CheckChange, SafetyCheck
from backend.stays.models import Placement, Stay

# A page of one stay shows no more than this; at every 15 minutes it is five days.
MOST = 500


@dataclass(frozen=True, kw_only=True)
class OnRounds:
    """A patient on safety rounds, and the round that is open."""

    stay: Stay
    patient: Patient
    bed: Bed | None
    ordered: ObservationOrder
    round: Round


def on_rounds(session: Session, unit_id: int) -> list[OnRounds]:
    """Everybody on safety rounds, next due first."""
    rows = session.execute(
        select(Stay, Patient, Bed, ObservationOrder, Round)
        .select_from(ObservationOrder)
        .join(Round, and_(Round.order_id == ObservationOrder.id, Round.state.in_(OPEN)))
        .join(Stay, Stay.id == ObservationOrder.stay_id)
        .join(Patient, Patient.id == Stay.patient_id)
        .outerjoin(Placement, and_(Placement.stay_id == Stay.id, Placement.until_at.is_(None)))
        .outerjoin(Bed, Bed.id == Placement.bed_id)
        .where(
            ObservationOrder.unit_id == unit_id,
            ObservationOrder.instrument == SAFETY,
            ObservationOrder.ended_at.is_(None),
            Stay.discharged_at.is_(None),
        )
        .order_by(Round.due_at, Round.id)
    )
    return [
        OnRounds(stay=stay, patient=patient, bed=bed, ordered=ordered, round=row)
        for stay, patient, bed, ordered, row in rows
    ]


def by_key(session: Session, key: UUID) -> SafetyCheck | None:
    """The row that this deed has already stored, if it has."""
    return session.scalars(select(SafetyCheck).where(SafetyCheck.key == key)).one_or_none()


def one(session: Session, stay_id: int, check_id: int) -> SafetyCheck | None:
    """One row of this stay."""
    return session.scalars(
        select(SafetyCheck).where(SafetyCheck.stay_id == stay_id, SafetyCheck.id == check_id)
    ).one_or_none()


def is_superseded(session: Session, check_id: int) -> bool:
    """Whether a later row took its place."""
    later = select(SafetyCheck.id).where(SafetyCheck.supersedes_id == check_id)
    return session.scalars(later).first() is not None


def is_older(session: Session, row: SafetyCheck) -> bool:
    """Whether somebody has looked again since this look: then it says nothing about now."""
    later = _standing().where(
        SafetyCheck.stay_id == row.stay_id, SafetyCheck.observed_at > row.observed_at
    )
    return session.scalars(later.limit(1)).first() is not None


def chain(session: Session, stay_id: int) -> Sequence[SafetyCheck]:
    """The newest rows of a stay, corrections among them, newest first."""
    return session.scalars(
        select(SafetyCheck)
        .where(SafetyCheck.stay_id == stay_id)
        .order_by(SafetyCheck.observed_at.desc(), SafetyCheck.id.desc())
        .limit(MOST)
    ).all()


def _standing() -> Select[SafetyCheck]:
    newer = aliased(SafetyCheck)
    return (
        select(SafetyCheck)
        .outerjoin(newer, newer.supersedes_id == SafetyCheck.id)
        .where(newer.id.is_(None), SafetyCheck.change != CheckChange.TAKEN_BACK)
        .order_by(SafetyCheck.observed_at, SafetyCheck.id)
    )


def between(
    session: Session, unit_id: int, start: datetime, end: datetime
) -> Sequence[SafetyCheck]:
    """What was seen on a unit in this time, as it is known now, oldest first."""
    return session.scalars(
        _standing().where(
            SafetyCheck.unit_id == unit_id,
            SafetyCheck.observed_at >= start,
            SafetyCheck.observed_at < end,
        )
    ).all()


def of_stay(
    session: Session, stay_id: int, start: datetime, end: datetime
) -> Sequence[SafetyCheck]:
    """What was seen of one patient in this time, as it is known now, oldest first."""
    return session.scalars(
        _standing().where(
            SafetyCheck.stay_id == stay_id,
            SafetyCheck.observed_at >= start,
            SafetyCheck.observed_at <= end,
        )
    ).all()


def of_rounds(session: Session, round_ids: Collection[int]) -> dict[int, SafetyCheck]:
    """The look that ended each of these rounds, as it is known now."""
    rows = session.scalars(_standing().where(SafetyCheck.round_id.in_(round_ids)))
    return {row.round_id: row for row in rows if row.round_id is not None}


def orders_between(
    session: Session, unit_id: int, start: datetime, end: datetime
) -> Sequence[ObservationOrder]:
    """Every safety order that held for a part of this time."""
    return session.scalars(
        select(ObservationOrder)
        .where(
            ObservationOrder.unit_id == unit_id,
            ObservationOrder.instrument == SAFETY,
            ObservationOrder.starts_at < end,
            ObservationOrder.ended_at.is_(None) | (ObservationOrder.ended_at > start),
        )
        .order_by(ObservationOrder.stay_id, ObservationOrder.starts_at, ObservationOrder.id)
    ).all()


def last_seen(
    session: Session, stay_ids: Collection[int], *, before: datetime | None = None
) -> dict[int, datetime]:
    """When each of them was last seen on a round; or last before a time."""
    newer = aliased(SafetyCheck)
    rows = session.execute(
        select(SafetyCheck.stay_id, func.max(SafetyCheck.observed_at))
        .outerjoin(newer, newer.supersedes_id == SafetyCheck.id)
        .where(
            SafetyCheck.stay_id.in_(stay_ids),
            SafetyCheck.not_seen.is_(None),
            SafetyCheck.change != CheckChange.TAKEN_BACK,
            newer.id.is_(None),
            *([SafetyCheck.observed_at < before] if before else []),
        )
        .group_by(SafetyCheck.stay_id)
    )
    return {row[0]: row[1] for row in rows}
