"""Whom a board showed: once a sign-in, after each unlock, when its patients change, every hour.

A board asks again every few seconds; an entry for each would hide what matters.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import event
from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.audit import service as audit

AGAIN_AFTER = timedelta(hours=1)
MOST_REMEMBERED = 10_000

Seen = tuple[frozenset[int], datetime]
_seen: dict[tuple[int, int | None, bytes, str], Seen] = {}


def shown(
    session: Session, actor: Actor, screen: str, stay_ids: Iterable[int], now: datetime
) -> None:
    """This screen is about to show these stays to this person, here."""
    who, stays = (actor.id, actor.sign_in_id, actor.holds, screen), frozenset(stay_ids)
    known = _seen.get(who)
    if known is not None and known[0] == stays and now - known[1] < AGAIN_AFTER:
        return
    audit.note(
        session,
        actor.id,
        "census.viewed",
        unit_id=actor.unit.id,
        screen=screen,
        stay_ids=sorted(stays),
    )

    def remember(_: Session) -> None:
        if len(_seen) >= MOST_REMEMBERED:
            _seen.clear()
        _seen[who] = (stays, now)

    # What was not committed was not written down, and is written again.
    event.listen(session, "after_commit", remember, once=True)
