"""Questions about sign-ins."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, exists, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, aliased

from backend.accounts.devices.models import Device
from backend.accounts.sign_in.models import IDLE, SignIn
from backend.accounts.staff.models import Duty, Posting, Staff, StaffRestriction
from backend.accounts.units.models import Unit
from backend.accounts.workstations.models import Workstation
from backend.audit.service import at_sign_in
from backend.core.db import unit_on_duty

# What a shift makes of somebody, in place of their posting; and what is restricted for them.
_ROLE = func.coalesce(
    select(Duty.role)
    .where(
        Duty.staff_id == Staff.id,
        Duty.unit_id == Unit.id,
        Duty.from_at <= bindparam("now"),
        Duty.until_at > bindparam("now"),
        Duty.ended_at.is_(None),
    )
    .scalar_subquery(),
    Posting.role,
)
_DENIED = (
    select(func.array_agg(StaffRestriction.permission))
    .where(
        StaffRestriction.staff_id == Staff.id,
        StaffRestriction.unit_id == Unit.id,
        StaffRestriction.lifted_at.is_(None),
    )
    .scalar_subquery()
)
_other, _there = aliased(Posting), aliased(Unit)
_ELSEWHERE = (
    select(func.jsonb_agg(func.jsonb_build_array(_there.id, _there.name)))
    .join_from(_other, _there, _there.id == _other.unit_id)
    .where(_other.staff_id == Staff.id, _other.until_at.is_(None), _there.id != Unit.id)
    .scalar_subquery()
)
# Every request asks this: put together once.
AT_THE_KEYS = (
    select(
        SignIn,
        Staff,
        _ROLE,
        Unit,
        Workstation.kind,
        _DENIED,
        _ELSEWHERE,
        func.open_glass(Staff.id, bindparam("now"), type_=JSONB),
        unit_on_duty(SignIn.unit_id),
        at_sign_in(SignIn.id),
    )
    .join(Staff, Staff.id == SignIn.staff_id)
    .join(Unit, Unit.id == SignIn.unit_id)
    .join(
        Posting,
        (Posting.staff_id == Staff.id)
        & (Posting.unit_id == SignIn.unit_id)
        & Posting.until_at.is_(None),
    )
    .outerjoin(Workstation, Workstation.id == SignIn.workstation_id)
    .where(
        SignIn.token_sha256 == bindparam("token_sha256"),
        SignIn.ended_at.is_(None),
        SignIn.expires_at > bindparam("now"),
        # On a ward's machine it locks instead, and the person comes back to it all shift.
        or_(SignIn.last_active_at > bindparam("idle_since"), SignIn.workstation_id.is_not(None)),
        Workstation.revoked_at.is_(None),
        Staff.disabled_at.is_(None),
    )
)


# And every request of a machine this.
BEHIND_THE_TOKEN = (
    select(Staff, Posting.role, Unit, _DENIED, unit_on_duty(Device.unit_id))
    .join(Device, Device.staff_id == Staff.id)
    .join(Unit, Unit.id == Device.unit_id)
    .join(
        Posting,
        (Posting.staff_id == Staff.id)
        & (Posting.unit_id == Device.unit_id)
        & Posting.until_at.is_(None),
    )
    .where(
        Device.token_sha256 == bindparam("token_sha256"),
        Device.revoked_at.is_(None),
        Staff.disabled_at.is_(None),
    )
)


def standing(session: Session, staff_id: int, *, now: datetime) -> Sequence[SignIn]:
    """Where somebody is signed in, the newest first."""
    return session.scalars(
        select(SignIn)
        .where(
            SignIn.staff_id == staff_id,
            SignIn.ended_at.is_(None),
            SignIn.expires_at > now,
            or_(SignIn.last_active_at > now - IDLE, SignIn.workstation_id.is_not(None)),
        )
        .order_by(SignIn.id.desc())
    ).all()


def was_of(session: Session, sign_in_id: int | None, staff_id: int) -> bool:
    """Whether this sign-in, ended or not, is or was this person's."""
    of_them = exists().where(SignIn.id == sign_in_id, SignIn.staff_id == staff_id)
    return session.scalars(select(of_them)).one()
