"""Take in records from elsewhere as history: every row ends stored, known already, or rejected."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from uuid import uuid5

from sqlalchemy.orm import Session, sessionmaker

from backend.clinical import deterioration
from backend.clinical.deterioration import Seen
from backend.core.errors import Invalid
from backend.interop.csv_import import queries, scoring, storing, tally, writing
from backend.interop.csv_import.mapping import FileMapping
from backend.interop.csv_import.ordering import in_order
from backend.interop.csv_import.reading import Reader, Reading, Refused, columns
from backend.interop.csv_import.rows import Broken, Row, opened, rows
from backend.interop.csv_import.run import Progress, Run, StayInFile
from backend.interop.csv_import.sets import SPACE, moments
from backend.interop.csv_import.tally import Flag, Summary
from backend.protocols import queries as protocols

# Sets in one transaction: as many as the database takes in well below its time limit.
AT_ONCE = 1000
TELL_EVERY = 5000


def import_file(
    sessions: sessionmaker[Session],
    path: Path,
    mapping: FileMapping,
    unit_code: str,
    progress: Progress = lambda *_: None,
    *,
    rejects: Path | None = None,
    time_zone: str = "UTC",
) -> Summary:
    """Store what a file holds, in stays that are over; nothing is raised, nothing falls due.

    Whatever stops it half-way, the same import again stores the rest and nothing twice.
    `time_zone` is the clock of the unit if the unit has to be opened.
    """
    rejects = rejects or tally.place_of_rejects(path)
    with opened(path) as text:
        all_rows = rows(text, mapping.delimiter)
        header = next(all_rows, None)
        if not isinstance(header, Row):
            raise Invalid(f"{path.name} does not begin with a header.")
        reader = Reader(mapping, columns(header.cells, mapping))
        with sessions.begin() as session:
            unit_id = storing.the_unit(session, unit_code, time_zone=time_zone).id
            actor_id = storing.importer(session).id
        with (
            storing.only_import(sessions),
            tally.opened(rejects, reader.columns.header, mapping.delimiter) as counts,
        ):
            run = Run(sessions, mapping, unit_id, actor_id, counts, progress)
            ordered = in_order(_readings(run, all_rows, reader), reader.again)
            _look_at_stays(run)
            with writing.writer(run) as write:
                _take_in(run, ordered, write)
    refused = {name for name, stay in run.stays.items() if stay.refused}
    return counts.summary(rejects, refused=refused)


def _readings(run: Run, all_rows: Iterator[Row | Broken], reader: Reader) -> Iterator[Reading]:
    """Every row that can be read. The others are rejected on the way; the stays are noted."""
    for row in all_rows:
        run.tally.read += 1
        if run.tally.read % TELL_EVERY == 0:
            run.progress("rows read", run.tally.read)
        if isinstance(row, Broken):
            run.tally.reject(row.line, "", "not a row of a CSV file", row.detail)
            continue
        try:
            reading = reader.reading(row)
        except Refused as refused:
            run.tally.reject(row.line, row.raw, refused.reason, refused.detail)
            continue
        _note_stay(run, reading)
        yield reading


def _note_stay(run: Run, reading: Reading) -> None:
    name, at = (reading.patient, reading.stay), reading.observed_at
    stay = run.stays.get(name)
    if stay is None:
        key = uuid5(SPACE, "\x1f".join(["stay", run.mapping.source, *name]))
        run.stays[name] = StayInFile(*name, key=key, first=at, last=at)
    elif at < stay.first:
        stay.first = at
    elif at > stay.last:
        stay.last = at


def _look_at_stays(run: Run) -> None:
    """Which stays are there already, and what the unit had decided at the time."""
    if not run.stays:
        return
    with run.sessions() as session:
        there = queries.stays(session, [stay.key for stay in run.stays.values()])
        earliest = min(stay.first for stay in run.stays.values())
        latest = max(stay.last for stay in run.stays.values())
        first = protocols.in_force(session, run.unit_id, at=earliest)
        last = protocols.in_force(session, run.unit_id, at=latest)
    run.only_protocol = first if first.id == last.id else None
    for stay in run.stays.values():
        stay.row = there.get(stay.key)
        stay.was_there = stay.row is not None
        if stay.row is not None and stay.row.unit_id != run.unit_id:
            stay.refused = "stay is on another unit"


def _take_in(run: Run, ordered: Iterable[Reading], write: Callable[[], None]) -> None:
    for name, readings in groupby(ordered, key=lambda one: (one.patient, one.stay)):
        stay = run.stays[name]
        course: list[Seen] = []
        for moment in moments(readings, run.mapping.channels):
            scoring.take(run, stay, moment, course)
            if len(run.pending) >= AT_ONCE:
                write()
                run.progress("rows stored", run.tally.stored + run.tally.duplicate)
        run.tally.flags += _flags(run, stay, course)


def _flags(run: Run, stay: StayInFile, course: list[Seen]) -> list[Flag]:
    """What the unit's rules would have flagged, had each set been written down at the bedside."""
    protocol = run.in_force(stay.first).protocol
    return [
        Flag(
            patient=stay.patient,
            stay=stay.stay,
            at=at,
            rule=verdict.rule,
            level=verdict.level,
            title=verdict.title,
            sentence=verdict.sentence,
        )
        for at, verdict in deterioration.replayed(course, protocol)
    ]
