"""Everything that is open on the unit, with whom it belongs to, in a few questions."""

from collections.abc import Sequence

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from backend.accounts.units.models import Bed
from backend.patients.models import Patient
from backend.rounds.models import OPEN, ObservationOrder, Round
from backend.stays.models import Placement, Stay


def lying(session: Session, unit_id: int) -> Sequence[tuple[Stay, Patient, Bed | None]]:
    """Everybody on the unit by bed; who has none comes first."""
    rows = session.execute(
        select(Stay, Patient, Bed)
        .select_from(Stay)
        .join(Patient, Patient.id == Stay.patient_id)
        .outerjoin(Placement, and_(Placement.stay_id == Stay.id, Placement.until_at.is_(None)))
        .outerjoin(Bed, Bed.id == Placement.bed_id)
        .where(Stay.unit_id == unit_id, Stay.discharged_at.is_(None))
        .order_by(Bed.position.nulls_first(), Stay.id)
    )
    return [(stay, patient, bed) for stay, patient, bed in rows]


def open_rounds(session: Session, unit_id: int) -> Sequence[tuple[ObservationOrder, Round]]:
    """Every open round with its order, next due first."""
    rows = session.execute(
        select(ObservationOrder, Round)
        .join(Round, Round.order_id == ObservationOrder.id)
        .where(Round.unit_id == unit_id, Round.state.in_(OPEN), ObservationOrder.ended_at.is_(None))
        .order_by(Round.due_at, Round.id)
    )
    return [(ordered, row) for ordered, row in rows]
