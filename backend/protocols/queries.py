"""Questions about what the unit has decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, case, select
from sqlalchemy.orm import Session

from backend.clinical import protocol as clinical
from backend.core.errors import NotFound
from backend.protocols.models import UnitProtocol


@dataclass(frozen=True, kw_only=True)
class InForce:
    """A stored version, and what it says."""

    id: int
    version: int
    protocol: clinical.Protocol


# A stored version never changes, so it is parsed once per process.
_parsed: dict[int, InForce] = {}


def by_id(session: Session, protocol_id: int) -> InForce:
    """The version that a stored row names."""
    if protocol_id not in _parsed:
        row = session.get_one(UnitProtocol, protocol_id)
        _parsed[protocol_id] = InForce(
            id=row.id, version=row.version, protocol=clinical.parse(row.document)
        )
    return _parsed[protocol_id]


_ruled = UnitProtocol.effective_at <= bindparam("at")
IN_FORCE = (
    select(UnitProtocol.id)
    .where(UnitProtocol.unit_id == bindparam("of_unit"))
    .order_by(
        case((_ruled, UnitProtocol.version)).desc().nulls_last(),
        UnitProtocol.version,
    )
    .limit(1)
)


def in_force(session: Session, unit_id: int, *, at: datetime) -> InForce:
    """The version that ruled at this time; for times before the first version, the first."""
    protocol_id = session.scalars(IN_FORCE, {"of_unit": unit_id, "at": at}).one_or_none()
    if protocol_id is None:
        raise NotFound("This unit has no protocol yet, so nothing can be scored or flagged.")
    return by_id(session, protocol_id)


def versions(session: Session, unit_id: int) -> Sequence[UnitProtocol]:
    """Every version of a unit, the first first."""
    return session.scalars(
        select(UnitProtocol).where(UnitProtocol.unit_id == unit_id).order_by(UnitProtocol.version)
    ).all()
