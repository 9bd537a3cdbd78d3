"""Whom a board showed: once a sign-in, after each unlock, when its patients change, every hour.

A board asks again every few seconds; an entry for each would hide what matters.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import event
from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.workstations.models import Workstation
from backend.audit import service as audit

AGAIN_AFTER = timedelta(hours=1)
MOST_REMEMBERED = 10_000

Seen = tuple[frozenset[int], datetime]
Who = tuple[int | None, int | None, bytes, str]
_seen: dict[Who, Seen] = {}


def shown(
    session: Session, actor: Actor, screen: str, stay_ids: Iterable[int], now: datetime
) -> None:
    """This screen is about to show these stays to this person, here."""
    who, stays = (actor.id, actor.sign_in_id, actor.holds, screen), frozenset(stay_ids)
    if _is_new(session, who, stays, now):
        audit.note(
            session,
            actor.id,
            "census.viewed",
            unit_id=actor.unit.id,
            screen=screen,
            stay_ids=sorted(stays),
        )


def shown_by_itself(
    session: Session, machine: Workstation, screen: str, stay_ids: Iterable[int], now: datetime
) -> None:
    """This screen is about to show these stays, by code, to whoever comes by."""
    who, stays = (None, machine.id, b"", screen), frozenset(stay_ids)
    if _is_new(session, who, stays, now):
        audit.note(
            session,
            None,
            "wallboard.shown",
            unit_id=machine.unit_id,
            workstation_id=machine.id,
            screen=screen,
            stay_ids=sorted(stays),
        )


def _is_new(session: Session, who: Who, stays: frozenset[int], now: datetime) -> bool:
    known = _seen.get(who)
    if known is not None and known[0] == stays and now - known[1] < AGAIN_AFTER:
        return False

    def remember(_: Session) -> None:
        if len(_seen) >= MOST_REMEMBERED:
            _seen.clear()
        _seen[who] = (stays, now)

    # What was not committed was not written down, and is written again.
    event.listen(session, "after_commit", remember, once=True)
    return True
