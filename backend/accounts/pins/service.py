"""Set a PIN and try one. A try is counted before it is checked, so that no two count as one."""

import hashlib
import hmac
import re
from datetime import datetime
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from backend.accounts.pins.models import MOST_FAILURES, Pin
from backend.audit import service as audit
from backend.core import secret
from backend.core.errors import Invalid

_SIX_DIGITS = re.compile(r"[0-9]{6}")
# The pepper is what protects six digits; the work only slows down whoever has stolen that too.
hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


def choose(session: Session, staff_id: int, *, pin: str, again: str, now: datetime) -> None:
    """The person's new PIN, in place of any before it."""
    reason = _why_not(pin)
    if reason is None and pin != again:
        reason = "The two are not the same. Type the PIN twice."
    if reason:
        raise Invalid("The PIN was not changed.", {"pin": reason})
    values = {"pin_hash": hasher.hash(_peppered(staff_id, pin)), "set_at": now, "failures": 0}
    session.execute(
        postgresql.insert(Pin)
        .values(staff_id=staff_id, **values)
        .on_conflict_do_update(index_elements=[Pin.staff_id], set_=values)
    )
    audit.record(session, staff_id, "pin.chosen", staff_id=staff_id)


def proves(session: Session, staff_id: int, pin: str) -> bool:
    """Whether it is the person's, and has not been wrong too often.

    Two tries of one person wait for each other, in whatever process they are made.
    """
    stored = session.scalars(
        update(Pin)
        .where(Pin.staff_id == staff_id, Pin.failures < MOST_FAILURES)
        .values(failures=Pin.failures + 1)
        .returning(Pin.pin_hash)
    ).one_or_none()
    if stored is None or not _SIX_DIGITS.fullmatch(pin):
        return False
    try:
        hasher.verify(stored, _peppered(staff_id, pin))
    except VerifyMismatchError:
        return False
    forgive(session, staff_id)
    return True


def forgive(session: Session, staff_id: int) -> None:
    """The owner has proved who they are: what was wrong before does not count."""
    session.execute(update(Pin).where(Pin.staff_id == staff_id).values(failures=0))


def _why_not(pin: str) -> str | None:
    if not _SIX_DIGITS.fullmatch(pin):
        return "A PIN has six digits."
    steps = {(int(later) - int(digit)) % 10 for digit, later in pairwise(pin)}
    if len(steps) == 1 or pin == pin[:2] * 3 or pin == pin[:3] * 2:
        return "Somebody who looks on would guess this one. Choose other digits."
    return None


def _peppered(staff_id: int, pin: str) -> bytes:
    """Useless without the key, and one person's is not another's."""
    return hmac.digest(secret.key("pin"), f"{staff_id}:{pin}".encode(), hashlib.sha256)
