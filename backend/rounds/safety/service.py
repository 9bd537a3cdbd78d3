"""Write a safety check down, put it right, take it back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import SystemRandom
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.units.models import Unit
from backend.alerts import queries as alert_queries
from backend.alerts import service as alerts
from backend.audit import service as audit
from backend.clinical import deterioration, safety
from backend.clinical.safety import DEFINITION, NotSeenKind
from backend.clinical.scale import SAFETY
from backend.core import clock, live, local_time
from backend.core.errors import Conflict, Invalid, NotAllowed, NotFound
from backend.protocols import queries as protocols
from backend.protocols.queries import InForce
from backend.rounds import queries as rounds
from backend.rounds.leave import service as leaves
from backend.rounds.models import ObservationOrder
from backend.rounds.orders import service as orders
from backend.rounds.safety import moves, queries
from backend.rounds.safety.models import CheckChange, NoTag, SafetyCheck
from backend.stays.models import Stay

# A browser's clock and ours differ a little; more than this is a wrong time, not a fast clock.
AHEAD = timedelta(minutes=2)
ALREADY = "Somebody has changed this check already. Look at the list first."
WITHOUT_TAG = "Scan the tag on the door, or say why not."
# Nobody can wait for what nobody can work out.
_dice = SystemRandom()


@dataclass(frozen=True, kw_only=True)
class Look:
    """What somebody saw, by the words of the definition; or why nothing."""

    answers: Mapping[str, str]
    not_seen: NotSeenKind | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The tag that was scanned and when, or why none was."""

    tag_id: int | None = None
    scanned_at: datetime | None = None
    no_tag: NoTag | None = None


NONE = Proof()


def record(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    look: Look,
    proof: Proof = NONE,
    observed_at: datetime | None = None,
    draw: float | None = None,
) -> SafetyCheck:
    """Somebody looked, now or at a time. A second tap on the same form is the same check.

    `draw`, from 0 up to 1, says how much sooner than ordered the next one falls due.
    """
    if already := queries.by_key(session, key):
        if (already.stay_id, already.recorded_by) != (stay.id, actor_id):
            raise Conflict("This was already sent by somebody else. Open the page again.")
        return already
    stay, now = orders.in_turn(session, stay), clock.now()
    at = observed_at or now
    _check(session, stay, look, proof, at=at, now=now)
    if look.not_seen is None and look.answers["place"] not in safety.MAY_BE_AWAY:
        leaves.here(session, actor_id, stay, key=key, at=at)
    in_force = protocols.in_force(session, stay.unit_id, at=now)
    ordered = rounds.standing(session, stay.id, SAFETY)
    row = _row(stay, key=key, by=actor_id, look=look, at=at, now=now)
    row.tag_id, row.scanned_at, row.no_tag = proof.tag_id, proof.scanned_at, proof.no_tag
    row.late_entry = now - at > _late_after(ordered, in_force)
    if ordered is not None and at >= ordered.starts_at:
        row.order_id = ordered.id
        row.round_id = moves.tick_off(
            session,
            ordered,
            row,
            in_force=in_force,
            draw=_dice.random() if draw is None else draw,
        )
    return _store(session, stay, row, in_force=in_force)


def correct(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    check_id: int,
    answers: Mapping[str, str],
    note: str | None,
    reason: str,
    of_others: bool,
) -> SafetyCheck:
    """Other words for the same look. Of two corrections of one row, the first wins."""
    if already := queries.by_key(session, key):
        return already
    stay = orders.in_turn(session, stay)
    before = _still_stands(session, actor_id, stay, check_id, of_others=of_others)
    if before.not_seen is not None:
        raise Conflict("Nobody was seen on this check. Take it back, and write a new one.")
    look = Look(answers=answers, note=note)
    if wrong := safety.problems(answers):
        raise Invalid("Check what was seen.", wrong)
    row = _after(stay, before, key=key, by=actor_id, look=look, change=CheckChange.CORRECTED)
    row.reason = reason
    in_force = protocols.in_force(session, stay.unit_id, at=clock.now())
    _over(session, stay, before, but=_rules(row))
    return _store(session, stay, row, in_force=in_force)


def take_back(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    check_id: int,
    reason: str,
    of_others: bool,
) -> SafetyCheck:
    """Nobody looked, or at somebody else: what it ticked off is due as it was."""
    if already := queries.by_key(session, key):
        return already
    stay = orders.in_turn(session, stay)
    before = _still_stands(session, actor_id, stay, check_id, of_others=of_others)
    look = Look(answers=before.answers, not_seen=before.not_seen, note=before.note)
    row = _after(stay, before, key=key, by=actor_id, look=look, change=CheckChange.TAKEN_BACK)
    row.reason = reason
    in_force = protocols.in_force(session, stay.unit_id, at=clock.now())
    _over(session, stay, before, but=frozenset())
    moves.call_again(session, before, in_force)
    return _store(session, stay, row, in_force=in_force)


