"""Safety rounds: how closely, when the next one is due, and what a check calls for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from backend.clinical import scale
from backend.clinical.definition import Answer
from backend.clinical.definition_parts import ItemAlarm
from backend.clinical.deterioration import Evidence, Verdict
from backend.clinical.protocol_rounds import Jitter
from backend.clinical.reading import Source

# The words of a check, and what each calls for.
DEFINITION = "safety/vigil-2026/v1"


class Level(StrEnum):
    """How closely somebody is looked after; the last is the closest."""

    Q60 = "q60"
    Q30 = "q30"
    Q15 = "q15"
    ONE_TO_ONE = "one_to_one"

    @property
    def minutes(self) -> int:
        """How often it is written down. Whoever stays with a patient writes it down too."""
        return {"q60": 60, "q30": 30}.get(self.value, 15)

    @property
    def words(self) -> str:
        if self is Level.ONE_TO_ONE:
            return "1:1, written down every 15 min"
        return f"every {self.minutes} min"

    @property
    def closeness(self) -> int:
        return LEVELS.index(self)


LEVELS = tuple(Level)


def level_of(interval_minutes: int, *, one_to_one: bool) -> Level:
    """The level that an order stands for: of an interval between two, the closer."""
    if one_to_one:
        return Level.ONE_TO_ONE
    return next((level for level in LEVELS if level.minutes <= interval_minutes), Level.Q15)


def lowers(before: Level | None, wanted: Level, then: Level | None) -> bool:
    """Whether somebody would be looked after less closely than now, at once or later."""
    if before is None:
        return False
    return any(one.closeness < before.closeness for one in (wanted, then) if one is not None)


def sooner(jitter: Jitter | None, interval_minutes: int, draw: float) -> timedelta:
    """How much sooner than ordered the next check falls due; `draw` lies from 0 up to 1.

    Never later: the ordered interval is the longest that two checks may lie apart.
    """
    if jitter is None:
        return timedelta()
    share = timedelta(minutes=interval_minutes) * jitter.percent / 100
    most = min(share, timedelta(minutes=jitter.at_most_minutes))
    return timedelta(seconds=int(most.total_seconds() * draw))


class NotSeenKind(StrEnum):
    """Why nobody saw the patient."""

    NOT_FOUND = "not_found"
    OFF_UNIT = "off_unit"
    NOBODY_FREE = "nobody_free"


@dataclass(frozen=True, kw_only=True)
class NotSeen:
    """One reason, and what it calls for; most call for nothing but the next round."""

    label: str
    level: str | None = None
    text: str = ""


NOT_SEEN: Mapping[NotSeenKind, NotSeen] = MappingProxyType(
    {
        NotSeenKind.NOT_FOUND: NotSeen(
            label="not found",
            level="emergency",
            text="Not found on a safety check: search the unit now, call",
        ),
        NotSeenKind.OFF_UNIT: NotSeen(label="off the unit, we know where"),
        NotSeenKind.NOBODY_FREE: NotSeen(label="nobody was free to look"),
    }
)
MISSING = Source(
    text="Vigil proposal: somebody on safety rounds who is not found is missing", mark="D"
)


def problems(answers: Mapping[str, Answer]) -> dict[str, str]:
    """What is missing or does not exist, as a sentence for each item."""
    found = scale.score(scale.instruments()[DEFINITION], answers)
    wrong = dict(found.illegal)
    items = scale.instruments()[DEFINITION].by_id
    wrong |= {
        name: f"Say: {item.label.lower()}."
        for name, item in items.items()
        if not item.optional and name not in answers
    }
    if answers.get("doing") == ASLEEP and answers.get("breathing") is None:
        wrong["breathing"] = "Somebody asleep must be seen to breathe: say whether."
    return wrong


ASLEEP = "S"
# In a group or outside, where somebody who is off the unit may be seen as well.
MAY_BE_AWAY = frozenset({"G", "O"})


def rule_of(what: str) -> str:
    """The name under which a check calls."""
    return f"safety/{what}"


# Every rule by which a check can call.
CALLS = frozenset({rule_of("not-breathing"), rule_of("concern"), rule_of("not_found")})


def calls(
    answers: Mapping[str, Answer], not_seen: NotSeenKind | None, *, at: datetime, at_words: str
) -> list[Verdict]:
    """What a check asks for; only a person or a later check ends it."""
    if not_seen is not None:
        why = NOT_SEEN[not_seen]
        if why.level is None:
            return []
        return [
            _verdict(
                not_seen.value,
                why.label,
                why.level,
                why.text,
                source=MISSING,
                at=at,
                at_words=at_words,
            )
        ]
    definition = scale.instruments()[DEFINITION]
    raised = {alarm.id for alarm in scale.score(definition, answers).alarms}
    return [_of(alarm, at, at_words) for alarm in definition.alarms if alarm.id in raised]


def _of(alarm: ItemAlarm, at: datetime, at_words: str) -> Verdict:
    return _verdict(
        alarm.id,
        alarm.title,
        alarm.level,
        alarm.text,
        source=alarm.source,
        at=at,
        at_words=at_words,
    )


def answered(answers: Mapping[str, Answer], not_seen: NotSeenKind | None) -> frozenset[str]:
    """The rules of which this check says that they hold no longer."""
    if not_seen is not None:
        return frozenset()
    over = {rule_of(NotSeenKind.NOT_FOUND.value)}
    if answers.get("doing") != ASLEEP or answers.get("breathing") == "Y":
        over.add(rule_of("not-breathing"))
    if answers.get("concern") == "N":
        over.add(rule_of("concern"))
    return frozenset(over)


def _verdict(
    what: str,
    title: str,
    level: str,
    text: str,
    *,
    source: Source,
    at: datetime,
    at_words: str,
) -> Verdict:
    rule = rule_of(what)
    seen = Evidence(label="Safety check", value=title, unit="", observed_at=at, observation_id=None)
    return Verdict(
        rule=rule,
        rule_version=1,
        family=rule,
        rank=1,
        title=f"Safety check: {title}",
        level=level,
        state="met",
        sentence=f"{title.capitalize()} at {at_words}. {text}.",
        evidence=(seen,),
        observation_id=None,
        band_system=None,
        source=f"{source.text} [{source.mark}]",
    )
