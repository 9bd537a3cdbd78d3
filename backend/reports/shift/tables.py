"""From figures to tables of counts: what anybody who sees reports may read."""

from collections.abc import Callable, Sequence

from backend.alerts.models import Level
from backend.clinical import happening, scale
from backend.reports.shift import courses, response, timeliness
from backend.reports.shift.census import WORST_FIRST, Acuity, Census
from backend.reports.shift.queries import Stored
from backend.reports.shift.report import Column, Kind, Table, Value
from backend.reports.shift.response import Answered, Response
from backend.reports.shift.timeliness import Fate, Judged, Timeliness

SUBJECT = Kind.SUBJECT


def instrument_name(key: str) -> str:
    """As the form is called."""
    known = scale.latest().get(key)
    return known.name if known else key


def census_table(found: Census) -> Table:
    """Start, in, out, end."""
    rows: list[tuple[str, Value]] = [
        ("at the start", found.at_start),
        ("admitted", found.admitted),
        ("discharged", found.discharges),
        *((f"discharged: {reason.value}", n) for reason, n in found.discharged.items()),
        ("moved to another bed", found.moved_bed),
        ("at the end", found.at_end),
        ("at the end without a bed", found.without_bed_at_end),
        ("at the end away, bed held", found.away_at_end),
        ("beds in use on the unit", found.capacity),
    ]
    return _counted("census", "Census", rows, note="Start + admitted − discharged = end.")


def acuity_table(found: Acuity) -> Table:
    """Of the patients at the end."""
    rows: list[tuple[str, Value]] = [
        *((f"worst open alert: {level.value}", n) for level, n in found.by_level.items()),
        ("nothing open, assessed in this shift", found.nothing_open),
        ("nothing open, but not assessed in this shift", found.not_assessed),
        ("with a risk flag (as it stands now)", found.with_risk_flag),
    ]
    return _counted("acuity", "Patients at the end", rows)


def _counted(key: str, title: str, rows: Sequence[tuple[str, Value]], note: str = "") -> Table:
    return Table(
        key=key,
        title=title,
        note=note,
        columns=(Column(title="", kind=SUBJECT), Column(title="count")),
        rows=tuple(rows),
        half=True,
    )


def events_table(stored: Stored) -> Table:
    """How often what happened in the shift; a kind that did not happen is a counted 0."""
    rows: list[tuple[str, Value]] = [
        (kind.label.lower(), sum(row.kind == kind.key for row in stored.events))
        for kind in happening.KINDS.values()
    ]
    note = "As they read now: an event that was taken back is not counted."
    return _counted("events", "Events", rows, note=note)


def observations_table(rounds: list[Judged]) -> Table:
    """What became of what fell due, by instrument."""
    keys = sorted({one.round.instrument for one in rounds})
    found = [timeliness.timeliness(rounds)]
    found += [
        timeliness.timeliness([one for one in rounds if one.round.instrument == key])
        for key in keys
    ]
    rows: list[tuple[Value, ...]] = [
        ("due", *(one.due for one in found)),
        *((fate.value, *(one.by_fate[fate] for one in found)) for fate in Fate),
        ("done on time, %", *(on_time_percent(one) for one in found)),
        ("lateness of those done, median, min", *(one.median_late_minutes for one in found)),
        ("lateness, 90th centile, min", *(one.ninetieth_late_minutes for one in found)),
    ]
    return Table(
        key="observations",
        title="Observations that fell due",
        note=(
            "Judged by the sets as they read now. Lateness runs from due to observed, early counts"
            " as 0, and what was missed has none. Called off: the order or the stay ended after it"
            " had fallen due."
        ),
        columns=(
            Column(title="", kind=SUBJECT),
            *(Column(title=title) for title in ("all", *map(instrument_name, keys))),
        ),
        rows=tuple(rows),
    )


