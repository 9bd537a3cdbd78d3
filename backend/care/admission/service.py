"""Admit with the usual observation orders; discharge with nothing left open."""

from datetime import date, datetime
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from backend.alerts import service as alerts
from backend.clinical.protocol_rounds import Template
from backend.core.errors import Conflict
from backend.patients import service as patients
from backend.patients.models import Patient
from backend.protocols import queries as protocols
from backend.rounds.orders import service as orders
from backend.rounds.templates import service as templates
from backend.stays import queries as stay_queries
from backend.stays import service as stays
from backend.stays.models import DischargeReason, Stay


def admit(
    session: Session,
    actor_id: int,
    *,
    key: UUID,
    unit_id: int,
    family_name: str,
    given_name: str,
    born_on: date | None,
    allergies: str | None,
    risks: tuple[str, ...],
    substances: tuple[str, ...],
    use_history: str | None,
    last_use_at: datetime | None,
    bed_id: int | None,
    instruments: tuple[str, ...],
    at: datetime,
    usual: tuple[Template, ...] = (),
) -> Stay:
    """Register the patient, begin the stay, and order what the unit usually observes at once."""
    if already := stay_queries.by_key(session, key):
        known = session.get_one(Patient, already.patient_id)
        if (known.family_name, known.given_name) != (family_name, given_name):
            raise Conflict("This form was already sent for somebody else. Open it again.")
        return already
    patient = patients.register(
        session,
        actor_id,
        unit_id=unit_id,
        family_name=family_name,
        given_name=given_name,
        born_on=born_on,
        allergies=allergies,
        risks=risks,
    )
    stay = stays.admit(
        session,
        actor_id,
        key=key,
        patient_id=patient.id,
        unit_id=unit_id,
        at=at,
        bed_id=bed_id,
        substances=substances,
        use_history=use_history,
        last_use_at=last_use_at,
    )
    in_force = protocols.in_force(session, unit_id, at=at)
    templates.from_templates(
        session, actor_id, stay, key=key, templates=usual, at=at, in_force=in_force
    )
    by_template = {order.instrument for template in usual for order in template.orders}
    templates.order_defaults(
        session,
        actor_id,
        stay,
        keys={name: uuid5(key, f"order {name}") for name in instruments if name not in by_template},
        at=at,
        in_force=in_force,
    )
    return stay


def discharge(
    session: Session, actor_id: int, stay: Stay, *, at: datetime, reason: DischargeReason
) -> None:
    """End the stay: free the bed, stop what is due, close what is open."""
    if stay.discharged_at is not None:
        return
    stays.discharge(session, actor_id, stay, at=at, reason=reason)
    orders.stop(session, actor_id, stay, at=at)
    alerts.close_all(session, actor_id, stay, at=at, reason=f"Discharged: {reason.value}.")
