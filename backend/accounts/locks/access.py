"""Who may see the lock screen: a sign-in, locked or not, or an enrolled machine by itself."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, at_the_keys
from backend.accounts.sign_in.cookies import token_of
from backend.accounts.units.models import Unit
from backend.accounts.workstations.cookies import workstation_of
from backend.accounts.workstations.models import Workstation
from backend.core import clock
from backend.core.db import Db, new_session
from backend.core.errors import SignedOut


@dataclass(frozen=True, kw_only=True)
class Locker:
    """A screen that may show which beds call, and no patient. `actor` had the keys last."""

    unit: Unit
    actor: Actor | None
    workstation: Workstation | None


def _locker(request: Request, session: Session) -> Locker:
    workstation = workstation_of(request, session)
    try:
        actor = at_the_keys(
            session, token_of(request), active=False, now=clock.now(), even_locked=True
        )
    except SignedOut:
        if workstation is None:
            raise
        unit = session.scalars(select(Unit).where(Unit.id == workstation.unit_id)).one()
        return Locker(unit=unit, actor=None, workstation=workstation)
    return Locker(unit=actor.unit, actor=actor, workstation=workstation)


def at_the_lock(request: Request, db: Db) -> Locker:
    """The sign-in or the machine, or 401."""
    return _locker(request, db)


def listening(request: Request) -> Locker:
    """The same, for a stream: it lives for hours and must hold no session."""
    with new_session() as session:
        return _locker(request, session)


AtTheLock = Annotated[Locker, Depends(at_the_lock)]
Listening = Annotated[Locker, Depends(listening)]
