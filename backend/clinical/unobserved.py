"""What was not observed, or cannot be evaluated: late and missed sets, and rows nobody can read."""

from collections.abc import Sequence
from datetime import datetime

from backend.clinical.protocol_parts import Protocol, Rule
from backend.clinical.scale import latest
from backend.clinical.telling import span
from backend.clinical.verdict import Evidence, Verdict


def overdue_rule(instrument: str) -> str:
    """The name under which an overdue set of an instrument is flagged."""
    return f"overdue/{instrument}"


def overdue(
    protocol: Protocol,
    *,
    instrument: str,
    interval_minutes: int,
    missed_in_a_row: int,
    state: str,
    due_at: datetime,
) -> Verdict | None:
    """What a round that is "late" or "missed" asks for; None if the unit flags no overdue sets.

    `missed_in_a_row` counts this one, if it is missed.
    """
    rule = next((rule for rule in protocol.rules if rule.kind == "overdue" and rule.on), None)
    if rule is None or state not in ("late", "missed"):
        return None
    name = latest()[instrument].name if instrument in latest() else instrument
    missed = max(missed_in_a_row, 1 if state == "missed" else 0)
    if missed == 0:
        sentence = f"{name} is late."
    elif missed == 1:
        sentence = f"{name} has been missed once."
    else:
        sentence = f"{name} has been missed {missed} times running."
    due = Evidence(
        label=f"{name} due", value=state, unit="", observed_at=due_at, observation_id=None
    )
    return Verdict(
        rule=overdue_rule(instrument),
        rule_version=rule.version,
        family=overdue_rule(instrument),
        rank=rule.rank,
        title=f"{name} overdue",
        level=rule.words[_how_overdue(rule, interval_minutes, missed)],
        state="met",
        sentence=f"{sentence} It is due every {span(interval_minutes)}.",
        evidence=(due,),
        observation_id=None,
        band_system=None,
        source=f"{rule.source.text} [{rule.source.mark}]",
        asked={
            "kind": "overdue",
            "instrument": instrument,
            "interval_minutes": interval_minutes,
            "missed_in_a_row": missed_in_a_row,
            "state": state,
            "due_at": due_at.isoformat(),
        },
    )


def _how_overdue(rule: Rule, interval_minutes: int, missed: int) -> str:
    if missed == 0:
        return "late"
    if interval_minutes <= rule.numbers["short_interval_minutes"]:
        return "short_missed"
    return "missed_once" if missed == 1 else "missed_twice"


def cannot_evaluate(job: str, which: Sequence[str] = ()) -> Verdict:
    """A row, or a range, that cannot be read: nobody knows how this patient's matters stand.

    `which` names what could not be worked out, where not all of it.
    """
    only = f" ({', '.join(which)})" if which else ""
    return Verdict(
        rule=f"cannot-evaluate/{job}",
        rule_version=1,
        family=f"cannot-evaluate/{job}",
        rank=0,
        title="Cannot evaluate",
        level="urgent",
        state="met",
        sentence=f"Vigil cannot work out the {job} of this patient{only}."
        " Check the patient yourself.",
        evidence=(),
        observation_id=None,
        band_system=None,
        source="Vigil watches itself [D]",
        asked={"kind": "cannot-evaluate", "job": job, "which": ", ".join(which)},
    )
