"""The question that raised an alert, put again: to the same version, over the same inputs."""

from collections.abc import Sequence
from datetime import datetime

from backend.clinical import absence, happening, refusal
from backend.clinical.course import Seen
from backend.clinical.deterioration import cannot_evaluate, overdue, verdicts
from backend.clinical.protocol import Protocol
from backend.clinical.verdict import Asked, Verdict


def ask_again(
    asked: Asked, *, rule: str, protocol: Protocol, course: Sequence[Seen]
) -> Verdict | None:
    """What the rule answers to what was asked then; None where it has nothing to say.

    `course` holds the sets that were looked at, as they were. KeyError: nobody can tell what was
    asked.
    """
    kind = asked["kind"]
    if kind == "course":
        now = _moment(asked, "now")
        found = verdicts(course, protocol, now=now)
        return next((one for one in found if one.rule == rule), None)
    if kind == "overdue":
        return overdue(
            protocol,
            instrument=str(asked["instrument"]),
            interval_minutes=_whole(asked, "interval_minutes"),
            missed_in_a_row=_whole(asked, "missed_in_a_row"),
            state=str(asked["state"]),
            due_at=_moment(asked, "due_at"),
        )
    if kind == "refused":
        return refusal.refused(
            protocol,
            instrument=str(asked["instrument"]),
            times=_whole(asked, "times"),
            refused_at=_moment(asked, "refused_at"),
            observation_id=_whole(asked, "observation_id"),
        )
    if kind == "event":
        key = str(asked["event"])
        return happening.verdict(
            happening.KINDS[key],
            started_at=_moment(asked, "started_at"),
            at_words=str(asked["at_words"]),
            decided=protocol.rule_for_event(key),
        )
    if kind == "not-back":
        return absence.overdue(
            protocol,
            absence.REASONS[str(asked["why"])],
            expected_at=_moment(asked, "expected_at"),
            at_words=str(asked["at_words"]),
        )
    which = str(asked["which"])
    return cannot_evaluate(str(asked["job"]), which.split(", ") if which else ())


def _whole(asked: Asked, name: str) -> int:
    return int(str(asked[name]))


def _moment(asked: Asked, name: str) -> datetime:
    return datetime.fromisoformat(str(asked[name]))
