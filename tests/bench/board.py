"""board_growth and board_vs_noop: what the ward board costs, and what a long past adds to it."""

import asyncio
import statistics
import time
from dataclasses import dataclass

import psycopg
from sqlalchemy.orm import Session, sessionmaker

from backend.board import queries
from backend.core import live
from tests import processes
from tests.bench.ground import BEDS, Ground, on_the_unit, sessions_on
from tests.bench.http import Line

QUERY_ROUNDS = 60
PAGE_ROUNDS = 60
# For the word to be heard, which makes the server read the board anew.
HEARD_S = 0.02


@dataclass(frozen=True)
class Growth:
    """The board's reading with a short and with a long past behind it."""

    ratio: float
    short_ms: float
    long_ms: float


@dataclass(frozen=True)
class Pages:
    """The whole page, read anew and as the next screen gets it, against a page without data."""

    ratio: float
    board_ms: float
    shared_ms: float
    noop_ms: float


def growth(ground: Ground, short: str, long: str) -> Growth:
    """The two databases in turn, so that what disturbs the one disturbs the other."""
    taken: dict[str, list[float]] = {short: [], long: []}
    options = on_the_unit(ground.unit_id)
    with (
        sessions_on(ground.url(short), options) as short_sessions,
        sessions_on(ground.url(long), options) as long_sessions,
    ):
        for number in range(QUERY_ROUNDS + 5):
            for name, sessions in ((short, short_sessions), (long, long_sessions)):
                ms = _read(sessions, ground.unit_id)
                if number >= 5:
                    taken[name].append(ms)
    short_ms, long_ms = statistics.median(taken[short]), statistics.median(taken[long])
    return Growth(long_ms / short_ms, short_ms, long_ms)


def _read(sessions: sessionmaker[Session], unit_id: int) -> float:
    with sessions() as session:
        started = time.perf_counter()
        found = queries.lying(session, unit_id)
        ms = (time.perf_counter() - started) * 1000
    assert len(found) == BEDS
    assert all(one.courses["ciwa-b"].point for one in found)
    return ms


def pages(ground: Ground, database: str) -> Pages:
    """One browser asks in turn for the board after a change, the board again, and /about."""
    with processes.serving(ground.url(database), by=processes.start_anew) as served:
        port = int(served.address.rpartition(":")[2])
        return asyncio.run(_pages(ground, ground.url(database), port))


async def _pages(ground: Ground, url: str, port: int) -> Pages:
    board: list[float] = []
    shared: list[float] = []
    noop: list[float] = []
    async with Line(port, ground.tokens[0]) as line:
        with psycopg.connect(url, autocommit=True) as connection:
            for number in range(PAGE_ROUNDS + 5):
                connection.execute("SELECT pg_notify(%s, 'board')", [live.CHANNEL])
                await asyncio.sleep(HEARD_S)
                times = [await _page(line, path) for path in ("/", "/", "/about")]
                if number >= 5:
                    for kept, ms in zip((board, shared, noop), times, strict=True):
                        kept.append(ms)
    board_ms, noop_ms = statistics.median(board), statistics.median(noop)
    return Pages(board_ms / noop_ms, board_ms, statistics.median(shared), noop_ms)


async def _page(line: Line, path: str) -> float:
    started = time.perf_counter()
    answer = await line.get(path)
    ms = (time.perf_counter() - started) * 1000
    assert answer.status == 200
    assert path == "/about" or answer.body.count(b'id="bed-') == BEDS
    return ms
