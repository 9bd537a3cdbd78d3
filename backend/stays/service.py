"""Admit, move and discharge. The database refuses two patients in one bed; we say so in words."""

from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.units.models import Bed
from backend.audit import service as audit
from backend.core import live
from backend.core.errors import Conflict, Invalid
from backend.stays import queries
from backend.stays.leave.models import Absence
from backend.stays.models import DischargeReason, Placement, Stay

OTHER_VALUES = "This form was already sent with other values. Open it again."


def admit(
    session: Session,
    actor_id: int,
    *,
    key: UUID,
    patient_id: int,
    unit_id: int,
    at: datetime,
    bed_id: int | None = None,
    substances: tuple[str, ...] = (),
    use_history: str | None = None,
    last_use_at: datetime | None = None,
    source: str = "typed",
) -> Stay:
    """Begin a stay, in a bed or (still) without one."""
    if already := queries.by_key(session, key):
        return _same_admission(session, actor_id, already, (patient_id, unit_id, at, bed_id))
    stay = Stay(
        key=key,
        patient_id=patient_id,
        unit_id=unit_id,
        admitted_at=at,
        admitted_by=actor_id,
        substances=list(substances),
        use_history=use_history,
        last_use_at=last_use_at,
        source=source,
    )
    try:
        with session.begin_nested():
            session.add(stay)
    except IntegrityError as error:
        if already := queries.by_key(session, key):  # the same deed, sent twice at once
            return _same_admission(session, actor_id, already, (patient_id, unit_id, at, bed_id))
        raise Conflict("This patient is already admitted. End that stay first.") from error
    audit.record(session, actor_id, "stay.admitted", unit_id=unit_id, stay_id=stay.id)
    if bed_id is not None:
        place(session, actor_id, stay, key=uuid5(key, "bed"), bed_id=bed_id, at=at)
    live.announce(session, f"stay-{stay.id}", "board")
    return stay


def _same_admission(
    session: Session,
    actor_id: int,
    already: Stay,
    asked: tuple[int, int, datetime, int | None],
) -> Stay:
    """The stay that this deed has made, if it was this deed."""
    patient_id, unit_id, at, bed_id = asked
    if (already.patient_id, already.unit_id, already.admitted_at) != (patient_id, unit_id, at):
        raise Conflict(OTHER_VALUES)
    if bed_id is not None:
        place(session, actor_id, already, key=uuid5(already.key, "bed"), bed_id=bed_id, at=at)
    return already


def place(
    session: Session, actor_id: int, stay: Stay, *, key: UUID, bed_id: int, at: datetime
) -> Placement:
    """Put the patient into a bed, out of the one before."""
    if already := session.scalars(select(Placement).where(Placement.key == key)).one_or_none():
        if (already.stay_id, already.bed_id, already.from_at) != (stay.id, bed_id, at):
            raise Conflict(OTHER_VALUES)
        return already
    if stay.discharged_at is not None:
        raise Conflict("This stay has ended. A discharged patient has no bed.")
    bed = session.get(Bed, bed_id)
    if bed is None or bed.unit_id != stay.unit_id or bed.retired_at is not None:
        raise Invalid("There is no such bed on this unit.", {"bed_id": "Choose a bed."})
    placement = Placement(
        key=key,
        stay_id=stay.id,
        unit_id=stay.unit_id,
        bed_id=bed_id,
        from_at=at,
        placed_by=actor_id,
    )
    try:
        with session.begin_nested():
            session.execute(
                update(Placement)
                .where(Placement.stay_id == stay.id, Placement.until_at.is_(None))
                .values(until_at=at)
            )
            session.add(placement)
    except IntegrityError as error:
        raise Conflict(
            f"Bed {bed.label} is taken at that time. Free it, or choose another."
        ) from error
    audit.record(
        session,
        actor_id,
        "stay.placed",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        bed_id=bed_id,
    )
    live.announce(session, f"stay-{stay.id}", "board")
    return placement


def discharge(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    at: datetime,
    reason: DischargeReason,
) -> None:
    """End the stay and free its bed. Discharging twice changes nothing."""
    if stay.discharged_at is not None:
        return
    if at <= stay.admitted_at:
        raise Invalid("The discharge cannot be before the admission.", {"at": "Check the time."})
    try:
        with session.begin_nested():
            session.execute(
                update(Placement)
                .where(Placement.stay_id == stay.id, Placement.until_at.is_(None))
                .values(until_at=at)
            )
    except IntegrityError as error:
        raise Invalid(
            "The discharge cannot be before the last move.", {"at": "Check the time."}
        ) from error
    session.execute(
        update(Absence)
        .where(Absence.stay_id == stay.id, Absence.ended_at.is_(None))
        .values(ended_at=at, next_step_at=None)
    )
    stay.discharged_at = at
    stay.discharged_by = actor_id
    stay.discharge_reason = reason
    session.flush()
    audit.record(
        session,
        actor_id,
        "stay.discharged",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        reason=reason.value,
    )
    live.announce(session, f"stay-{stay.id}", "board")
