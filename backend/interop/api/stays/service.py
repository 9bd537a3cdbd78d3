"""Take over what another system says about a patient's coming, moving and going."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.care.admission import service as admission
from backend.core import clock
from backend.core.errors import Conflict, Invalid
from backend.patients import queries as patients_queries
from backend.patients import service as patients
from backend.patients.models import Patient
from backend.protocols import queries as protocols
from backend.rounds.templates import service as templates
from backend.stays import queries as stays_queries
from backend.stays import service as stays
from backend.stays.models import DischargeReason, Stay

# Clocks differ a little; more than this is a wrong time, not a fast clock.
AHEAD = timedelta(minutes=2)
# A feed that is further behind has the year wrong.
LONGEST_AGO = timedelta(days=366)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A patient as the other system knows them."""

    system: str
    identifier: str
    family_name: str
    given_name: str
    born_on: date | None
    allergies: str | None
    risks: tuple[str, ...]


def admit(
    session: Session,
    actor_id: int,
    *,
    key: UUID,
    unit_id: int,
    who: Identity,
    at: datetime,
    bed_id: int | None,
    substances: tuple[str, ...],
    use_history: str | None,
    last_use_at: datetime | None,
    observe: Sequence[str],
) -> Stay:
    """A stay with its first observations ordered, so that nobody lies here unwatched."""
    _check_time(at, "admitted_at")
    if last_use_at is not None and last_use_at > at:
        raise Invalid("The last use lies after the admission.", {"last_use_at": "Check the time."})
    in_force = protocols.in_force(session, unit_id, at=at)
    if set(observe) - set(in_force.protocol.intervals):
        allowed = ", ".join(sorted(in_force.protocol.intervals))
        raise Invalid("The unit has no interval for this.", {"observe": f"One of: {allowed}."})
    done_before = stays_queries.by_key(session, key) is not None
    patient = _patient(session, actor_id, who, unit_id)
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
        source="api",
    )
    if not done_before:
        patients.add_warnings(session, actor_id, patient, allergies=who.allergies, risks=who.risks)
        templates.order_defaults(
            session,
            actor_id,
            stay,
            keys={instrument: uuid5(key, f"order {instrument}") for instrument in observe},
            at=at,
            in_force=in_force,
        )
    return stay


def move(
    session: Session, actor_id: int, stay: Stay, *, key: UUID, bed_id: int, at: datetime
) -> None:
    """Another bed from then on."""
    _check_time(at, "at")
    if at < stay.admitted_at:
        raise Invalid("The move cannot be before the admission.", {"at": "Check the time."})
    stays.place(session, actor_id, stay, key=key, bed_id=bed_id, at=at)


def discharge(
    session: Session, actor_id: int, stay: Stay, *, at: datetime, reason: DischargeReason
) -> None:
    """The stay ends, and with it its bed, its orders and its alerts. A retry changes nothing."""
    session.refresh(stay, with_for_update=True)
    if stay.discharged_at is not None:
        if (stay.discharged_at, stay.discharge_reason) != (at, reason):
            raise Conflict("This stay has ended already, at another time or for another reason.")
        return
    _check_time(at, "at")
    admission.discharge(session, actor_id, stay, at=at, reason=reason)


def _check_time(at: datetime, field: str) -> None:
    now = clock.now()
    if at > now + AHEAD:
        raise Invalid("The time lies in the future.", {field: "This time has not come yet."})
    if at < now - LONGEST_AGO:
        raise Invalid("The time lies over a year back.", {field: "Check the year."})


def _patient(session: Session, actor_id: int, who: Identity, unit_id: int) -> Patient:
    """The patient with this identifier, whose name must agree, or a new one."""
    found = patients_queries.by_source(session, who.system, who.identifier)
    if found is None:
        try:
            with session.begin_nested():
                return patients.register(
                    session,
                    actor_id,
                    unit_id=unit_id,
                    family_name=who.family_name,
                    given_name=who.given_name,
                    born_on=who.born_on,
                    source=who.system,
                    source_id=who.identifier,
                )
        except IntegrityError:  # registered by somebody else at this moment
            found = patients_queries.by_source(session, who.system, who.identifier)
            if found is None:
                raise
    if not _agrees(found, who):
        raise Conflict(
            "This identifier belongs to somebody with another name or date of birth. Nobody was"
            " admitted: find out who it is."
        )
    return found


def _agrees(patient: Patient, who: Identity) -> bool:
    names = (patient.family_name.casefold(), patient.given_name.casefold())
    same_day = None in (patient.born_on, who.born_on) or patient.born_on == who.born_on
    return same_day and names == (who.family_name.casefold(), who.given_name.casefold())
