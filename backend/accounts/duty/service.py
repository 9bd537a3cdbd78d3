"""Give somebody another role for a shift, and choose the unit one works on."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.permissions import Role
from backend.accounts.sign_in.models import SignIn
from backend.accounts.staff import queries as staff_queries
from backend.accounts.staff.models import Duty
from backend.audit import service as audit
from backend.core.db import unit_on_duty
from backend.core.errors import Conflict, Invalid

# What a shift may make of somebody: never what their licence does not cover.
MAY_BECOME: dict[Role, tuple[Role, ...]] = {
    Role.NURSE: (Role.CHARGE_NURSE, Role.TECHNICIAN),
    Role.CHARGE_NURSE: (Role.NURSE, Role.TECHNICIAN),
}
LONGEST = timedelta(hours=24)


def give(
    session: Session,
    actor_id: int,
    *,
    key: UUID,
    unit_id: int,
    staff_id: int,
    role: Role,
    from_at: datetime,
    until_at: datetime,
) -> Duty:
    """From their next request on they act in this role, and at the end in their own again."""
    if already := session.scalars(select(Duty).where(Duty.key == key)).one_or_none():
        if (already.staff_id, already.role) != (staff_id, role):
            raise Conflict("This form was already sent with other values. Open it again.")
        return already
    posting = staff_queries.posting_on(session, staff_id, unit_id)
    if posting is None or posting.role not in MAY_BECOME:
        raise Invalid(
            "Only a nurse of this unit can be given another duty.", {"staff_id": "Choose."}
        )
    if role not in MAY_BECOME[posting.role]:
        raise Invalid(
            "That is their own role, or none that they may take on. Choose another.",
            {"role": "Choose another."},
        )
    if not from_at < until_at <= from_at + LONGEST:
        raise Invalid("A duty lasts for a shift, at most 24 hours.", {"until": "Choose again."})
    duty = Duty(
        key=key,
        staff_id=staff_id,
        unit_id=unit_id,
        role=role,
        from_at=from_at,
        until_at=until_at,
        given_by=actor_id,
    )
    try:
        with session.begin_nested():
            session.add(duty)
    except IntegrityError as error:
        raise Conflict("They have another duty at that time. End that one first.") from error
    audit.record(
        session, actor_id, "duty.given", unit_id=unit_id, staff_id=staff_id, role=role.value
    )
    return duty


def end(session: Session, actor_id: int, duty: Duty, *, now: datetime) -> None:
    """Before its time. Twice is once."""
    if duty.ended_at is not None or duty.until_at <= now:
        return
    duty.ended_at = now
    session.flush()
    audit.record(session, actor_id, "duty.ended", unit_id=duty.unit_id, staff_id=duty.staff_id)


def work_on(session: Session, staff_id: int, sign_in_id: int, *, unit_id: int) -> Role:
    """This browser shows another unit from now on; the next sign-in begins there too."""
    posting = staff_queries.posting_on(session, staff_id, unit_id)
    if posting is None:
        raise Invalid("You are not posted to that unit.", {"unit_id": "Choose one of yours."})
    sign_in = session.get_one(SignIn, sign_in_id, with_for_update=True)
    if sign_in.unit_id != unit_id:
        sign_in.workstation_id = None  # a machine of one unit parks nobody of another
    sign_in.unit_id = unit_id
    session.flush()
    session.execute(select(unit_on_duty(unit_id)))
    audit.note(session, staff_id, "sign_in.moved", unit_id=unit_id)
    return posting.role
