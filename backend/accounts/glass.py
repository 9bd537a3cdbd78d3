"""Broken glass: the right to read one stay for an hour, read together with the sign-in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.units.models import Unit
from backend.audit import service as audit
from backend.core.db import unit_on_duty

ONLY_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, kw_only=True)
class Glass:
    """What somebody has open now. The database keeps it to one a person, and to its time."""

    id: int
    stay_id: int
    unit_id: int
    unit_name: str
    until_at: datetime

    def is_looked_through(self, request: Request) -> bool:
        """Whether this asks to read something of that one stay."""
        asked = request.path_params.get("stay_id")
        return request.method in ONLY_READS and asked == str(self.stay_id)


def opened(row: Sequence[Any] | None) -> Glass | None:
    """As `open_glass` in the database tells it."""
    if row is None:
        return None
    number, stay_id, unit_id, unit_name, until_at = row
    return Glass(
        id=number,
        stay_id=stay_id,
        unit_id=unit_id,
        unit_name=unit_name,
        until_at=datetime.fromisoformat(until_at),
    )


def look_through(session: Session, actor_id: int, glass: Glass, path: str) -> Unit:
    """Its unit, which is on duty from here on; and each look is written down."""
    there = select(Unit, unit_on_duty(Unit.id)).where(Unit.id == glass.unit_id)
    unit, _ = session.execute(there).one()
    audit.note(
        session,
        actor_id,
        "glass.used",
        unit_id=glass.unit_id,
        stay_id=glass.stay_id,
        glass_id=glass.id,
        path=path[:200],
    )
    return unit
