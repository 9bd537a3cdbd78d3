"""What follows from what is now known of the absences of a stay: rounds pause and resume."""

from collections.abc import Collection
from datetime import datetime
from itertools import pairwise
from uuid import uuid5

from sqlalchemy.orm import Session

from backend.accounts.units.models import Unit
from backend.alerts import queries as alert_queries
from backend.alerts import service as alerts
from backend.clinical import absence
from backend.clinical.deterioration import overdue_rule
from backend.core.errors import Invalid
from backend.protocols import queries as protocols
from backend.rounds import service as rounds
from backend.rounds.reassessments import service as reassessments
from backend.stays.leave import queries, words
from backend.stays.leave.models import Absence, Leave, LeaveChange
from backend.stays.models import Stay


def follow(session: Session, actor_id: int, stay: Stay, row: Leave, now: datetime) -> None:
    """The state follows what is now known; at most one absence at a time."""
    standing = queries.standing(session, stay.id)
    for earlier, later in pairwise(standing):
        if earlier.returned_at is None or earlier.returned_at > later.left_at:
            raise Invalid("Check the times.", {"left": "They were away at that time already."})
    still_away = standing[-1] if standing and standing[-1].returned_at is None else None
    state = queries.absence(session, stay.id)
    if still_away is not None and stay.discharged_at is None:
        in_force = protocols.in_force(session, stay.unit_id, at=now)
        next_step_at = absence.alarm_at(in_force.protocol, still_away.expected_at)
        if state is None:
            _pause(session, stay, still_away.left_at, now)
            state = Absence(
                stay_id=stay.id,
                patient_id=stay.patient_id,
                unit_id=stay.unit_id,
                leave_id=still_away.id,
                next_step_at=next_step_at,
            )
            session.add(state)
        else:
            expected_at = session.get_one(Leave, state.leave_id).expected_at
            if still_away.expected_at != expected_at:
                state.next_step_at = next_step_at
                _clear(session, stay, {absence.OVERDUE_RETURN}, "They are expected later.", now)
            state.leave_id = still_away.id
    elif state is not None:
        state.leave_id, state.ended_at = row.id, row.returned_at or now
        state.next_step_at = None
        session.flush()
        _clear(session, stay, {absence.OVERDUE_RETURN}, "They are back on the unit.", now)
        if row.change is not LeaveChange.TAKEN_BACK and row.returned_at is not None:
            _resume(session, actor_id, stay, row, row.returned_at)
    session.flush()


def _pause(session: Session, stay: Stay, left_at: datetime, now: datetime) -> None:
    """What time has made of the rounds until then stays made; nobody is called to an empty bed."""
    rounds.let_pass(session, stay, until=left_at)
    rules = {
        alert.rule
        for alert in alert_queries.open_on_stay(session, stay.id)
        if alert.rule.startswith(overdue_rule(""))
    }
    _clear(session, stay, rules, "The patient has left the unit. It is due on the return.", now)


def _resume(session: Session, actor_id: int, stay: Stay, row: Leave, at: datetime) -> None:
    rounds.resume(session, actor_id, stay, at=at)
    in_force = protocols.in_force(session, stay.unit_id, at=at)
    rules = in_force.protocol.rounds.leave
    if rules is None or words.why(row).in_house or stay.discharged_at is not None:
        return
    sedation = session.get_one(Unit, stay.unit_id).sedation_scale
    for instrument in dict.fromkeys((*rules.return_check, sedation)):
        reassessments.ask(
            session,
            actor_id,
            stay,
            key=uuid5(row.key, f"return {instrument}"),
            instrument=instrument,
            due_at=at,
            because="Return check: back on the unit.",
            in_force=in_force,
            within_minutes=rules.return_check_minutes,
        )


def _clear(
    session: Session, stay: Stay, rules: Collection[str], sentence: str, now: datetime
) -> None:
    for alert in alert_queries.open_on_stay(session, stay.id):
        if alert.rule in rules:
            alerts.clear(session, alert, sentence=sentence, now=now)
