"""Play the courses of a file as if they happened now, through the same deeds as the bedside."""

import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count, groupby
from pathlib import Path
from uuid import UUID, uuid4, uuid5

from sqlalchemy.orm import Session, sessionmaker

from backend.accounts.units import queries as units_queries
from backend.accounts.units import service as units
from backend.accounts.units.models import Unit
from backend.care.admission import service as admission
from backend.clinical.sheet import Sheet
from backend.core import clock
from backend.core.errors import Conflict, Invalid, UserError
from backend.interop.csv_import import queries, storing
from backend.interop.csv_import.mapping import FileMapping
from backend.interop.csv_import.ordering import in_order
from backend.interop.csv_import.reading import Reader, Reading, Refused, columns
from backend.interop.csv_import.rows import Broken, Row, opened, rows
from backend.interop.csv_import.run import Progress
from backend.interop.csv_import.scoring import CONFIRMED
from backend.interop.csv_import.sets import ReadSet, moments
from backend.observations import service as observations
from backend.observations.models import Source
from backend.protocols import queries as protocols
from backend.rounds.templates import service as templates
from backend.stays import queries as stay_queries
from backend.stays import service as stays
from backend.stays.models import DischargeReason, Stay

# In a unit that has no beds yet.
USUAL_BEDS = 12
FASTEST = 1_000_000.0
NEWS2 = "news2"

# Returns False when somebody has asked to stop.
Wait = Callable[[datetime], bool]


@dataclass(frozen=True)
class Course:
    """The sets of one stay of the file, in the order in which they were written down."""

    patient: str
    first: datetime
    sets: tuple[ReadSet, ...]

    @property
    def instruments(self) -> set[str]:
        answered = {key for one in self.sets for key in one.answers}
        return answered | {NEWS2} if any(one.has_vitals for one in self.sets) else answered


@dataclass
class Bedside:
    """One course being played in one bed. Its clock runs `speed` times as fast as ours."""

    course: Course
    stay_id: int
    key: UUID
    bed_id: int
    started_at: datetime
    speed: float
    next_set: int = 0

    def here(self, then: datetime) -> datetime:
        """When a moment of the file comes, on our clock."""
        return self.started_at + (then - self.course.first) / self.speed

    @property
    def due_at(self) -> datetime:
        return self.here(written_at(self.course.sets[self.next_set]))


@dataclass(frozen=True)
class Ward:
    """Where it is played, and under whose name."""

    sessions: sessionmaker[Session]
    unit_id: int
    actor_id: int
    source: str
    played: "Played"


@dataclass
class Played:
    """What has been played."""

    patients: int = 0
    stored: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)


def written_at(one: ReadSet) -> datetime:
    """When a set was written down; what was written down ahead of its time waits for its time."""
    return max(one.entered_at or one.observed_at, one.observed_at)


def replay(
    sessions: sessionmaker[Session],
    path: Path,
    mapping: FileMapping,
    unit_code: str,
    *,
    speed: float,
    wait: Wait,
    progress: Progress = lambda *_: None,
    beds: int | None = None,
    time_zone: str = "UTC",
) -> Played:
    """Admit the file's patients, each from its own first moment on; record every set in its turn.

    Each set is observed when its time comes on our clock, and recorded when it was written down:
    what was charted late comes late here too. At the end, or when `wait` says so, the stays end.
    """
    if not 0 < speed <= FASTEST:
        raise Invalid(f"The speed must be above 0 and at most {FASTEST:,.0f}.")
    played = Played()
    waiting = deque(_courses(path, mapping, played))
    with sessions.begin() as session:
        unit = storing.the_unit(session, unit_code, time_zone=time_zone)
        actor_id = storing.importer(session).id
        free = _free_beds(session, actor_id, unit, beds)
    ward = Ward(sessions, unit.id, actor_id, f"{mapping.source} replay", played)
    playing: dict[int, Bedside] = {}
    due: list[tuple[datetime, int]] = []
    try:
        while waiting or playing:
            while waiting and free:
                bedside = admit(ward, waiting.popleft(), free.pop(0), speed)
                playing[bedside.stay_id] = bedside
                heapq.heappush(due, (bedside.due_at, bedside.stay_id))
            at, stay_id = due[0]
            if not wait(at):
                break
            heapq.heappop(due)
            bedside = playing[stay_id]
            record(ward, bedside)
            progress("sets played", played.stored)
            if bedside.next_set < len(bedside.course.sets):
                heapq.heappush(due, (bedside.due_at, stay_id))
            else:
                discharge(ward, stay_id)
                free.append(playing.pop(stay_id).bed_id)
    finally:
        for stay_id in playing:
            discharge(ward, stay_id)
    return played


