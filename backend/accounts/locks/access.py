"""Who may see the lock screen: a sign-in, locked or not, or an enrolled machine by itself."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from backend.accounts.access import DOORS, Actor, at_the_keys
from backend.accounts.sign_in.cookies import token_of
from backend.accounts.sign_in.models import IDLE, TWO_FACTORS, SignIn
from backend.accounts.staff.models import Staff
from backend.accounts.staff.queries import names
from backend.accounts.units.models import Unit
from backend.accounts.workstations.cookies import workstation_of
from backend.accounts.workstations.models import Kind, Workstation
from backend.core import clock
from backend.core.db import Db, new_session, unit_on_duty
from backend.core.errors import HalfSignedIn, OtherHands, SignedOut


@dataclass(frozen=True, kw_only=True)
class Locker:
    """A screen that may show which beds call, and no patient. `actor` had the keys last."""

    unit: Unit
    actor: Actor | None
    workstation: Workstation | None


def _locker(request: Request, session: Session, *, wallboards: bool) -> Locker:
    workstation = workstation_of(request, session)
    try:
        actor = _whole(
            at_the_keys(session, token_of(request), active=False, now=clock.now(), even_locked=True)
        )
    except (SignedOut, HalfSignedIn):
        if workstation is None or (workstation.kind is Kind.WALLBOARD and not wallboards):
            raise  # a hallway has its own page, and nothing to unlock
        of_the_machine = select(Unit, unit_on_duty(Unit.id)).where(Unit.id == workstation.unit_id)
        unit, _ = session.execute(of_the_machine).one()
        return Locker(unit=unit, actor=None, workstation=workstation)
    return Locker(unit=actor.unit, actor=actor, workstation=workstation)


def _whole(actor: Actor) -> Actor:
    if actor.assurance < TWO_FACTORS:
        raise HalfSignedIn("/account")
    return actor


def at_the_lock(request: Request, db: Db) -> Locker:
    """The sign-in or the machine, or 401."""
    return _locker(request, db, wallboards=False)


def listening(request: Request) -> Locker:
    """The same, for a stream: it lives for hours and must hold no session."""
    with new_session() as session:
        return _locker(request, session, wallboards=True)


def still_there(locker: Locker) -> bool:
    """Whether it may go on listening. It goes by rows: a token changes with every step."""
    now = clock.now()
    with new_session() as session:
        if locker.actor is not None:
            lives = exists().where(
                SignIn.id == locker.actor.sign_in_id,
                SignIn.ended_at.is_(None),
                SignIn.expires_at > now,
                or_(SignIn.last_active_at > now - IDLE, SignIn.workstation_id.is_not(None)),
                SignIn.staff_id == Staff.id,
                Staff.disabled_at.is_(None),
            )
        else:
            assert locker.workstation is not None  # noqa: S101 (one of the two opened the stream)
            lives = exists().where(
                Workstation.id == locker.workstation.id, Workstation.revoked_at.is_(None)
            )
        return session.scalars(select(lives)).one()


def whose(error: OtherHands) -> str:
    """The refusal of a form, with the name of the colleague whose it is."""
    if error.own or error.opened_by is None:
        return error.sentence
    with new_session() as session:
        name = names(session, [error.opened_by]).get(error.opened_by)
    return error.sentence.replace("somebody else", name) if name else error.sentence


DOORS.update({at_the_lock, listening})
AtTheLock = Annotated[Locker, Depends(at_the_lock)]
Listening = Annotated[Locker, Depends(listening)]
