"""What a stored set raises and clears by the unit's rules; what cannot be read is a flag too."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from backend.alerts import queries as alert_queries
from backend.alerts import service as alerts
from backend.alerts.models import Alert
from backend.clinical import deterioration
from backend.clinical.deterioration import Seen
from backend.clinical.verdict import Asked
from backend.observations import queries
from backend.protocols.queries import InForce
from backend.stays.models import Stay

SETS, RULES = deterioration.cannot_evaluate("sets"), deterioration.cannot_evaluate("rules")


def evaluate(
    session: Session,
    actor_id: int | None,
    stay: Stay,
    *,
    in_force: InForce,
    now: datetime,
    superseded_ids: Collection[int] = (),
) -> None:
    """Raise what the rules now find, and clear what a newer set no longer meets.

    What a corrected set had raised is cleared however old the set is, because it was never true.
    """
    course, unreadable = queries.course_and_gaps(session, stay.id)
    verdicts = deterioration.verdicts(course, in_force.protocol, now=now)
    sets = sorted(one.id for one in course)
    asked: Asked = {"kind": "course", "now": now.isoformat(), "sets": sets}
    met = [replace(one, asked=one.asked or asked) for one in verdicts if one.state == "met"]
    if unreadable:
        met.append(SETS)
    for verdict in met:
        alerts.raise_alert(
            session,
            stay=stay,
            verdict=verdict,
            protocol_id=in_force.id,
            now=now,
            actor_id=actor_id,
        )
    cleared = {verdict.rule: verdict.sentence for verdict in verdicts if verdict.state == "clear"}
    if superseded_ids:
        cleared |= _never_true(session, stay, course, superseded_ids, in_force)
    raised = {verdict.rule for verdict in met}
    cleared |= {flag.rule: "It can be worked out again." for flag in (SETS, RULES)}
    for alert in alert_queries.open_on_stay(session, stay.id):
        if alert.rule in cleared and alert.rule not in raised:
            alerts.clear(session, alert, sentence=cleared[alert.rule], now=now)


def _never_true(
    session: Session,
    stay: Stay,
    course: Sequence[Seen],
    superseded_ids: Collection[int],
    in_force: InForce,
) -> dict[str, str]:
    """Rules of open alerts that only a version before the corrected one had met."""
    then = max((seen.observed_at for seen in course), default=stay.admitted_at)
    still_met = {
        verdict.rule
        for verdict in deterioration.verdicts(course, in_force.protocol, now=then)
        if verdict.state == "met"
    }
    return {
        alert.rule: "The set that raised this was corrected."
        for alert in alert_queries.open_on_stay(session, stay.id)
        if alert.rule not in still_met and _rests_on(alert, superseded_ids)
    }


def _rests_on(alert: Alert, set_ids: Collection[int]) -> bool:
    """Whether one of these sets decided, or was among the values that an alert rests on."""
    values = {value["observation_id"] for value in alert.evidence}
    return any(one in set_ids for one in {*values, alert.observation_id})
