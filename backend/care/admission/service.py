"""Admit with the usual observation orders; discharge with nothing left open."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.staff import queries as staff
from backend.accounts.units.models import Bed
from backend.alerts import service as alerts
from backend.clinical.protocol_rounds import Template
from backend.core import local_time
from backend.core.errors import Conflict
from backend.patients import service as patients
from backend.patients.models import Patient
from backend.protocols import queries as protocols
from backend.rounds.orders import service as orders
from backend.rounds.templates import service as templates
from backend.stays import queries as stay_queries
from backend.stays import service as stays
from backend.stays.models import DischargeReason, Placement, Stay

SENT_BEFORE = "This form was already sent with other values. Open it again."


@dataclass(frozen=True, kw_only=True)
class Seen:
    """How the stay stood on the page of whoever asks, and the clock it is told by."""

    placement_id: int | None
    zone: ZoneInfo


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


def move(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    bed_id: int,
    at: datetime,
    seen: Seen,
) -> None:
    """Into another bed, out of the one that whoever asks has seen them in."""
    session.refresh(stay, with_for_update=True)  # two at once take turns
    done = session.scalars(select(Placement).where(Placement.key == key)).one_or_none()
    if done is not None:
        if (done.stay_id, done.bed_id) != (stay.id, bed_id):
            raise Conflict(SENT_BEFORE)
        return
    bed = session.get(Bed, bed_id)
    wanted = f"bed {bed.label}" if bed else "another bed"
    _must_be_as_seen(session, stay, seen, wanted=wanted, now=at)
    stays.place(session, actor_id, stay, key=key, bed_id=bed_id, at=at)


def end(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    at: datetime,
    reason: DischargeReason,
    seen: Seen,
) -> None:
    """Discharge somebody who still lies where whoever asks has seen them. A retry is one deed."""
    session.refresh(stay, with_for_update=True)
    if (stay.discharged_by, stay.discharge_reason) == (actor_id, reason):
        return
    _must_be_as_seen(session, stay, seen, wanted=reason.value, now=at)
    discharge(session, actor_id, stay, at=at, reason=reason)


def _must_be_as_seen(
    session: Session, stay: Stay, seen: Seen, *, wanted: str, now: datetime
) -> None:
    """Or say what somebody else did meanwhile, beside what was wanted now."""
    now_in = stay_queries.placement_now(session, stay.id)
    if stay.discharged_at is not None and stay.discharge_reason is not None:
        by, at = stay.discharged_by, stay.discharged_at
        did = f"ended this stay: {stay.discharge_reason.value}"
    elif now_in is not None and now_in.id != seen.placement_id:
        by, at = now_in.placed_by, now_in.from_at
        did = f"put this patient into bed {session.get_one(Bed, now_in.bed_id).label}"
    else:
        return
    who = staff.names(session, [by])[by] if by else "Somebody"
    raise Conflict(
        f"{who} {did} ({local_time.day_and_time(at, seen.zone, now)}). You chose: {wanted}."
        " Nothing was changed; open this page again."
    )


def discharge(
    session: Session, actor_id: int, stay: Stay, *, at: datetime, reason: DischargeReason
) -> None:
    """End the stay: free the bed, stop what is due, close what is open."""
    if stay.discharged_at is not None:
        return
    stays.discharge(session, actor_id, stay, at=at, reason=reason)
    orders.stop(session, actor_id, stay, at=at)
    alerts.close_all(session, actor_id, stay, at=at, reason=f"Discharged: {reason.value}.")
