"""Questions about patients."""

from collections.abc import Sequence

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from backend.patients.models import Patient, RiskFlag


def risks(session: Session, patient_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The risk flags that stand, by patient, oldest first."""
    rows = session.execute(
        select(RiskFlag.patient_id, RiskFlag.label)
        .where(RiskFlag.patient_id.in_(patient_ids), RiskFlag.ended_at.is_(None))
        .order_by(RiskFlag.id)
    )
    found: dict[int, tuple[str, ...]] = {}
    for patient_id, label in rows:
        found[patient_id] = (*found.get(patient_id, ()), label)
    return found


def by_source(session: Session, source: str, source_id: str) -> Patient | None:
    """The patient whom another system knows by this id, also one who lay on another unit only."""
    known = select(Patient).from_statement(
        text("SELECT * FROM patient_known_as(:system, :identifier)")
    )
    return session.scalars(known, {"system": source, "identifier": source_id}).one_or_none()


def code_is_taken(session: Session, code: str) -> bool:
    """Whether another patient goes by this code, on whatever unit."""
    return bool(session.scalar(select(func.patient_code_is_taken(code))))
