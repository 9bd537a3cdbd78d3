"""Lock, unlock, and change who is at the keys. A locked screen waits; it never ends a shift."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.accounts.locks import queries
from backend.accounts.pins import service as pins
from backend.accounts.sign_in import service as sign_in
from backend.accounts.sign_in.models import TWO_FACTORS, SignIn
from backend.accounts.sign_in.service import new_token, token_hash
from backend.accounts.workstations.models import Workstation
from backend.audit import service as audit
from backend.core.db import unit_on_duty

# Beside the person at the keys. Who has waited longest makes room, and signs in anew.
MOST_PARKED = 4


def lock(session: Session, sign_in_id: int, *, now: datetime, idle: bool = False) -> None:
    """From this commit on the token opens nothing of a patient. Locking twice changes nothing."""
    row = session.execute(
        update(SignIn)
        .where(SignIn.id == sign_in_id, SignIn.locked_at.is_(None))
        .values(locked_at=now, stepped_up_until=None)
        .returning(SignIn.staff_id, SignIn.unit_id, SignIn.workstation_id)
    ).one_or_none()
    if row is not None:
        audit.note(
            session,
            row.staff_id,
            "sign_in.locked",
            unit_id=row.unit_id,
            sign_in_id=sign_in_id,
            workstation_id=row.workstation_id,
            idle=idle,
        )


def settle(
    session: Session,
    token: str,
    *,
    workstation: Workstation | None,
    before: str | None,
    now: datetime,
) -> None:
    """A full sign-in has just begun: it takes the keys of this machine from whoever had them.

    `before` is the token that the browser held until now. On an enrolled machine of the same unit
    the others are parked behind the lock; elsewhere the earlier sign-in ends.
    """
    mine = session.scalars(select(SignIn).where(SignIn.token_sha256 == token_hash(token))).one()
    if mine.assurance == TWO_FACTORS:
        pins.forgive(session, mine.staff_id)
    if workstation is not None and workstation.unit_id == mine.unit_id:
        mine.workstation_id = workstation.id
        session.flush()
    earlier = _held_by(session, before)
    if earlier is not None and earlier.id != mine.id and not _same_machine(earlier, mine):
        session.execute(select(unit_on_duty(earlier.unit_id)))
        sign_in.end(session, earlier.id, now=now)
        session.execute(select(unit_on_duty(mine.unit_id)))
    if mine.workstation_id is not None:
        _park_others(session, mine, now=now)


def unlock(
    session: Session, workstation: Workstation, sign_in_id: int, *, pin: str, now: datetime
) -> tuple[str, SignIn] | None:
    """The person's PIN, at the machine where their shift began: (new token, row), or None if wrong.

    The caller answers the refusal, so that the failed try is committed.
    """
    waiting = queries.waiting(session, workstation, now=now)
    tile = next((one for one in waiting if one.sign_in_id == sign_in_id), None)
    if tile is None:
        return None
    if not pins.proves(session, tile.staff_id, pin):
        audit.note(
            session,
            tile.staff_id,
            "sign_in.unlock_refused",
            unit_id=workstation.unit_id,
            sign_in_id=sign_in_id,
            workstation_id=workstation.id,
        )
        return None
    row = session.scalars(select(SignIn).where(SignIn.id == sign_in_id).with_for_update()).one()
    if row.ended_at is not None:
        return None
    token = new_token()
    row.token_sha256 = token_hash(token)
    row.locked_at = None
    row.last_active_at = now
    session.flush()
    _park_others(session, row, now=now)
    audit.note(
        session,
        row.staff_id,
        "sign_in.unlocked",
        unit_id=row.unit_id,
        sign_in_id=row.id,
        workstation_id=workstation.id,
    )
    return token, row


def _same_machine(one: SignIn, other: SignIn) -> bool:
    return one.workstation_id is not None and one.workstation_id == other.workstation_id


def _held_by(session: Session, token: str | None) -> SignIn | None:
    if not token:
        return None
    return session.scalars(
        select(SignIn).where(SignIn.token_sha256 == token_hash(token), SignIn.ended_at.is_(None))
    ).one_or_none()


def _park_others(session: Session, mine: SignIn, *, now: datetime) -> None:
    """Everybody else at this machine waits behind the lock, the longest of too many no more."""
    others = session.scalars(
        select(SignIn)
        .where(
            SignIn.workstation_id == mine.workstation_id,
            SignIn.id != mine.id,
            SignIn.ended_at.is_(None),
            SignIn.expires_at > now,
        )
        .order_by(SignIn.last_active_at.desc(), SignIn.id.desc())
        .with_for_update()
    ).all()
    parked = 0
    for other in others:
        if other.staff_id == mine.staff_id or parked == MOST_PARKED:
            sign_in.end(session, other.id, now=now)
            continue
        parked += 1
        lock(session, other.id, now=now)
