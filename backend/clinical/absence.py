"""Why somebody is off the unit, and what it asks for that they do not come back in time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from backend.clinical.deterioration import Evidence, Verdict
from backend.clinical.protocol import Protocol

OVERDUE_RETURN = "overdue-return"


@dataclass(frozen=True, kw_only=True)
class Why:
    """Where somebody is. `in_house`: with our own people, who see them; no return check follows."""

    key: str
    label: str
    in_house: bool = False

    @property
    def state(self) -> str:
        """What the board says: in a group nobody is on leave."""
        return "Off the unit" if self.in_house else "On leave"


REASONS: Mapping[str, Why] = MappingProxyType(
    {
        why.key: why
        for why in (
            Why(key="therapy", label="Therapy or group", in_house=True),
            Why(key="activity", label="Activity with staff", in_house=True),
            Why(key="procedure", label="Examination or procedure"),
            Why(key="appointment", label="Appointment"),
            Why(key="court", label="Court"),
            Why(key="pass", label="Pass, leave of absence"),
            Why(key="emergency", label="Emergency department"),
        )
    }
)


def alarm_at(protocol: Protocol, expected_at: datetime) -> datetime | None:
    """When a return that has not come is flagged; None where the unit has not decided it."""
    rules = protocol.rounds.leave
    return expected_at + timedelta(minutes=rules.overdue_return_minutes) if rules else None


def overdue(protocol: Protocol, why: Why, *, expected_at: datetime, at_words: str) -> Verdict:
    """They were expected and are not back; it is over when they are, or say a later time."""
    rules = protocol.rounds.leave
    if rules is None:
        raise ValueError("This unit has not decided when a return is overdue.")
    return Verdict(
        rule=OVERDUE_RETURN,
        rule_version=1,
        family=OVERDUE_RETURN,
        rank=1,
        title="Not back",
        level=rules.level,
        state="met",
        sentence=f"{why.label}: expected back {at_words}, not back. Find out where they are.",
        evidence=(
            Evidence(
                label="Expected back",
                value=at_words,
                unit="",
                observed_at=expected_at,
                observation_id=None,
            ),
        ),
        observation_id=None,
        band_system=None,
        source=f"{rules.source.text} [{rules.source.mark}]",
        asked={
            "kind": "not-back",
            "why": why.key,
            "expected_at": expected_at.isoformat(),
            "at_words": at_words,
        },
    )
