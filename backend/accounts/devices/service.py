"""Give a machine its token, and take it away."""

import secrets
from datetime import datetime

from sqlalchemy.orm import Session

from backend.accounts.devices.models import Device
from backend.accounts.permissions import MACHINES, Role
from backend.accounts.sign_in.service import token_hash
from backend.accounts.staff import service as staff
from backend.audit import service as audit
from backend.core.errors import Invalid

# So that a scanner for leaked secrets, and a person reading a log, can tell what it is.
PREFIX = "vigil_"


def enrol(
    session: Session, actor_id: int, *, unit_id: int, name: str, role: Role, now: datetime
) -> tuple[str, Device]:
    """A machine of its own on one unit: (token, row). The token is never to be seen again."""
    if role not in MACHINES:
        raise Invalid(
            "A token is for a device or an interface, never for a person.", {"role": "Choose."}
        )
    machine = staff.create(
        session,
        actor_id,
        login_name=f"machine-{secrets.token_hex(6)}",
        name=name,
        password=None,
    )
    staff.post(session, actor_id, machine, unit_id=unit_id, role=role, now=now)
    token = PREFIX + secrets.token_urlsafe(32)
    device = Device(
        staff_id=machine.id,
        unit_id=unit_id,
        token_sha256=token_hash(token),
        made_by=actor_id,
    )
    session.add(device)
    session.flush()
    audit.record(session, actor_id, "device.enrolled", unit_id=unit_id, device_id=device.id)
    return token, device


def revoke(session: Session, actor_id: int, device: Device, *, now: datetime) -> None:
    """The token opens nothing from this commit on. Revoking twice changes nothing."""
    if device.revoked_at is not None:
        return
    device.revoked_at = now
    session.flush()
    audit.record(session, actor_id, "device.revoked", unit_id=device.unit_id, device_id=device.id)
