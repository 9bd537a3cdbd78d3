"""What the cursor reads off the chart: one set after the other, in the words of the table."""

from collections.abc import Iterator, Sequence

from backend.core import local_time
from backend.observations import words
from backend.observations.chart.drawings import Sight
from backend.observations.chart.page import Moment
from backend.observations.models import Outcome
from backend.observations.queries import StoredSet

VITALS = (
    ("Pulse", "pulse_per_min"),
    ("BP", "systolic_mmhg"),
    ("RR", "respiratory_rate_per_min"),
    ("SpO\N{SUBSCRIPT TWO}", "spo2_percent"),
    ("Temp", "temperature_c"),
    ("ACVPU", "consciousness"),
)


def moments(sight: Sight, sums: Sequence[str]) -> tuple[Moment, ...]:
    """Every set that stands, oldest first. What was not measured is left out, never a zero."""
    return tuple(
        Moment(
            set_id=stored.observation.id,
            x=sight.axis.x(stored.observation.observed_at),
            when=local_time.day_and_time(stored.observation.observed_at, sight.axis.zone),
            found=tuple(_found(stored, (*sums, "news2"))),
        )
        for stored in sight.course.standing
    )


def _found(stored: StoredSet, instruments: Sequence[str]) -> Iterator[tuple[str, str]]:
    row = stored.observation
    if row.outcome is not Outcome.ASSESSED:
        yield "", words.OUTCOMES[row.outcome]
    for key in instruments:
        if (score := stored.scores.get(key)) is not None:
            known = words.told(score) if words.is_known(score) else "incomplete"
            figure = words.shown(score)
            if figure == words.DONE and known:
                figure = ""  # what was done says more than that it was
            yield words.name_of(key), f"{figure} {score.band or known}".strip()
    for name, column in VITALS:
        if getattr(row, column) is not None:
            is_pressure = column == "systolic_mmhg"
            yield (
                name,
                words.pressure(row) if is_pressure else words.vital(column, getattr(row, column)),
            )
    if row.late_entry:
        yield "entered", f"{local_time.span(row.entered_at - row.observed_at)} late"
