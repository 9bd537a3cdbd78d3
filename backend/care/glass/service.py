"""Break the glass, end it, review it."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.glass import Glass as OpenGlass
from backend.accounts.units import queries as units
from backend.audit import service as audit
from backend.care.glass import queries
from backend.care.glass.models import Glass, GlassEnd, GlassReason, GlassReview, Outcome
from backend.core import live
from backend.core.db import unit_on_duty
from backend.core.errors import Conflict, NotAllowed
from backend.stays.models import Stay

# The word that the privacy officer's screens listen for.
TOPIC = "disclosures"
SENT_BEFORE = "This form was already sent with other values. Open it again."


def find(session: Session, actor_id: int, *, unit_id: int, where: str) -> Stay | None:
    """Whoever lies there. That unit is on duty from here to the end of the request."""
    if all(unit.id != unit_id for unit in units.every(session)):
        return None
    session.execute(select(unit_on_duty(unit_id)))
    stay = queries.stay_at(session, unit_id, where)
    if stay is None:
        audit.note(session, actor_id, "glass.refused", unit_id=unit_id)
    return stay


def is_of(session: Session, glass: OpenGlass, key: UUID, *, back_to: int) -> bool:
    """Whether this form, sent twice, is what opened it. `back_to` is the unit on duty."""
    session.execute(select(unit_on_duty(glass.unit_id)))
    already = queries.by_key(session, key)
    session.execute(select(unit_on_duty(back_to)))
    return already is not None and already.id == glass.id


def break_(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    reason: GlassReason,
    words: str,
    standing: OpenGlass | None,
) -> Glass:
    """From their next request on they may read this stay. What stood open before is over."""
    if already := queries.by_key(session, key):
        if (already.staff_id, already.stay_id) != (actor_id, stay.id):
            raise Conflict(SENT_BEFORE)
        return already
    if standing is not None:
        end(session, actor_id, standing)
        session.execute(select(unit_on_duty(stay.unit_id)))
    glass = Glass(
        key=key,
        staff_id=actor_id,
        stay_id=stay.id,
        patient_id=stay.patient_id,
        unit_id=stay.unit_id,
        reason=reason,
        words=words,
    )
    try:
        with session.begin_nested():
            session.add(glass)
    except IntegrityError as error:
        raise Conflict(SENT_BEFORE) from error
    audit.note(
        session,
        actor_id,
        "glass.broken",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        reason=f"{reason}: {words}",
        glass_id=glass.id,
    )
    live.announce(session, TOPIC)
    return glass


def end(session: Session, actor_id: int, glass: OpenGlass) -> None:
    """Over from their next request on. Twice is once."""
    session.execute(select(unit_on_duty(glass.unit_id)))
    ended = session.execute(
        postgresql.insert(GlassEnd)
        .values(glass_id=glass.id, unit_id=glass.unit_id, staff_id=actor_id)
        .on_conflict_do_nothing()
        .returning(GlassEnd.id)
    ).one_or_none()
    if ended is None:
        return
    audit.note(
        session,
        actor_id,
        "glass.ended",
        unit_id=glass.unit_id,
        stay_id=glass.stay_id,
        glass_id=glass.id,
    )
    live.announce(session, TOPIC)


def review(
    session: Session, actor_id: int, glass: Glass, *, key: UUID, outcome: Outcome, words: str
) -> None:
    """Never one's own. A follow-up may be followed by another word, the rest is final."""
    if glass.staff_id == actor_id:
        raise NotAllowed("You broke this glass yourself. Another privacy officer reviews it.")
    if already := queries.review_by_key(session, key):
        if (already.glass_id, already.outcome, already.words) != (glass.id, outcome, words):
            raise Conflict(SENT_BEFORE)
        return
    found = GlassReview(
        key=key,
        glass_id=glass.id,
        unit_id=glass.unit_id,
        staff_id=glass.staff_id,
        outcome=outcome,
        words=words,
        reviewed_by=actor_id,
    )
    if queries.is_reviewed(session, glass.id):
        raise Conflict("Somebody has reviewed this already.")
    try:
        with session.begin_nested():
            session.add(found)
    except IntegrityError as error:
        raise Conflict("Somebody has reviewed this already.") from error
    audit.note(
        session,
        actor_id,
        "glass.reviewed",
        unit_id=glass.unit_id,
        stay_id=glass.stay_id,
        reason=f"{outcome}: {words}",
        glass_id=glass.id,
    )
    live.announce(session, TOPIC)
