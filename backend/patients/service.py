"""Register a patient and note what is dangerous to overlook."""

import secrets
from datetime import date

from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.core.errors import Invalid
from backend.patients import queries
from backend.patients.models import Patient, RiskFlag

# No vowels and no look-alikes: a code is read aloud across a corridor and must not spell anything.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
# The database refuses it too.
BEFORE_ANYBODY = date(1850, 1, 1)


def new_code() -> str:
    """Stands for a name wherever the name must not be shown, e.g. `K-TR42`."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(3))
    return f"{letters[0]}-{letters[1:]}{secrets.randbelow(90) + 10}"


def register(
    session: Session,
    actor_id: int,
    *,
    unit_id: int,
    family_name: str,
    given_name: str,
    born_on: date | None = None,
    allergies: str | None = None,
    risks: tuple[str, ...] = (),
    source: str = "typed",
    source_id: str | None = None,
    code: str | None = None,
) -> Patient:
    """A new patient. `allergies=None` means that nobody has asked."""
    if born_on is not None and born_on <= BEFORE_ANYBODY:
        raise Invalid("Check the date of birth.", {"born_on": "Nobody alive was born then."})
    while code is None or queries.code_is_taken(session, code):
        code = new_code()
    patient = Patient(
        unit_id=unit_id,
        code=code,
        family_name=family_name,
        given_name=given_name,
        born_on=born_on,
        allergies=allergies,
        source=source,
        source_id=source_id,
    )
    session.add(patient)
    session.flush()
    for label in risks:
        session.add(RiskFlag(patient_id=patient.id, label=label, noted_by=actor_id))
    audit.record(session, actor_id, "patient.registered", unit_id=unit_id, patient_id=patient.id)
    return patient


def add_warnings(
    session: Session,
    actor_id: int,
    patient: Patient,
    *,
    allergies: str | None,
    risks: tuple[str, ...],
) -> None:
    """What somebody else knows of the patient goes beside what stands here, never in its place."""
    stands = patient.allergies
    if allergies and stands is None:
        patient.allergies = allergies
    elif allergies and stands and allergies.casefold() not in stands.casefold():
        patient.allergies = f"{stands}; also reported: {allergies}"
    known = {label.casefold() for label in queries.risks(session, [patient.id]).get(patient.id, ())}
    new = [label for label in dict.fromkeys(risks) if label.casefold() not in known]
    session.add_all(
        RiskFlag(patient_id=patient.id, label=label, noted_by=actor_id) for label in new
    )
    session.flush()
    if new or patient.allergies != stands:
        audit.record(session, actor_id, "patient.warned_of", patient_id=patient.id)
