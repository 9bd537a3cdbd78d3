"""What one save asks of the database, written down, and asked again by the bare driver."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Json, Jsonb
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from backend.core import clock
from backend.observations import service
from backend.observations.models import Source
from backend.stays.models import Stay
from tests.bench.ground import FIRST_IDS, Ground, Place, on_the_unit, sheets

LOWEST_ID = min(FIRST_IDS.values())
HIGHEST_ID = 2 * max(FIRST_IDS.values())

Rows = Sequence[Sequence[Any]]
# Makes a parameter anew, from what this turn has read so far and for this place.
Make = Callable[["Turn"], Any]


@dataclass(frozen=True)
class Said:
    """One statement as it went to the database, and the rows that came back."""

    statement: str
    parameters: Any
    many: bool
    rows: Rows


@dataclass
class Turn:
    """One replayed save."""

    place: Place
    later: timedelta
    key: UUID = field(default_factory=uuid4)
    read: list[Rows] = field(default_factory=list)


@dataclass(frozen=True)
class Step:
    """One statement, with the ways to make its parameters anew."""

    statement: str
    make: Make
    many: bool


@dataclass(frozen=True)
class Written:
    """All statements of one save, made at this time on this stay under this key."""

    at: datetime
    steps: tuple[Step, ...]


class _Noting(psycopg.Cursor[Any]):
    """Notes what is asked and what comes back."""

    said: list[Said]

    def execute(self, query: Any, params: Any = None, **settings: Any) -> "_Noting":
        """Ask, note, and let the rows be read again."""
        super().execute(query, params, **settings)
        rows: Rows = []
        if self.description:
            rows = super().fetchall()
            if rows:
                self.scroll(0, "absolute")
        self.said.append(Said(str(query), params, many=False, rows=rows))
        return self

    def executemany(self, query: Any, params_seq: Any, **settings: Any) -> None:
        """The same, for several sets of parameters."""
        super().executemany(query, params_seq, **settings)
        self.said.append(Said(str(query), list(params_seq), many=True, rows=[]))


def write_down(ground: Ground, url: str) -> list[Written]:
    """One turn of sheets through the service on the first stay, as statements."""
    place = ground.places[0]

    class Noting(_Noting):
        said: list[Said] = []  # noqa: RUF012 (of this capture)

    engine = create_engine(
        "postgresql://",
        creator=lambda: psycopg.connect(
            url, options=on_the_unit(ground.unit_id), cursor_factory=Noting
        ),
    )
    turns = []
    for sheet in sheets(clock.now()):
        with Session(engine) as session, session.begin():
            stay = session.get_one(Stay, place.stay_id)
            Noting.said = []
            key = uuid4()
            service.record(session, ground.nora_id, stay, key=key, sheet=sheet, source=Source.TYPED)
            turns.append(_written(Noting.said, place, key, sheet.observed_at))
    engine.dispose()
    return turns


def _written(said: list[Said], place: Place, key: UUID, at: datetime) -> Written:
    known: dict[int, Make] = {
        place.stay_id: lambda turn: turn.place.stay_id,
        place.patient_id: lambda turn: turn.place.patient_id,
    }
    maker = _Maker(known, place, key)
    steps = []
    for number, one in enumerate(said):
        steps.append(Step(one.statement, maker.of(one.parameters), one.many))
        for row, values in enumerate(one.rows):
            for column, value in enumerate(values):
                _note_ids(known, value, (number, row, column))
    return Written(at, tuple(steps))


def _note_ids(known: dict[int, Make], value: Any, path: tuple[Any, ...]) -> None:
    """Where the number of a row was first read, also inside of JSON and arrays."""
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for name, one in inner:
            _note_ids(known, one, (*path, name))
    elif _is_id(value) and value not in known:

        def make(turn: Turn) -> Any:
            found: Any = turn.read
            for name in path:
                found = found[name]
            return found

        known[value] = make


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and LOWEST_ID <= value <= HIGHEST_ID


@dataclass(frozen=True)
class _Maker:
    """How a parameter of the one save becomes that of another."""

    known: Mapping[int, Make]
    place: Place
    key: UUID

    def of(self, value: Any) -> Make:  # noqa: PLR0911 (a kind of value each)
        """What stays as it was; whose numbers, key and times are those of the new turn."""
        if isinstance(value, Jsonb | Json):
            kind, inner = type(value), self.of(value.obj)
            return lambda turn: kind(inner(turn))
        if isinstance(value, Mapping):
            parts = {name: self.of(one) for name, one in value.items()}
            return lambda turn: {name: make(turn) for name, make in parts.items()}
        if isinstance(value, list | tuple):
            makes = [self.of(one) for one in value]
            return lambda turn: [make(turn) for make in makes]
        if isinstance(value, datetime):
            return lambda turn: value + turn.later
        if value == self.key:
            return lambda turn: turn.key
        if _is_id(value):
            return self.known[value]
        if isinstance(value, str) and f"stay-{self.place.stay_id}" in value:
            return lambda turn: value.replace(str(self.place.stay_id), str(turn.place.stay_id))
        return lambda _: value


def saturate(url: str, turns: list[Written], ground: Ground, lines: int, s: float) -> float:
    """Saves per second by the driver alone: prepared, a transaction each, so many connections."""
    counts = [0] * lines
    failed: list[BaseException] = []
    begin = threading.Barrier(lines + 1)
    options = on_the_unit(ground.unit_id)

    def one(number: int) -> None:
        try:
            with psycopg.connect(url, options=options, prepare_threshold=0) as connection:
                begin.wait()
                counts[number] = _replay(connection, turns, ground.places[number::lines], s)
        except BaseException as error:
            failed.append(error)
            begin.abort()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(lines)]
    for thread in threads:
        thread.start()
    begin.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return sum(counts) / (time.perf_counter() - started)


def _replay(
    connection: psycopg.Connection[Any], turns: list[Written], places: Sequence[Place], s: float
) -> int:
    """Whole rounds of turns until the time is over, so that every stay ends as it began."""
    done = 0
    until = time.perf_counter() + s
    while time.perf_counter() < until:
        for place in places:
            for written in turns:
                turn = Turn(place, clock.now() - written.at)
                for step in written.steps:
                    turn.read.append(_ask(connection, step, turn))
                connection.commit()
                done += 1
    return done


def _ask(connection: psycopg.Connection[Any], step: Step, turn: Turn) -> Rows:
    cursor = connection.cursor()
    if step.many:
        cursor.executemany(step.statement, step.make(turn))
        return []
    cursor.execute(step.statement, step.make(turn))
    return cursor.fetchall() if cursor.description else []
