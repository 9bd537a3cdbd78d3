"""Write down what happened, that it is over, and put a row right with another."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.units.models import Unit
from backend.alerts import queries as alert_queries
from backend.alerts import service as alerts
from backend.audit import service as audit
from backend.clinical import happening
from backend.core import clock, live, local_time
from backend.core.errors import Conflict, Invalid, NotFound
from backend.observations.events import queries
from backend.observations.events.models import Event, EventChange, EventKind
from backend.protocols import queries as protocols
from backend.stays.models import Stay

# A browser's clock and ours differ a little; more than this is a wrong time, not a fast clock.
AHEAD = timedelta(minutes=2)
ALREADY = "Somebody has changed this event already. Look at the list first."


def record(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    kind: EventKind,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
) -> Event:
    """It happened, now or at a time. A second tap on the same form is the same event."""
    if already := queries.by_key(session, key):
        if (already.stay_id, already.recorded_by, already.kind) != (stay.id, actor_id, kind):
            raise Conflict("This was already sent by somebody else. Open the page again.")
        return already
    return _add(
        session,
        actor_id,
        stay,
        key=key,
        kind=kind,
        change=EventChange.RECORDED,
        started_at=started_at,
        ended_at=ended_at,
    )


def end(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    event_id: int,
    ended_at: datetime | None = None,
) -> Event:
    """It is over."""
    if already := queries.by_key(session, key):
        return _same(already, stay, actor_id, event_id)
    before = _still_stands(session, stay, event_id)
    if not happening.KINDS[before.kind].lasts:
        raise Invalid("This kind of event has no end.")
    if before.ended_at is not None:
        raise Conflict("This event is over already. Correct it, if the time is wrong.")
    return _add(
        session,
        actor_id,
        stay,
        key=key,
        kind=before.kind,
        change=EventChange.ENDED,
        started_at=before.started_at,
        ended_at=ended_at or clock.now(),
        supersedes_id=before.id,
    )


def correct(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    event_id: int,
    kind: EventKind,
    started_at: datetime,
    ended_at: datetime | None,
    reason: str,
) -> Event:
    """Put it right with a new row. Of two corrections of one row, the first wins."""
    if already := queries.by_key(session, key):
        return _same(already, stay, actor_id, event_id)
    before = _still_stands(session, stay, event_id)
    return _add(
        session,
        actor_id,
        stay,
        key=key,
        kind=kind,
        change=EventChange.CORRECTED,
        started_at=started_at,
        ended_at=ended_at,
        supersedes_id=before.id,
        reason=reason,
        was=before.kind,
    )


def take_back(
    session: Session, actor_id: int, stay: Stay, *, key: UUID, event_id: int, reason: str
) -> Event:
    """It never happened, or to somebody else. It stays readable, struck through."""
    if already := queries.by_key(session, key):
        return _same(already, stay, actor_id, event_id)
    before = _still_stands(session, stay, event_id)
    return _add(
        session,
        actor_id,
        stay,
        key=key,
        kind=before.kind,
        change=EventChange.TAKEN_BACK,
        started_at=before.started_at,
        ended_at=before.ended_at,
        supersedes_id=before.id,
        reason=reason,
        was=before.kind,
    )


def _same(already: Event, stay: Stay, actor_id: int, event_id: int) -> Event:
    """The first answer to a deed that was sent again; Conflict where the key was for another."""
    first = (already.stay_id, already.recorded_by, already.supersedes_id)
    if first != (stay.id, actor_id, event_id):
        raise Conflict("This was already sent for something else. Open the page again.")
    return already


def _still_stands(session: Session, stay: Stay, event_id: int) -> Event:
    before = queries.one(session, stay.id, event_id)
    if before is None:
        raise NotFound("There is no such event on this stay.")
    if before.change is EventChange.TAKEN_BACK or queries.is_superseded(session, event_id):
        raise Conflict(ALREADY)
    return before


def _add(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    kind: EventKind,
    change: EventChange,
    started_at: datetime | None,
    ended_at: datetime | None,
    supersedes_id: int | None = None,
    reason: str | None = None,
    was: EventKind | None = None,
) -> Event:
    # Whoever touches this stay takes turns, as with a set: first the stay, then its alerts.
    stay = session.scalars(
        select(Stay).where(Stay.id == stay.id).with_for_update(key_share=True)
    ).one()
    now = clock.now()
    began = started_at or now
    _check_times(stay, kind, began, ended_at, now)
    row = Event(
        key=key,
        stay_id=stay.id,
        patient_id=stay.patient_id,
        unit_id=stay.unit_id,
        kind=kind,
        change=change,
        started_at=began,
        ended_at=ended_at,
        entered_at=now,
        recorded_by=actor_id,
        supersedes_id=supersedes_id,
        reason=reason,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        if again := queries.by_key(session, key):  # the same deed, sent twice at once
            return again
        raise Conflict(ALREADY) from error
    if was is not None:
        _clear(session, stay, was, now)
    if change is not EventChange.TAKEN_BACK:
        _raise(session, actor_id, stay, row, now)
    audit.record(
        session,
        actor_id,
        f"event.{change.value}",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        reason=reason,
        event_id=row.id,
    )
    live.announce(session, f"stay-{stay.id}", "board")
    return row


def _check_times(
    stay: Stay, kind: EventKind, began: datetime, ended: datetime | None, now: datetime
) -> None:
    wrong = {}
    if began > now + AHEAD:
        wrong["started"] = "This time has not come yet."
    elif began < stay.admitted_at:
        wrong["started"] = "That is before this stay began."
    if ended is not None and not happening.KINDS[kind].lasts:
        wrong["ended"] = f"{happening.KINDS[kind].label} has no end: leave it open."
    elif ended is not None and ended > now + AHEAD:
        wrong["ended"] = "This time has not come yet."
    elif ended is not None and ended < began:
        wrong["ended"] = "It ended before it began."
    if wrong:
        raise Invalid("Check the times.", wrong)
    if stay.discharged_at is not None and began > stay.discharged_at:
        raise Conflict("This stay has ended. Nothing after the discharge can be recorded.")


def _raise(session: Session, actor_id: int, stay: Stay, row: Event, now: datetime) -> None:
    """Call for somebody, where it still goes on or has only just happened.

    What is written down later is charted at its time: a late entry never shouts now.
    """
    kind = happening.KINDS[row.kind]
    in_force = protocols.in_force(session, stay.unit_id, at=now)
    fresh = now - row.started_at <= timedelta(minutes=in_force.protocol.fresh_minutes)
    goes_on = kind.lasts and row.ended_at is None
    if row.change is EventChange.ENDED or stay.discharged_at or not (fresh or goes_on):
        return
    zone = ZoneInfo(session.get_one(Unit, stay.unit_id).time_zone)
    alerts.raise_alert(
        session,
        stay=stay,
        verdict=happening.verdict(
            kind,
            started_at=row.started_at,
            at_words=f"at {local_time.clock_time(row.started_at, zone)}",
            decided=in_force.protocol.rule_for_event(row.kind.value),
        ),
        protocol_id=in_force.id,
        now=now,
        actor_id=actor_id,
    )


def _clear(session: Session, stay: Stay, was: EventKind, now: datetime) -> None:
    """What only the wrong row had raised was never true."""
    in_force = protocols.in_force(session, stay.unit_id, at=now)
    fresh = timedelta(minutes=in_force.protocol.fresh_minutes)
    if any(_called(chain, fresh) for chain in queries.chains(session, stay.id, was)):
        return
    for alert in alert_queries.open_on_stay(session, stay.id):
        if alert.rule == happening.rule_of(was):
            alerts.clear(
                session, alert, sentence="The event that raised this was put right.", now=now
            )


def _called(chain: Sequence[Event], fresh: timedelta) -> bool:
    """Whether it would have called when it was first written down, had it been right then."""
    told = [row for row in chain if row.change is not EventChange.ENDED][-1]
    went_on = happening.KINDS[told.kind].lasts and told.ended_at is None
    return went_on or chain[0].entered_at - told.started_at <= fresh
