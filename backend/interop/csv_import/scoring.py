"""Score the sets of one moment, and hold the totals of the file against our own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from backend.clinical.course import Seen
from backend.clinical.scale import Score, latest
from backend.clinical.sheet import Sheet
from backend.clinical.vitals import KINDS
from backend.interop.csv_import.reading import Reading
from backend.interop.csv_import.run import Pending, Run, StayInFile
from backend.interop.csv_import.sets import Moment, ReadSet
from backend.interop.csv_import.tally import Flag, Total
from backend.observations import service as observations

NO_ITEMS = "total without its items"
INCOMPLETE = "total of an incomplete set"
DIFFERS = "total differs from the items"
CONFIRMED = frozenset(KINDS)


def sheet(read: ReadSet) -> Sheet:
    """A set as the services take it. What was charted elsewhere was confirmed there."""
    return Sheet(
        observed_at=read.observed_at,
        vitals=read.vitals,
        answers=read.answers,
        note=read.channels or None,
        confirmed=CONFIRMED,
    )


def take(run: Run, stay: StayInFile, moment: Moment, course: list[Seen]) -> None:
    """Count what cannot be stored, and let the rest wait, scored; `course` grows by what is new."""
    run.tally.duplicate += len(moment.duplicates)
    for reading, reason, detail in moment.refused:
        run.reject(reading, reason, detail)
    if stay.refused:
        for reading in (*moment.totals, *(one for read in moment.sets for one in read.readings)):
            run.reject(reading, stay.refused)
        return
    totals = list(moment.totals)
    for read in moment.sets:
        here = [one for one in totals if one.target.instrument in read.answers]
        totals = [one for one in totals if one not in here]
        _take_set(run, stay, read, here, course)
    for total in totals:
        run.reject(total, NO_ITEMS)


def _take_set(
    run: Run, stay: StayInFile, read: ReadSet, totals: Sequence[Reading], course: list[Seen]
) -> None:
    in_force = run.in_force(read.observed_at)
    said = sheet(read)
    scores = observations.scored(said, in_force, spo2_scale=stay.row.spo2_scale if stay.row else 1)
    agreed = _agreed(run, stay, totals, scores)
    doubts = [_doubt(total, scores) for total in totals if total not in agreed]
    note = "; ".join(filter(None, [read.channels, *doubts]))
    run.pending.append(
        Pending(
            stay=stay,
            key=read.key(run.mapping.source),
            read=read,
            sheet=replace(said, note=note) if note else said,
            scores=scores,
            agreed=agreed,
            in_force=in_force,
        )
    )
    for score in scores.values():
        run.tally.totals.append(
            Total(
                patient=stay.patient,
                stay=stay.stay,
                at=read.observed_at,
                instrument=score.key,
                total=score.total,
            )
        )
    course.append(seen(read, scores, len(course)))


def seen(read: ReadSet, scores: Mapping[str, Score], number: int) -> Seen:
    """A set as the rules read it."""
    return Seen(
        id=number,
        observed_at=read.observed_at,
        entered_at=read.entered_at or read.observed_at,
        outcome="assessed",
        vitals=read.vitals,
        scores=scores,
    )


def _agreed(
    run: Run, stay: StayInFile, totals: Sequence[Reading], scores: Mapping[str, Score]
) -> tuple[Reading, ...]:
    """The totals that equal ours. The others are rejected, and flagged where both are there."""
    agreed = []
    for reading in totals:
        score = scores[reading.target.instrument]
        if score.total == reading.value:
            agreed.append(reading)
        elif score.total is None:
            run.reject(reading, INCOMPLETE, f"The items known so far make {score.lowest}.")
        else:
            run.reject(reading, DIFFERS, f"The items make {score.total}.")
            run.tally.flags.append(_wrong_total(stay, reading, _doubt(reading, scores)))
    return tuple(agreed)


def _doubt(reading: Reading, scores: Mapping[str, Score]) -> str:
    score = scores[reading.target.instrument]
    name = latest()[score.key].name
    ours = "is incomplete" if score.total is None else f"is {score.total}"
    return f"The source gives a total of {reading.value} for {name}; by its items it {ours}"


def _wrong_total(stay: StayInFile, reading: Reading, sentence: str) -> Flag:
    at: datetime = reading.observed_at
    return Flag(
        patient=stay.patient,
        stay=stay.stay,
        at=at,
        rule=f"imported-total/{reading.target.instrument}",
        level="advisory",
        title="Total differs from the items",
        sentence=f"{sentence}.",
    )
