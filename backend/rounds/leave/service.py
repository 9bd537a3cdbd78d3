"""Write down that somebody leaves, is seen, is expected later, is back; pause and resume."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.core import clock, live
from backend.core.errors import Conflict, Invalid, NotFound
from backend.rounds.leave import following
from backend.stays.leave import queries, words
from backend.stays.leave.facts import Facts, known
from backend.stays.leave.models import Belongings, Leave, LeaveChange, UrineScreen
from backend.stays.models import Stay

# A browser's clock and ours differ a little; more than this is a wrong time, not a fast clock.
AHEAD = timedelta(minutes=2)
LONGEST = timedelta(days=31)
ALREADY = "Somebody has changed this already. Look at the list first."


def leave(session: Session, actor_id: int, stay: Stay, *, key: UUID, facts: Facts) -> Leave:
    """They have left. The bed stays theirs; nothing falls due until they are back."""
    if already := _again(session, actor_id, stay, key):
        return already
    if stay.discharged_at is not None:
        raise Conflict("This stay has ended. Nobody can go on leave from it.")
    if queries.absence(session, stay.id) is not None:
        raise Conflict("This patient is away already. Write down that they are back first.")
    return _add(session, actor_id, stay, key=key, change=LeaveChange.LEFT, facts=facts)


def extend(
    session: Session, actor_id: int, stay: Stay, *, key: UUID, expected_at: datetime
) -> Leave:
    """They are expected at another time. Whoever was told that they are overdue hears of it."""
    if already := _again(session, actor_id, stay, key):
        return already
    before = _away(session, stay)
    facts = replace(known(before), expected_at=expected_at)
    if expected_at <= clock.now():
        raise Invalid("Check the times.", {"expected": "This time is over. Write when they come."})
    return _add(
        session, actor_id, stay, key=key, change=LeaveChange.EXTENDED, facts=facts, before=before
    )


def seen(session: Session, actor_id: int, stay: Stay, *, key: UUID) -> Leave:
    """Whoever leads the group has just seen them alert. A word on safety: every scale waits."""
    if already := _again(session, actor_id, stay, key):
        return already
    before = _away(session, stay)
    if not words.why(before).in_house:
        raise Conflict("Only somebody who is with our own people can be seen there.")
    facts = replace(known(before), seen_at=clock.now(), seen_by=actor_id)
    return _add(
        session, actor_id, stay, key=key, change=LeaveChange.SEEN, facts=facts, before=before
    )


def come_back(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    returned_at: datetime | None = None,
    belongings: Belongings | None = None,
    urine_screen: UrineScreen | None = None,
) -> Leave:
    """They are back: what fell due meanwhile is due now, and from outside a check as well."""
    if already := _again(session, actor_id, stay, key):
        return already
    before = _away(session, stay)
    facts = replace(
        known(before),
        returned_at=returned_at or clock.now(),
        belongings=belongings,
        urine_screen=urine_screen,
    )
    return _add(
        session, actor_id, stay, key=key, change=LeaveChange.RETURNED, facts=facts, before=before
    )


def here(session: Session, actor_id: int, stay: Stay, *, key: UUID, at: datetime) -> None:
    """A set was made at the bedside: whoever is observed is not away, and is observed again."""
    state = queries.absence(session, stay.id)
    if state is None:
        return
    if session.get_one(Leave, state.leave_id).left_at < at:
        come_back(session, actor_id, stay, key=uuid5(key, "back"), returned_at=min(at, clock.now()))


def correct(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    leave_id: int,
    facts: Facts,
    reason: str,
) -> Leave:
    """Put it right with a new row. Of two corrections of one row, the first wins."""
    if already := _again(session, actor_id, stay, key):
        return already
    before = _still_stands(session, stay, leave_id)
    facts = replace(facts, seen_at=before.seen_at, seen_by=before.seen_by)
    if facts.returned_at is None and stay.discharged_at is not None:
        raise Conflict("This stay has ended: say when they were back.")
    return _add(
        session,
        actor_id,
        stay,
        key=key,
        change=LeaveChange.CORRECTED,
        facts=facts,
        before=before,
        reason=reason,
    )


def take_back(
    session: Session, actor_id: int, stay: Stay, *, key: UUID, leave_id: int, reason: str
) -> Leave:
    """They never left, or it was somebody else. It stays readable, struck through."""
    if already := _again(session, actor_id, stay, key):
        return already
    before = _still_stands(session, stay, leave_id)
    return _add(
        session,
        actor_id,
        stay,
        key=key,
        change=LeaveChange.TAKEN_BACK,
        facts=known(before),
        before=before,
        reason=reason,
    )


def _again(session: Session, actor_id: int, stay: Stay, key: UUID) -> Leave | None:
    """What a form that was sent twice has stored the first time."""
    already = queries.by_key(session, key)
    if already and (already.stay_id, already.recorded_by) != (stay.id, actor_id):
        raise Conflict("This was already sent by somebody else. Open the page again.")
    return already


def _away(session: Session, stay: Stay) -> Leave:
    state = queries.absence(session, stay.id)
    if state is None:
        raise Conflict("This patient is not away any more. Look at the list first.")
    return session.get_one(Leave, state.leave_id)


def _still_stands(session: Session, stay: Stay, leave_id: int) -> Leave:
    before = queries.one(session, stay.id, leave_id)
    if before is None:
        raise NotFound("There is no such leave on this stay.")
    if before.change is LeaveChange.TAKEN_BACK or queries.is_superseded(session, leave_id):
        raise Conflict(ALREADY)
    return before


def _add(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    change: LeaveChange,
    facts: Facts,
    before: Leave | None = None,
    reason: str | None = None,
) -> Leave:
    # Whoever touches this stay takes turns, as with a set: the stay, its rounds, its alerts.
    stay = session.scalars(
        select(Stay).where(Stay.id == stay.id).with_for_update(key_share=True)
    ).one()
    now = clock.now()
    if change is not LeaveChange.TAKEN_BACK:
        _check_times(stay, facts, now)
    row = Leave(
        key=key,
        stay_id=stay.id,
        patient_id=stay.patient_id,
        unit_id=stay.unit_id,
        change=change,
        entered_at=now,
        recorded_by=actor_id,
        supersedes_id=before.id if before else None,
        reason=reason,
        **vars(facts),
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        if again := _again(session, actor_id, stay, key):  # the same deed, sent twice at once
            return again
        raise Conflict(ALREADY) from error
    following.follow(session, actor_id, stay, row, now)
    audit.record(
        session,
        actor_id,
        f"leave.{change.value}",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        reason=reason,
        leave_id=row.id,
    )
    live.announce(session, f"stay-{stay.id}", "board", "rounds")
    return row


def _check_times(stay: Stay, facts: Facts, now: datetime) -> None:
    wrong = {}
    if facts.left_at > now + AHEAD:
        wrong["left"] = "This time has not come yet. Write it down when they leave."
    elif facts.left_at < stay.admitted_at:
        wrong["left"] = "That is before this stay began."
    if facts.expected_at <= facts.left_at:
        wrong["expected"] = "They come back after they have left."
    elif facts.expected_at > facts.left_at + LONGEST:
        wrong["expected"] = f"At most {LONGEST.days} days ahead."
    if facts.returned_at is not None and facts.returned_at > now + AHEAD:
        wrong["returned"] = "This time has not come yet."
    elif facts.returned_at is not None and facts.returned_at < facts.left_at:
        wrong["returned"] = "They came back after they had left."
    if wrong:
        raise Invalid("Check the times.", wrong)
