"""Writes down who was refused what. The request is undone, so this has a transaction of its own."""

import re
import time

import structlog
from sqlalchemy import Integer, literal, select
from sqlalchemy.exc import SQLAlchemyError

from backend.audit import service as audit
from backend.core import db

# A screen whose sign-in has ended goes on asking: one entry a quarter of an hour says it all.
AGAIN_AFTER_S = 15 * 60
MOST_REMEMBERED = 10_000

# The card of a bed is asked for by the stay that lies in it.
NAMED = {
    "stays": "stay",
    "beds": "stay",
    "alerts": "alert",
}
IN_ADDRESS = re.compile(rf"/({'|'.join(NAMED)})/(\d{{1,10}})(?!\d)")

log = structlog.get_logger()
_told: dict[tuple[object, ...], float] = {}


def refused(
    *,
    status: int,
    method: str,
    path: str,
    actor_id: int | None,
    unit_id: int | None,
    sign_in_id: int | None,
    token: str | None,
) -> None:
    """One refusal, with the ids that the address names; nothing that was typed."""
    asked = IN_ADDRESS.search(path)
    place = re.sub(r"/\d+", "/#", path)[:200]
    if actor_id is None and _told_lately(token, method, place):
        return
    try:
        with db.apart() as session:
            if unit_id is not None:
                session.execute(select(db.unit_on_duty(unit_id)))
            if sign_in_id is not None:
                session.execute(select(audit.at_sign_in(literal(sign_in_id, Integer))))
            audit.note(
                session,
                actor_id,
                "access.refused",
                unit_id=unit_id,
                of=(NAMED[asked[1]], int(asked[2])) if asked else None,
                status=status,
                method=method,
                path=path[:200],
            )
    except (SQLAlchemyError, OSError) as error:
        # Nothing was shown, and the refusal itself must still be said.
        log.warning("refusal_not_written", kind=type(error).__name__, status=status)


def _told_lately(*what: object) -> bool:
    now = time.monotonic()
    if now - _told.get(what, -AGAIN_AFTER_S) < AGAIN_AFTER_S:
        return True
    if len(_told) >= MOST_REMEMBERED:
        _told.clear()
    _told[what] = now
    return False
