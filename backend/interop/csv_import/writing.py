"""Write a batch of scored sets in one transaction, leaving out what is stored already."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.clinical.definition import Answer
from backend.core import clock
from backend.core.errors import Conflict
from backend.interop.csv_import import queries, storing
from backend.interop.csv_import.reading import Reading
from backend.interop.csv_import.run import Pending, Run, StayInFile
from backend.interop.csv_import.scoring import sheet
from backend.interop.csv_import.sets import ANOTHER_VALUE, moment
from backend.interop.csv_import.storing import NewSet
from backend.observations import service as observations
from backend.observations.models import Observation, Score

OVERLAP = "overlaps another stay of the patient"
REFUSED = "refused by the database"


@dataclass
class Outcome:
    """What became of the rows of a batch; it counts once the batch is committed."""

    stored: int = 0
    duplicate: int = 0
    rejected: list[tuple[Reading, str, str]] = field(default_factory=list)


@contextmanager
def writer(run: Run) -> Iterator[Callable[[], None]]:
    """`write()` stores what is pending while the next sets are read; the last is stored at the end.

    One batch is under way at a time. The counts move when a batch is committed, and not before.
    """
    under_way: list[Future[Outcome]] = []

    def write() -> None:
        while under_way:
            _count(run, under_way.pop().result())
        batch, run.pending = run.pending, []
        if batch:
            under_way.append(thread.submit(copy_context().run, _in_one_transaction, run, batch))

    with ThreadPoolExecutor(1, "import") as thread:
        yield write
        write()
        write()


def _in_one_transaction(run: Run, batch: Sequence[Pending]) -> Outcome:
    with run.sessions.begin() as session:
        return _write(session, run, batch)


def _count(run: Run, outcome: Outcome) -> None:
    run.tally.stored += outcome.stored
    run.tally.duplicate += outcome.duplicate
    for reading, reason, detail in outcome.rejected:
        run.reject(reading, reason, detail)


def _write(session: Session, run: Run, batch: Sequence[Pending]) -> Outcome:
    outcome = Outcome()
    unopened = {id(one.stay): one.stay for one in batch if not one.stay.is_open}
    _open(session, run, list(unopened.values()))
    to_store = []
    for one in batch:
        if one.stay.refused:
            everything = (*one.read.readings, *one.agreed)
            outcome.rejected += [(reading, one.stay.refused, "") for reading in everything]
        else:
            to_store.append(one)
    new = _not_yet_stored(session, run, to_store, outcome)
    _store(session, run, new, outcome)
    return outcome


def _open(session: Session, run: Run, unopened: Sequence[StayInFile]) -> None:
    """The stays in the record: begun by their first row, ended after their last."""
    for stay in unopened:
        stay.is_open = True
        if stay.row is not None:
            try:
                storing.lengthen(session, run.actor_id, stay.row, first=stay.first, end=stay.end)
            except Conflict:
                stay.refused = OVERLAP
    new = [stay for stay in unopened if stay.row is None]
    if not new:
        return
    patient_ids = storing.patients(
        session,
        run.actor_id,
        unit_id=run.unit_id,
        source=run.mapping.source,
        source_ids=[stay.patient for stay in new],
    )
    _begin(session, run, new, patient_ids)


def _begin(
    session: Session, run: Run, new: Sequence[StayInFile], patient_ids: Mapping[str, int]
) -> None:
    """All at once; where one of them overlaps another stay, one by one without that."""
    past = [
        storing.PastStay(
            key=stay.key, patient_id=patient_ids[stay.patient], first=stay.first, end=stay.end
        )
        for stay in new
    ]
    try:
        made = storing.past_stays(session, run.actor_id, unit_id=run.unit_id, new=past)
    except Conflict:
        if len(new) == 1:
            new[0].refused = OVERLAP
            return
        for stay in new:
            _begin(session, run, [stay], patient_ids)
        return
    for stay in new:
        stay.row = made[stay.key]


Waiting = tuple[NewSet, tuple[Reading, ...]]


def _not_yet_stored(
    session: Session, run: Run, batch: Sequence[Pending], outcome: Outcome
) -> list[Waiting]:
    """What an earlier import has stored is a duplicate; what it did not know becomes a set."""
    in_doubt = [one for one in batch if one.stay.was_there]
    known = queries.known_keys(session, [one.key for one in in_doubt])
    stored = queries.stored_at(
        session,
        {(_row_id(one.stay), one.read.observed_at) for one in in_doubt if one.key not in known},
    )
    new: list[Waiting] = []
    for one in batch:
        there = stored.get((_row_id(one.stay), one.read.observed_at))
        if one.key in known:
            outcome.duplicate += len(one.read.readings) + len(one.agreed)
        elif there:
            new += _the_rest(run, one, there, outcome)
        else:
            new.append((_new_set(one), (*one.read.readings, *one.agreed)))
    return new


def _row_id(stay: StayInFile) -> int:
    return stay.row.id if stay.row else 0


def _new_set(one: Pending) -> NewSet:
    now = clock.now()
    observed_at = one.read.observed_at
    # A file that does not say when was written down now, however far its times have been moved.
    entered_at = one.read.entered_at or max(now, observed_at)
    row = one.stay.row
    return NewSet(
        key=one.key,
        stay_id=row.id if row else 0,
        patient_id=row.patient_id if row else 0,
        unit_id=row.unit_id if row else 0,
        sheet=one.sheet,
        scores=one.scores,
        entered_at=entered_at,
        late_entry=observations.is_late_entry(observed_at, entered_at, one.in_force),
        protocol_id=one.in_force.id,
    )


Stored = Sequence[tuple[Observation, Mapping[str, Score]]]


def _the_rest(run: Run, one: Pending, there: Stored, outcome: Outcome) -> list[Waiting]:
    """Values that came with a later file stand in further sets beside those stored before."""
    fresh = []
    for reading in one.read.readings:
        before = _values_there(reading, there)
        if reading.value in before:
            outcome.duplicate += 1
        elif before and not reading.target.channel:
            outcome.rejected.append((reading, ANOTHER_VALUE, f"{before[0]} is stored."))
        else:
            fresh.append(reading)
    outcome.duplicate += len(one.agreed)
    found = moment(fresh, run.mapping.channels)
    outcome.rejected += found.refused
    waiting: list[Waiting] = []
    for read in found.sets:
        said = sheet(read)
        spo2_scale = one.stay.row.spo2_scale if one.stay.row else 1
        scores = observations.scored(said, one.in_force, spo2_scale=spo2_scale)
        further = Pending(
            stay=one.stay,
            key=read.key(run.mapping.source),
            read=read,
            sheet=said,
            scores=scores,
            agreed=(),
            in_force=one.in_force,
        )
        waiting.append((_new_set(further), read.readings))
    return waiting


def _values_there(reading: Reading, there: Stored) -> list[Answer]:
    """What is stored of the same thing at the same time."""
    found: list[Any] = []
    for row, scores in there:
        if reading.target.vital:
            found.append(getattr(row, reading.target.vital))
        elif score := scores.get(reading.target.instrument):
            answer = (score.answers | score.unscored).get(reading.target.item)
            found.append(Decimal(str(answer)) if isinstance(answer, float) else answer)
    return [value for value in found if value is not None]


def _store(session: Session, run: Run, new: Sequence[Waiting], outcome: Outcome) -> None:
    """All at once; where the database refuses one of them, one by one without that."""
    try:
        with session.begin_nested():
            storing.sets(session, run.actor_id, [one for one, _ in new])
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        if len(new) > 1:
            for one in new:
                _store(session, run, [one], outcome)
            return
        outcome.rejected += [(r, REFUSED, _constraint(error)) for r in new[0][1]]
        return
    outcome.stored += sum(len(readings) for _, readings in new)
    sets = Counter(one.stay_id for one, _ in new)
    audit.record_on_stays(
        session,
        run.actor_id,
        "observation.imported",
        unit_id=run.unit_id,
        subjects=[
            (stay_id, {"source": run.mapping.source, "sets": count})
            for stay_id, count in sets.items()
        ],
    )


def _constraint(error: psycopg.Error) -> str:
    """The rule that was broken, never the values that broke it."""
    return error.diag.constraint_name or type(error).__name__
