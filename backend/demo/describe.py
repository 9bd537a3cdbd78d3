"""What the demo unit looks like in figures, beside the published ones that it imitates."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.demo.courses import CTN_0097

# Share of sets -> minutes, MIMIC-III demo, 105,599 values of 100 patients in intensive care.
REAL_DELAYS = {"p50": 15, "p90": 85, "p95": 124, "p99": 249}
LATER_THAN_4_H = 1.1
# Alerts per 100 patient-days on general wards: Digital Health 2025, 683,617 admissions.
NEWS2_ALERTS = "1.9 to 5.5"

# The first row of each set: what it became by correction was not charted anew.
_SETS = """
WITH charted AS (
    SELECT observation.*, extract(epoch FROM entered_at - observed_at) / 60 AS delay
    FROM observation WHERE unit_id = :unit AND supersedes_id IS NULL AND observed_at < :now)
"""
_STAYS = "SELECT count(*) FROM stay WHERE unit_id = :unit"
_PATIENT_DAYS = """
SELECT sum(extract(epoch FROM least(coalesce(discharged_at, :now), :now) - admitted_at)) / 86400
FROM stay WHERE unit_id = :unit
"""
_COUNTS = (
    _SETS
    + """
SELECT count(*) AS sets,
    count(*) FILTER (WHERE outcome = 'asleep') AS asleep,
    count(*) FILTER (WHERE outcome = 'refused') AS refused,
    percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY delay) AS delays,
    100.0 * count(*) FILTER (WHERE delay > 240) / nullif(count(*), 0) AS after_4_h
FROM charted
"""
)
_CORRECTED = """
SELECT count(*) FROM observation WHERE unit_id = :unit AND supersedes_id IS NOT NULL
"""
_INTERVALS = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) FROM (
    SELECT extract(epoch FROM observed_at - lag(observed_at)
        OVER (PARTITION BY stay_id ORDER BY observed_at)) / 3600 AS gap
    FROM observation WHERE unit_id = :unit AND supersedes_id IS NULL AND observed_at < :now
) AS gaps
"""
_ROUNDS = """
SELECT state::text, count(*) FROM round WHERE unit_id = :unit AND due_at < :now
GROUP BY state ORDER BY count(*) DESC
"""
_COWS = """
SELECT day, count(*), count(*) FILTER (WHERE worst >= 8), count(*) FILTER (WHERE worst >= 5),
    count(*) FILTER (WHERE worst > 3)
FROM (
    SELECT score.stay_id,
        floor(extract(epoch FROM score.observed_at - stay.admitted_at) / 86400)::int AS day,
        max(score.total) AS worst
    FROM score JOIN stay ON stay.id = score.stay_id
    WHERE score.unit_id = :unit AND score.instrument = 'cows' AND score.total IS NOT NULL
    GROUP BY 1, 2) AS days
GROUP BY day ORDER BY day
"""
_ALERTS = """
SELECT level::text, split_part(rule, '/', 1), count(*) FROM alert WHERE unit_id = :unit
GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2
"""


@dataclass(frozen=True)
class Asked:
    """The unit, up to a moment."""

    session: Session
    unit_id: int
    now: datetime

    def rows(self, statement: str) -> list[tuple]:  # type: ignore[type-arg]  # of whatever it asks
        found = self.session.execute(text(statement), {"unit": self.unit_id, "now": self.now})
        return [tuple(row) for row in found]


def lines(session: Session, unit_id: int, now: datetime) -> Iterator[str]:
    """The figures, a line each, for a terminal."""
    asked = Asked(session, unit_id, now)
    days = float(asked.rows(_PATIENT_DAYS)[0][0] or 0)
    stays = asked.rows(_STAYS)[0][0]
    yield f"{stays} stays, {days:.0f} patient-days"
    yield from _charting(asked, days)
    yield from _cows(asked)
    yield from _alerts(asked, days)


def _charting(asked: Asked, days: float) -> Iterator[str]:
    sets, asleep, refused, delays, after_4_h = asked.rows(_COUNTS)[0]
    if not sets:
        return
    corrected = asked.rows(_CORRECTED)[0][0]
    interval = asked.rows(_INTERVALS)[0][0]
    yield ""
    yield f"{sets} sets: {sets / days:.1f} a patient-day, median interval {interval:.1f} h"
    yield (
        f"  asleep {asleep / sets:.1%}, refused {refused / sets:.1%},"
        f" corrected {corrected / sets:.1%}   (invented)"
    )
    rounds = asked.rows(_ROUNDS)
    total = sum(number for _, number in rounds)
    yield "  rounds: " + ", ".join(f"{state} {number / total:.1%}" for state, number in rounds)
    yield ""
    yield "Minutes from seeing to writing down    here   MIMIC-III demo"
    for name, minutes in zip(REAL_DELAYS, delays, strict=True):
        yield f"  {name:<35}{minutes:>6.0f}{REAL_DELAYS[name]:>12}"
    yield f"  {'later than 4 h':<35}{after_4_h:>5.1f}%{LATER_THAN_4_H:>11}%"


def _cows(asked: Asked) -> Iterator[str]:
    yield ""
    yield "Daily worst COWS, share of patients with a score: here, and NIDA CTN-0097"
    yield f"  {'day':<5}{'n':>4}{'8 or more':>18}{'5 or more':>18}{'above 3':>18}"
    for day, scored, *found in asked.rows(_COWS):
        if day >= len(CTN_0097):
            break
        there, *theirs = CTN_0097[day]
        shares = "".join(
            f"{100 * here / scored:>9.0f} /{100 * known / there:>5.0f} %"
            for here, known in zip(found, theirs, strict=True)
        )
        yield f"  {day + 1:<5}{scored:>4}{shares}"


def _alerts(asked: Asked, days: float) -> Iterator[str]:
    found = asked.rows(_ALERTS)
    yield ""
    yield f"Alerts in 100 patient-days: {100 * sum(one[2] for one in found) / days:.0f}"
    for level, rule, number in found:
        yield f"  {level:<12}{rule:<28}{100 * number / days:>6.1f}"
    high = sum(number for _, rule, number in found if rule in {"news2-5", "news2-7"})
    yield f"  NEWS2 of 5 or more: {100 * high / days:.1f}; on general wards {NEWS2_ALERTS}"