def on_time_percent(found: Timeliness) -> float | None:
    """Of nothing due there is no share."""
    return round(100 * found.by_fate[Fate.ON_TIME] / found.due, 1) if found.due else None


def sets_table(stored: Stored) -> Table:
    """What was written down."""
    standing = courses.standing(stored)
    outcomes = {row.outcome for row in standing}
    corrected = courses.corrections(stored)
    taken_back = sum(one.right.outcome == "entered_in_error" for one in corrected)
    rows: list[tuple[str, Value]] = [
        ("sets that stand", len(standing)),
        *(
            (f"of these {outcome.value.replace('_', ' ')}", n)
            for outcome in sorted(outcomes)
            if (n := sum(row.outcome is outcome for row in standing))
        ),
        ("of these late entries", len(courses.late_entries(stored))),
        ("put right", len(corrected) - taken_back),
        ("taken back", taken_back),
        ("put right or taken back since the shift ended", sum(one.since for one in corrected)),
    ]
    return _counted("sets", "Sets observed in the shift", rows)


def alerts_table(answered: Sequence[Answered]) -> Table:
    """By level, all together first."""
    by_level: list[Level | None] = [None, *WORST_FIRST]
    found = [
        response.response(one for one in answered if level in (None, one.level))
        for level in by_level
    ]

    def row(label: str, figure: Callable[[Response], Value]) -> tuple[Value, ...]:
        return (label, *(figure(one) for one in found))

    return Table(
        key="alerts",
        title="Alerts",
        note=(
            "By the highest level reached. Of those raised in this shift, whenever they were"
            " answered; only the last line counts those of earlier shifts too."
        ),
        columns=(
            Column(title="", kind=SUBJECT),
            *(Column(title=level.value if level else "all") for level in by_level),
        ),
        rows=(
            row("raised", lambda one: one.raised),
            row("seen", lambda one: one.seen),
            row("acknowledged", lambda one: one.acknowledged),
            row("lapsed", lambda one: one.lapsed),
            row("times climbed", lambda one: one.climbed),
            row("closed", lambda one: one.closed),
            row("of these by a person", lambda one: one.closed_by_a_person),
            row("to seen, median, min", lambda one: one.median_seen_minutes),
            row("to seen, 90th centile, min", lambda one: one.ninetieth_seen_minutes),
            row("to acknowledged, median, min", lambda one: one.median_acknowledged_minutes),
            row(
                "to acknowledged, 90th centile, min", lambda one: one.ninetieth_acknowledged_minutes
            ),
            row("open at the end", lambda one: one.open_at_end),
        ),
    )


def rules_table(answered: Sequence[Answered]) -> Table:
    """The same by the rule that raised it."""
    titles = {one.alert.rule: one.alert.title for one in answered}
    rows = []
    for rule, title in sorted(titles.items()):
        found = response.response(one for one in answered if one.alert.rule == rule)
        rows.append(
            (
                title,
                found.raised,
                found.seen,
                found.acknowledged,
                found.lapsed,
                found.median_acknowledged_minutes,
                found.open_at_end,
            )
        )
    return Table(
        key="rules",
        title="Alerts by rule",
        columns=(
            Column(title="rule", kind=SUBJECT),
            Column(title="raised"),
            Column(title="seen"),
            Column(title="acknowledged"),
            Column(title="lapsed"),
            Column(title="to acknowledged, median", unit="min"),
            Column(title="open at the end"),
        ),
        rows=tuple(rows),
        empty="No alert was raised, and none was open.",
    )


def staff_table(stored: Stored) -> Table:
    """Who wrote down what."""
    return Table(
        key="staff",
        title="Who recorded",
        columns=(
            Column(title="", kind=SUBJECT),
            Column(title="sets"),
            Column(title="corrections"),
            Column(title="late entries"),
        ),
        rows=tuple(
            (one.name, one.sets, one.corrections, one.late_entries)
            for one in courses.recorders(stored)
        ),
        empty="Nobody recorded anything.",
        half=True,
    )
