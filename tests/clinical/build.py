"""Make answers, sets and courses for the clinical tests."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from backend.clinical import protocol, scale
from backend.clinical.deterioration import Seen, Verdict, verdicts
from backend.clinical.vitals import Vitals

EVENING = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
DEFAULT = Path(protocol.__file__).parents[1] / "protocols" / "default.toml"

CIWA_B = scale.latest()["ciwa-b"]
CIWA_AR = scale.latest()["ciwa-ar"]
COWS = scale.latest()["cows"]
NEWS2 = scale.latest()["news2"]
ACVPU = scale.latest()["acvpu"]

# Every parameter in its row of no points, on air.
WELL: Mapping[str, scale.Answer] = {
    "respiratory_rate_per_min": 16,
    "spo2_percent": 98,
    "on_oxygen": False,
    "systolic_mmhg": 120,
    "pulse_per_min": 70,
    "consciousness": "A",
    "temperature_c": Decimal("36.6"),
}


def default_protocol() -> protocol.Protocol:
    """The protocol that Vigil ships."""
    return protocol.load(DEFAULT.read_text("utf-8"))


def zeros(instrument: scale.Instrument, **changed: int | None) -> dict[str, scale.Answer | None]:
    """Every item answered 0, but for some."""
    return {**{item.id: 0 for item in instrument.items}, **changed}


def total(instrument: scale.Instrument, wanted: int) -> scale.Score:
    """A complete score with this total, reached from the first items on."""
    answers: dict[str, scale.Answer] = {}
    left = wanted
    for item in reversed(instrument.items):
        legal = [value for value in item.legal if isinstance(value, int) and value <= left]
        answers[item.id] = max(legal)
        left -= max(legal)
    assert left == 0, f"{wanted} is not reached from the last items on"
    return scale.score(instrument, answers)


def at(minutes: float) -> datetime:
    """A moment after the evening of the tests began."""
    return EVENING + timedelta(minutes=minutes)


def seen(
    number: int,
    *scores: scale.Score,
    minutes: float = 0,
    entered: float | None = None,
    outcome: str = "assessed",
    vitals: Vitals | None = None,
) -> Seen:
    """A stored set, `minutes` after the evening began."""
    return Seen(
        id=number,
        observed_at=at(minutes),
        entered_at=at(minutes if entered is None else entered),
        outcome=outcome,
        vitals=vitals or Vitals(),
        scores={score.key: score for score in scores},
    )


def vital_set(
    number: int,
    *,
    minutes: float = 0,
    entered: float | None = None,
    outcome: str = "assessed",
    **values: scale.Answer | None,
) -> Seen:
    """A stored set of vital signs with its NEWS2."""
    vitals = Vitals(**values)  # type: ignore[arg-type]  # the tests name fields of Vitals
    score = scale.score(NEWS2, scale.vital_answers(NEWS2, vitals))
    return seen(number, score, minutes=minutes, entered=entered, outcome=outcome, vitals=vitals)


def said(course: list[Seen], *, minutes: float = 0) -> dict[str, Verdict]:
    """What the shipped rules say, by rule."""
    return {v.rule: v for v in verdicts(course, default_protocol(), now=at(minutes))}
