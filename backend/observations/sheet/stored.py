"""A stored set as if it had just been typed, so that it can be put right."""

from typing import Any
from zoneinfo import ZoneInfo

from backend.clinical import scale, shared
from backend.clinical.definition import as_text
from backend.clinical.vitals import Vitals
from backend.core import local_time
from backend.observations import queries, words
from backend.observations.models import Outcome, Score
from backend.observations.queries import VITAL_COLUMNS, StoredSet
from backend.observations.sheet.page import Correcting
from backend.observations.sheet.reading import local_input


def typed(stored: StoredSet, zone: ZoneInfo) -> dict[str, str]:
    """Every input of the sheet as it would have to be filled in to make this set."""
    row = stored.observation
    found = {"outcome": row.outcome.value, "observed_local": local_input(row.observed_at, zone)}
    found |= {"temperature_unit": "°C", "pressure_unit": "mmHg"}  # as they are stored
    for name in VITAL_COLUMNS:
        value = getattr(row, name)
        if value is not None:
            found[name] = _text(value)
    for score in stored.scores.values():
        found |= _answers(score, queries.vitals_of(row))
    if row.outcome is Outcome.ASLEEP and row.respiratory_rate_per_min is not None:
        del found["respiratory_rate_per_min"]
        found |= {"sleep_breaths": str(row.respiratory_rate_per_min), "sleep_seconds": "60"}
    if row.note:
        found["note"] = row.note
    return found


def _answers(score: Score, vitals: Vitals) -> dict[str, str]:
    """What was answered; not what was read off the vital signs, and will be again."""
    instrument = scale.instruments()[score.definition]
    if not instrument.is_asked:
        return {}
    read = shared.read_off(instrument, vitals)
    answers = score.answers | score.unscored
    return {f"{score.instrument}.{i}": _text(a) for i, a in answers.items() if read.get(i) != a}


def _text(value: Any) -> str:
    return as_text(value) if isinstance(value, bool) else str(value)


def correcting(
    stored: StoredSet, zone: ZoneInfo, *, reason: str = "", error: str | None = None
) -> Correcting:
    """What is being put right, in a line, and where it is taken back altogether."""
    row = stored.observation
    totals = [
        f"{words.name_of(key)} {words.total_of(score)}"
        for key, score in sorted(stored.scores.items())
    ]
    told = totals or [words.OUTCOMES[row.outcome]]
    return Correcting(
        path=f"/stays/{row.stay_id}/observations/{row.id}/take-back",
        was=f"{local_time.day_and_time(row.observed_at, zone)}: {', '.join(told)}",
        reason=reason,
        reason_error=error,
    )
