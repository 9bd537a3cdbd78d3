"""Ask for what is past its time to be deleted; agree, and it is gone."""

from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.care.purge import queries
from backend.care.purge.models import Purge, PurgeAnswer, Verdict
from backend.care.purge.queries import Old
from backend.core.errors import Conflict, NotAllowed

# In one transaction, which a person waits for.
MOST_STAYS = 100
PATIENCE = text("SET LOCAL statement_timeout = '5min'")
SENT_BEFORE = "This form was already sent with other values. Open it again."
NOT_ANY_MORE = (
    "Not all of this may go any more: a hold was set since it was asked for, or something of these"
    " patients was written. Nothing was deleted. Decline it, and let it be asked for anew."
)


def ask(session: Session, actor_id: int, *, key: UUID, unit_id: int, now: datetime) -> Purge:
    """The first of two people says that what may go is to go. The list is kept as it is now."""
    if already := queries.by_key(session, key):
        if (already.unit_id, already.asked_by) != (unit_id, actor_id):
            raise Conflict(SENT_BEFORE)
        return already
    if queries.waiting(session, unit_id):
        raise Conflict("A deletion waits for a second person already. It is answered first.")
    stays = _first_of(queries.old(session, unit_id, now))
    if not stays:
        raise Conflict("Nothing is past its time and free to go now.")
    purge = Purge(key=key, unit_id=unit_id, stay_ids=stays, asked_by=actor_id)
    try:
        with session.begin_nested():
            session.add(purge)
    except IntegrityError as error:
        raise Conflict("This was asked for already. Look at the page again.") from error
    audit.record(
        session, actor_id, "purge.asked", unit_id=unit_id, purge_id=purge.id, stays=len(stays)
    )
    return purge


def _first_of(old: list[Old]) -> list[int]:
    """No more than go at once, and nobody's record by halves."""
    free = sorted(
        (one for one in old if one.may_go), key=lambda one: (one.patient_id, one.discharged_at)
    )
    people = [list(stays) for _, stays in groupby(free, key=lambda one: one.patient_id)]
    chosen: list[int] = []
    for stays in sorted(people, key=lambda stays: stays[-1].discharged_at):
        if chosen and len(chosen) + len(stays) > MOST_STAYS:
            break
        chosen += [one.stay_id for one in stays]
    return chosen


def answer(
    session: Session, actor_id: int, purge: Purge, *, key: UUID, verdict: Verdict, now: datetime
) -> None:
    """The second person agrees, and it is deleted in this transaction; or it is not to be."""
    if said := queries.answer_to(session, purge.id):
        if said.key != key:
            raise Conflict("This has been answered already.")
        if said.verdict is not verdict:
            raise Conflict(SENT_BEFORE)
        return
    own = purge.asked_by == actor_id
    if own and verdict is not Verdict.WITHDRAWN:
        raise NotAllowed("You asked for this yourself. A second person agrees to it, or declines.")
    if verdict is Verdict.WITHDRAWN and not own:
        raise NotAllowed("Only who asked for it can take it back. You may decline it.")
    may_go = {one.stay_id for one in queries.old(session, purge.unit_id, now) if one.may_go}
    if verdict is Verdict.APPROVED and not set(purge.stay_ids) <= may_go:
        raise Conflict(NOT_ANY_MORE)
    said = PurgeAnswer(
        key=key,
        purge_id=purge.id,
        unit_id=purge.unit_id,
        asked_by=purge.asked_by,
        verdict=verdict,
        answered_by=actor_id,
    )
    try:
        with session.begin_nested():
            session.add(said)
    except IntegrityError as error:
        raise Conflict("This has been answered already.") from error
    rows = _carry_out(session, purge) if verdict is Verdict.APPROVED else 0
    audit.record(
        session,
        actor_id,
        f"purge.{verdict.value}",
        unit_id=purge.unit_id,
        purge_id=purge.id,
        rows=rows,
    )


def _carry_out(session: Session, purge: Purge) -> int:
    """The database asks everything again, deletes as a role that can do nothing else, and logs."""
    session.execute(PATIENCE)
    try:
        with session.begin_nested():
            deleted = session.scalars(select(func.carry_out_purge(purge.id))).one()
    except IntegrityError as error:
        raise Conflict(NOT_ANY_MORE) from error
    return sum(deleted.values())
