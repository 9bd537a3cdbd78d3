"""The tables that tell patients apart: only for those who may see a chart."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from backend.clinical import happening
from backend.observations.models import Observation, Outcome
from backend.patients.models import Patient
from backend.reports.shift import courses, timeliness
from backend.reports.shift.centiles import minutes
from backend.reports.shift.queries import Stored
from backend.reports.shift.report import Column, Detail, Kind, Table, Value
from backend.reports.shift.response import Answered
from backend.reports.shift.tables import SUBJECT, instrument_name
from backend.reports.shift.timeliness import Fate, Judged
from backend.stays.models import Stay

NOT_DONE = (Fate.PARTLY, *tuple(Fate)[tuple(Fate).index(Fate.ASLEEP) :])


@dataclass(frozen=True, kw_only=True)
class Whose:
    """How a patient is told in the columns of a report."""

    columns: tuple[Column, ...]
    cells: Callable[[Stay], tuple[Value, ...]]
    place: Callable[[Stay], tuple[int, int]]


def whose(stored: Stored, detail: Detail, named: Collection[int] = ()) -> Whose:
    """By bed and code; the stays in `named` by name too. The bed is the last in the shift."""
    beds = {bed.id: bed for bed in stored.beds}
    last_bed = {place.stay_id: beds[place.bed_id] for place in stored.placements}

    def cells(stay: Stay) -> tuple[Value, ...]:
        patient = stored.patients[stay.patient_id]
        bed = last_bed.get(stay.id)
        known = (bed.label if bed else "no bed", patient.code)
        if detail is Detail.IDENTIFIED:
            return (*known, _name(patient) if stay.id in named else "not told")
        return known

    def place(stay: Stay) -> tuple[int, int]:
        bed = last_bed.get(stay.id)
        return (bed.position if bed else 10**9, stay.id)

    columns = [Column(title="bed", kind=Kind.BED), Column(title="code", kind=Kind.CODE)]
    if detail is Detail.IDENTIFIED:
        columns.append(Column(title="name", kind=Kind.NAME))
    return Whose(columns=tuple(columns), cells=cells, place=place)


def _name(patient: Patient) -> str:
    return f"{patient.family_name}, {patient.given_name}"


def patients_table(stored: Stored, rounds: list[Judged], told: Whose) -> Table:
    """Due, done and the longest gap, for each patient."""
    rows = []
    for stay in sorted(stored.stays, key=told.place):
        own = timeliness.timeliness([one for one in rounds if one.round.stay_id == stay.id])
        rows.append(
            (
                *told.cells(stay),
                own.due,
                own.by_fate[Fate.ON_TIME],
                own.by_fate[Fate.LATE],
                own.by_fate[Fate.MISSED],
                sum(own.by_fate[fate] for fate in NOT_DONE),
                timeliness.longest_gap_minutes(stored, stay.id),
            )
        )
    return Table(
        key="patients",
        title="By patient",
        note=(
            "Longest gap: the longest time without an assessed set, counted from the last one"
            " before the shift or from the admission."
        ),
        columns=(
            *told.columns,
            Column(title="due"),
            Column(title="on time"),
            Column(title="late"),
            Column(title="missed"),
            Column(title="otherwise"),
            Column(title="longest gap", unit="min"),
        ),
        rows=tuple(rows),
        empty="Nobody was on the unit.",
    )


def scores_table(stored: Stored, told: Whose) -> Table:
    """Where each patient stood at the last set, and since when it has changed how."""
    found = sorted(courses.courses(stored), key=lambda one: (told.place(one.stay), one.instrument))
    return Table(
        key="scores",
        title="Scores",
        note=(
            "Before: the last complete total before the shift, by the same form. An incomplete set"
            " has no total and no band; what it comes to at least is told instead."
        ),
        columns=(
            *told.columns,
            Column(title="instrument", kind=SUBJECT),
            Column(title="sets"),
            Column(title="incomplete"),
            Column(title="last at"),
            Column(title="last total"),
            Column(title="band"),
            Column(title="before"),
            Column(title="change"),
            Column(title="highest"),
        ),
        rows=tuple(
            (
                *told.cells(one.stay),
                instrument_name(one.instrument),
                one.complete + one.incomplete,
                one.incomplete,
                one.last.observed_at,
                _total(one),
                one.last.band or "not known",
                one.before,
                _change(one.change),
                one.highest,
            )
            for one in found
        ),
        empty="Nothing was scored.",
    )


def _total(course: courses.Course) -> Value:
    if course.last.total is None:
        return f"incomplete, at least {course.last.lowest}"
    return course.last.total


def _change(change: int | None) -> str | None:
    """In words: a minus sign at the start of a cell is how formulas begin."""
    if change is None:
        return None
    return f"{'up' if change > 0 else 'down'} {abs(change)}" if change else "same"


def alert_list(stored: Stored, answered: Sequence[Answered], told: Whose) -> Table:
    """Each alert that was raised in the shift or open at its end."""
    stays = {stay.id: stay for stay in stored.stays}
    return Table(
        key="alert-list",
        title="Each alert",
        columns=(
            *told.columns,
            Column(title="no.", kind=SUBJECT),
            Column(title="rule", kind=SUBJECT),
            Column(title="level"),
            Column(title="raised at"),
            Column(title="to seen", unit="min"),
            Column(title="to acknowledged", unit="min"),
            Column(title="lapsed"),
            Column(title="at the end"),
        ),
        rows=tuple(
            (
                *told.cells(stays[one.alert.stay_id]),
                str(one.alert.id),
                one.alert.title,
                one.level.value,
                one.alert.raised_at,
                one.seen_minutes,
                one.acknowledged_minutes,
                "yes" if one.lapsed else "no",
                "open" if one.open_at_end else "closed",
            )
            for one in answered
            if one.alert.stay_id in stays
        ),
        empty="No alert was raised, and none was open.",
    )


def event_list(stored: Stored, told: Whose) -> Table:
    """Each event that began in the shift, with its end where it has one."""
    stays = {stay.id: stay for stay in stored.stays}
    return Table(
        key="event-list",
        title="Each event",
        columns=(
            *told.columns,
            Column(title="event", kind=SUBJECT),
            Column(title="began at"),
            Column(title="ended at"),
            Column(title="lasted", unit="min"),
        ),
        rows=tuple(
            (
                *told.cells(stays[row.stay_id]),
                happening.KINDS[row.kind].label,
                row.started_at,
                row.ended_at,
                minutes(row.ended_at - row.started_at) if row.ended_at else None,
            )
            for row in stored.events
            if row.stay_id in stays
        ),
        empty="No event was written down.",
    )


def late_entries_table(stored: Stored, told: Whose) -> Table:
    """Sets that were written down long after they were observed."""
    stays = {stay.id: stay for stay in stored.stays}
    return Table(
        key="late-entries",
        title="Late entries",
        columns=(
            *told.columns,
            Column(title="set", kind=SUBJECT),
            Column(title="observed at"),
            Column(title="written at"),
            Column(title="by"),
        ),
        rows=tuple(
            (
                *told.cells(stays[row.stay_id]),
                str(row.id),
                row.observed_at,
                row.entered_at,
                stored.names[row.recorded_by],
            )
            for row in courses.late_entries(stored)
        ),
    )


def corrections_table(
    stored: Stored, told: Whose, detail: Detail, named: Collection[int] = ()
) -> Table:
    """What was put right. The reason is free text, which may name somebody: only with names."""
    stays = {stay.id: stay for stay in stored.stays}
    with_reason = detail is Detail.IDENTIFIED
    columns = [
        *told.columns,
        Column(title="set", kind=SUBJECT),
        Column(title="observed at"),
        Column(title="was"),
        Column(title="at"),
        Column(title="by"),
        Column(title="since the shift ended"),
    ]
    if with_reason:
        columns.append(Column(title="because"))

    def row(one: courses.Correction) -> tuple[Value, ...]:
        cells = (
            *told.cells(stays[one.wrong.stay_id]),
            str(one.wrong.id),
            one.wrong.observed_at,
            _what(one.right),
            one.right.entered_at,
            stored.names[one.right.recorded_by],
            "yes" if one.since else "no",
        )
        if not with_reason:
            return cells
        return (*cells, one.right.correction_reason if one.wrong.stay_id in named else "not told")

    return Table(
        key="corrections",
        title="Corrections",
        columns=tuple(columns),
        rows=tuple(row(one) for one in courses.corrections(stored)),
    )


def _what(right: Observation) -> str:
    return "taken back" if right.outcome is Outcome.ENTERED_IN_ERROR else "put right"
