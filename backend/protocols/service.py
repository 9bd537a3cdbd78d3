"""Give a unit its first protocol: the one that Vigil ships, with its sources."""

import tomllib
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.clinical import protocol as clinical
from backend.core.errors import Conflict
from backend.protocols.models import UnitProtocol

DEFAULT = Path(__file__).parent / "default.toml"


def adopt_default(
    session: Session,
    *,
    unit_id: int,
    drafted_by: int,
    approved_by: int,
    effective_at: datetime,
) -> UnitProtocol:
    """The shipped protocol as the unit's version 1, approved by a second person."""
    document = tomllib.loads(DEFAULT.read_text())
    clinical.parse(document)
    row = UnitProtocol(
        unit_id=unit_id,
        version=1,
        name=document["name"],
        document=document,
        drafted_by=drafted_by,
        approved_by=approved_by,
        effective_at=effective_at,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict("This unit has a protocol already.") from error
    audit.record(session, approved_by, "protocol.approved", unit_id=unit_id, protocol_id=row.id)
    return row
