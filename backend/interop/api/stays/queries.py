"""Stays with their patients and beds."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session

from backend.accounts.units.models import Bed
from backend.patients.models import Patient
from backend.stays.models import Placement, Stay


@dataclass(frozen=True, kw_only=True)
class Lying:
    """A stay, whose it is, and the bed if there is one."""

    stay: Stay
    patient: Patient
    bed: Bed | None


def _question() -> Select[Stay, Patient, Bed]:
    return (
        select(Stay, Patient, Bed)
        .join(Patient, Patient.id == Stay.patient_id)
        .outerjoin(Placement, and_(Placement.stay_id == Stay.id, Placement.until_at.is_(None)))
        .outerjoin(Bed, Bed.id == Placement.bed_id)
    )


def lying(session: Session, stay: Stay) -> Lying:
    """One stay as it is now."""
    stay, patient, bed = session.execute(_question().where(Stay.id == stay.id)).one()
    return Lying(stay=stay, patient=patient, bed=bed)


def lying_on(session: Session, unit_id: int) -> Sequence[Lying]:
    """Everybody on the unit now, with or without a bed."""
    rows = session.execute(
        _question().where(Stay.unit_id == unit_id, Stay.discharged_at.is_(None)).order_by(Stay.id)
    )
    return [Lying(stay=stay, patient=patient, bed=bed) for stay, patient, bed in rows]
