"""Put the readings of a file in order, in bounded memory: what is too much waits in files."""

import csv
import heapq
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import IO

from backend.interop.csv_import.reading import Reading

# About 100 MB of readings.
HELD_AT_ONCE = 200_000

Again = Callable[[int, str], Reading]


def in_order(
    readings: Iterator[Reading], again: Again, *, held: int = HELD_AT_ONCE
) -> Iterator[Reading]:
    """Each stay after the other, each in order of time; rows of one time as they stand in the file.

    Reads everything before it returns. `again` makes a reading of a line number and its text, for
    what waited in a file.
    """
    with ExitStack() as files:
        runs = []
        while len(chunk := sorted(islice(readings, held))) == held:
            runs.append(files.enter_context(_written(chunk)))
        return _merged(chunk, runs, again, files.pop_all())


def _merged(
    chunk: list[Reading], runs: list[IO[str]], again: Again, files: ExitStack
) -> Iterator[Reading]:
    with files:
        yield from heapq.merge(chunk, *(_read(run, again) for run in runs))


def _written(chunk: list[Reading]) -> IO[str]:
    """A file without a name: it is gone when we are, however that happens."""
    run = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 (closed above)
    csv.writer(run).writerows((reading.line, reading.raw) for reading in chunk)
    run.seek(0)
    return run


def _read(run: IO[str], again: Again) -> Iterator[Reading]:
    for line, raw in csv.reader(run):
        yield again(int(line), raw)
