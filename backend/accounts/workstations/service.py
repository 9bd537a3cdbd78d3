"""Enrol a machine of the ward, and take it away again."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.sign_in import service as sign_in
from backend.accounts.sign_in.models import SignIn
from backend.accounts.sign_in.service import new_token, token_hash
from backend.accounts.units.models import Unit
from backend.accounts.workstations.models import Kind, Workstation
from backend.audit import service as audit
from backend.core import live
from backend.core.db import unit_on_duty
from backend.core.errors import Conflict, Invalid

SHORTEST_LOCK_S, LONGEST_LOCK_S = 30, 900
CODE_HOLDS = timedelta(hours=24)
# Read out over a telephone: without letters and digits that look or sound alike. 60 bits.
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE_LENGTH = 12


def ended_word(workstation_id: int) -> str:
    """What tells the streams of a machine by itself that it is one no longer."""
    return f"{sign_in.ENDED}machine-{workstation_id}"


def enrol(
    session: Session,
    actor_id: int,
    *,
    key: UUID,
    unit_id: int,
    label: str,
    kind: Kind,
    now: datetime,
) -> tuple[str, Workstation]:
    """This very browser becomes a workstation of the unit: (token for its cookie, row).

    A retry is the same machine, with a new token in place of the one that may have been lost.
    """
    token = new_token()
    again = session.scalars(
        select(Workstation).where(Workstation.key == key).with_for_update()
    ).one_or_none()
    if again is not None:
        if (again.unit_id, again.enrolled_by, again.revoked_at) != (unit_id, actor_id, None):
            raise Conflict("This form was used already. Open the page again.")
        again.token_sha256 = token_hash(token)
        session.flush()
        return token, again
    row = _add(session, actor_id, key=key, unit_id=unit_id, label=label, kind=kind, secret=token)
    row.claimed_at = now
    session.flush()
    return token, row


def prepare(
    session: Session, actor_id: int, *, unit_id: int, label: str, kind: Kind
) -> tuple[str, Workstation]:
    """A code that one browser may type once, within a day, to become this workstation."""
    code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
    row = _add(session, actor_id, key=uuid4(), unit_id=unit_id, label=label, kind=kind, secret=code)
    return "-".join(code[at : at + 4] for at in range(0, _CODE_LENGTH, 4)), row


def claim(session: Session, *, code: str, now: datetime) -> tuple[str, Workstation] | None:
    """The code, typed at the machine: its token, or None. Of two that type it one is right."""
    token = new_token()
    plain = "".join(letter for letter in code.upper() if letter in _LETTERS)
    row = session.scalars(
        update(Workstation)
        .where(
            Workstation.token_sha256 == token_hash(plain),
            Workstation.claimed_at.is_(None),
            Workstation.revoked_at.is_(None),
            Workstation.enrolled_at > now - CODE_HOLDS,
        )
        .values(token_sha256=token_hash(token), claimed_at=now)
        .returning(Workstation)
    ).one_or_none()
    if row is None:
        audit.note(session, None, "sign_in.workstation_code_refused")
        return None
    session.execute(select(unit_on_duty(row.unit_id)))
    audit.note(
        session,
        row.enrolled_by,
        "workstation.claimed",
        unit_id=row.unit_id,
        workstation_id=row.id,
    )
    return token, row


def revoke(
    session: Session,
    actor_id: int,
    workstation: Workstation,
    *,
    now: datetime,
    but: int | None = None,
) -> None:
    """Its cookie and every sign-in on it are worth nothing from this commit on.

    `but` is the sign-in of who revokes the machine under their own hands: it goes on without.
    """
    if workstation.revoked_at is not None:
        return
    workstation.revoked_at = now
    workstation.revoked_by = actor_id
    mine = (SignIn.workstation_id == workstation.id, SignIn.id == but)
    session.execute(update(SignIn).where(*mine).values(workstation_id=None))
    _sign_out(session, workstation, now=now)
    live.announce(session, ended_word(workstation.id))
    audit.record(
        session,
        actor_id,
        "workstation.revoked",
        unit_id=workstation.unit_id,
        workstation_id=workstation.id,
    )


def sign_everybody_out(
    session: Session,
    actor_id: int,
    workstation: Workstation,
    *,
    now: datetime,
    but: int | None = None,
) -> None:
    """Every sign-in on it, locked or not, ends with this commit; the machine stays enrolled.

    `but` is the sign-in of who asks for it at this very machine.
    """
    ended = _sign_out(session, workstation, now=now, but=but)
    audit.record(
        session,
        actor_id,
        "workstation.signed_out",
        unit_id=workstation.unit_id,
        workstation_id=workstation.id,
        sign_ins=ended,
    )


def _sign_out(
    session: Session, workstation: Workstation, *, now: datetime, but: int | None = None
) -> int:
    here = select(SignIn.id).where(
        SignIn.workstation_id == workstation.id,
        SignIn.ended_at.is_(None),
        SignIn.id.is_distinct_from(but),
    )
    found = session.scalars(here).all()
    for sign_in_id in found:
        sign_in.end(session, sign_in_id, now=now)
    session.flush()
    return len(found)


def change_limits(
    session: Session, actor_id: int, unit_id: int, *, ward_pc_lock_s: int, tablet_lock_s: int
) -> None:
    """How soon the unit's machines lock when nobody touches them."""
    wrong = {
        name: f"Between {SHORTEST_LOCK_S} and {LONGEST_LOCK_S} seconds."
        for name, seconds in {
            "ward_pc_lock_s": ward_pc_lock_s,
            "tablet_lock_s": tablet_lock_s,
        }.items()
        if not SHORTEST_LOCK_S <= seconds <= LONGEST_LOCK_S
    }
    if wrong:
        raise Invalid("Not changed.", wrong)
    unit = session.scalars(select(Unit).where(Unit.id == unit_id).with_for_update()).one()
    unit.ward_pc_lock_s, unit.tablet_lock_s = ward_pc_lock_s, tablet_lock_s
    session.flush()
    audit.record(
        session,
        actor_id,
        "unit.lock_limits_changed",
        unit_id=unit_id,
        ward_pc_lock_s=ward_pc_lock_s,
        tablet_lock_s=tablet_lock_s,
    )


def _add(
    session: Session,
    actor_id: int,
    *,
    key: UUID,
    unit_id: int,
    label: str,
    kind: Kind,
    secret: str,
) -> Workstation:
    label = " ".join(label.split())
    if not 1 <= len(label) <= 60 or not label.isprintable():
        words = "A label has 1 to 60 letters, for example: Nurses' station, left."
        raise Invalid("This machine was not enrolled.", {"label": words})
    row = Workstation(
        key=key,
        unit_id=unit_id,
        label=label,
        kind=kind,
        token_sha256=token_hash(secret),
        enrolled_by=actor_id,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict("This machine is being enrolled already. Look at the list.") from error
    audit.record(session, actor_id, "workstation.enrolled", unit_id=unit_id, workstation_id=row.id)
    return row