def _courses(path: Path, mapping: FileMapping, played: Played) -> Iterator[Course]:
    """The stays of the file. What cannot be read or contradicts itself is counted, and left out."""
    with opened(path) as text:
        all_rows = rows(text, mapping.delimiter)
        header = next(all_rows, None)
        if not isinstance(header, Row):
            raise Invalid(f"{path.name} does not begin with a header.")
        reader = Reader(mapping, columns(header.cells, mapping))
        ordered = in_order(_readings(all_rows, reader, played), reader.again)
        for (patient, _), readings in groupby(ordered, key=lambda one: (one.patient, one.stay)):
            sets: list[ReadSet] = []
            for moment in moments(readings, mapping.channels):
                sets += moment.sets
                played.rejected.update(reason for _, reason, _ in moment.refused)
            if sets:
                first = min(one.observed_at for one in sets)
                yield Course(patient, first, tuple(sorted(sets, key=written_at)))


def _readings(
    all_rows: Iterator[Row | Broken], reader: Reader, played: Played
) -> Iterator[Reading]:
    for row in all_rows:
        if isinstance(row, Broken):
            played.rejected["not a row of a CSV file"] += 1
            continue
        try:
            yield reader.reading(row)
        except Refused as refused:
            played.rejected[refused.reason] += 1


def _free_beds(session: Session, actor_id: int, unit: Unit, wanted: int | None) -> list[int]:
    """The beds to play in: those that are free, or as many as were asked for."""
    free = [bed.id for bed in stay_queries.free_beds(session, unit.id)]
    there = units_queries.beds(session, unit.id)
    missing = (USUAL_BEDS if not there else 0) if wanted is None else wanted - len(free)
    if missing > 0:
        labels = {bed.label for bed in there}
        new = (f"R{number}" for number in count(1) if f"R{number}" not in labels)
        made = units.add_beds(session, actor_id, unit, labels=[next(new) for _ in range(missing)])
        free += [bed.id for bed in made]
    if not free:
        raise Conflict("No bed of this unit is free. Ask for --beds, or name another unit.")
    return free[:wanted]


def admit(ward: Ward, course: Course, bed_id: int, speed: float) -> Bedside:
    """The patient into the bed, with the unit's usual orders for what the file holds."""
    now = clock.now()
    key = uuid4()
    with ward.sessions.begin() as session:
        patient_id = storing.patients(
            session,
            ward.actor_id,
            unit_id=ward.unit_id,
            source=ward.source,
            source_ids=[course.patient],
        )[course.patient]
        for left_over in queries.open_stays(session, patient_id):
            # From a replay that was killed, and could not end what it had begun.
            admission.discharge(
                session, ward.actor_id, left_over, at=now, reason=DischargeReason.OTHER
            )
        stay = stays.admit(
            session,
            ward.actor_id,
            key=key,
            patient_id=patient_id,
            unit_id=ward.unit_id,
            at=now,
            bed_id=bed_id,
            source=Source.REPLAY.value,
        )
        in_force = protocols.in_force(session, ward.unit_id, at=now)
        ordered = sorted(course.instruments & set(in_force.protocol.intervals))
        templates.order_defaults(
            session,
            ward.actor_id,
            stay,
            keys={name: uuid5(key, f"order {name}") for name in ordered},
            at=now,
            in_force=in_force,
        )
    ward.played.patients += 1
    return Bedside(course, stay.id, key, bed_id, now, speed)


def record(ward: Ward, bedside: Bedside) -> None:
    """The next set of a course, by the same deed as at the bedside: alerts are real."""
    number = bedside.next_set
    one = bedside.course.sets[number]
    sheet = Sheet(
        observed_at=bedside.here(one.observed_at),
        vitals=one.vitals,
        answers=one.answers,
        note=one.channels or None,
        confirmed=CONFIRMED,
    )
    bedside.next_set += 1
    try:
        with ward.sessions.begin() as session:
            observations.record(
                session,
                ward.actor_id,
                session.get_one(Stay, bedside.stay_id),
                key=uuid5(bedside.key, f"set {number}"),
                sheet=sheet,
                source=Source.REPLAY,
            )
    except UserError as error:
        ward.played.refused[error.sentence] += 1
    else:
        ward.played.stored += 1


def discharge(ward: Ward, stay_id: int) -> None:
    """The course is over, or the replay: nobody is left on the board, and nothing open."""
    with ward.sessions.begin() as session:
        stay = session.get_one(Stay, stay_id)
        admission.discharge(
            session, ward.actor_id, stay, at=clock.now(), reason=DischargeReason.OTHER
        )