def _still_stands(
    session: Session, actor_id: int, stay: Stay, check_id: int, *, of_others: bool
) -> SafetyCheck:
    before = queries.one(session, stay.id, check_id)
    if before is None:
        raise NotFound("There is no such safety check on this stay.")
    if before.recorded_by != actor_id and not of_others:
        raise NotAllowed("Another person made this check. A nurse can put it right.")
    if before.change is CheckChange.TAKEN_BACK or queries.is_superseded(session, check_id):
        raise Conflict(ALREADY)
    return before


def _check(
    session: Session, stay: Stay, look: Look, proof: Proof, *, at: datetime, now: datetime
) -> None:
    wrong = {} if look.not_seen else safety.problems(look.answers)
    if at > now + AHEAD:
        wrong["observed"] = "This time has not come yet."
    elif at < stay.admitted_at:
        wrong["observed"] = "That is before this stay began."
    required = session.get_one(Unit, stay.unit_id).door_tags_required
    if required and look.not_seen is None and proof.tag_id is None and proof.no_tag is None:
        wrong["no_tag"] = WITHOUT_TAG
    if wrong:
        raise Invalid("Not saved yet.", wrong)
    if stay.discharged_at is not None and at > stay.discharged_at:
        raise Conflict("This stay has ended. Nothing after the discharge can be recorded.")


def _row(stay: Stay, *, key: UUID, by: int, look: Look, at: datetime, now: datetime) -> SafetyCheck:
    seen = look.answers if look.not_seen is None else {}
    return SafetyCheck(
        key=key,
        stay_id=stay.id,
        patient_id=stay.patient_id,
        unit_id=stay.unit_id,
        change=CheckChange.RECORDED,
        definition=DEFINITION,
        observed_at=at,
        entered_at=now,
        late_entry=False,
        recorded_by=by,
        place=seen.get("place"),
        doing=seen.get("doing"),
        breathing=seen.get("breathing"),
        concern=seen.get("concern"),
        not_seen=look.not_seen,
        note=look.note,
    )


def _after(
    stay: Stay, before: SafetyCheck, *, key: UUID, by: int, look: Look, change: CheckChange
) -> SafetyCheck:
    """A row that takes the place of another: what was seen may change, the time does not."""
    row = _row(stay, key=key, by=by, look=look, at=before.observed_at, now=clock.now())
    row.change, row.supersedes_id = change, before.id
    row.late_entry, row.definition = before.late_entry, before.definition
    row.order_id, row.round_id = before.order_id, before.round_id
    row.tag_id, row.scanned_at, row.no_tag = before.tag_id, before.scanned_at, before.no_tag
    return row


def _late_after(ordered: ObservationOrder | None, in_force: InForce) -> timedelta:
    """From when on the page says that it was written down late: an interval, an hour at most."""
    most = in_force.protocol.late_entry_minutes
    return timedelta(minutes=min(most, ordered.interval_minutes) if ordered else most)


def _store(session: Session, stay: Stay, row: SafetyCheck, *, in_force: InForce) -> SafetyCheck:
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        if again := queries.by_key(session, row.key):  # the same deed, sent twice at once
            return again
        if row.change is CheckChange.RECORDED:
            raise Conflict("This scan has been used for a check. Scan the tag again.") from error
        raise Conflict(ALREADY) from error
    if row.change is not CheckChange.TAKEN_BACK:
        _call(session, stay, row, in_force)
    audit.record(
        session,
        row.recorded_by,
        f"safety_check.{row.change.value}",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        reason=row.reason,
        safety_check_id=row.id,
    )
    live.announce(session, f"stay-{stay.id}", "rounds", "board")
    return row


def _rules(row: SafetyCheck) -> frozenset[str]:
    called = safety.calls(row.answers, row.not_seen, at=row.observed_at, at_words="")
    return frozenset(verdict.rule for verdict in called)


def _call(session: Session, stay: Stay, row: SafetyCheck, in_force: InForce) -> None:
    """Call for somebody, and end what this look says is over. A late entry never shouts now."""
    now = clock.now()
    fresh = now - row.observed_at <= timedelta(minutes=in_force.protocol.fresh_minutes)
    if not fresh or stay.discharged_at is not None or queries.is_older(session, row):
        return
    over = set(safety.answered(row.answers, row.not_seen))
    if row.not_seen in (None, NotSeenKind.OFF_UNIT):
        over.add(deterioration.overdue_rule(SAFETY))
    for alert in alert_queries.open_on_stay(session, stay.id):
        if alert.rule in over:
            alerts.clear(session, alert, sentence="A safety check was made.", now=now)
    zone = ZoneInfo(session.get_one(Unit, stay.unit_id).time_zone)
    for verdict in safety.calls(
        row.answers,
        row.not_seen,
        at=row.observed_at,
        at_words=local_time.clock_time(row.observed_at, zone),
    ):
        alerts.raise_alert(
            session,
            stay=stay,
            verdict=verdict,
            protocol_id=in_force.id,
            now=now,
            actor_id=row.recorded_by,
        )


def _over(session: Session, stay: Stay, was: SafetyCheck, *, but: Collection[str]) -> None:
    """What only the wrong row had raised was never true."""
    wrong = _rules(was) - set(but)
    for alert in alert_queries.open_on_stay(session, stay.id):
        if alert.rule in wrong:
            sentence = "The check that raised this was put right."
            alerts.clear(session, alert, sentence=sentence, now=clock.now())
