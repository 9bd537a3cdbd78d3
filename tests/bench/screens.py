"""screen_p50_ms and screen_p99_ms: from one nurse's save to every open board showing it."""

import asyncio
import random
import re
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

import psutil

from tests import processes
from tests.bench import sheets
from tests.bench.ground import Ground
from tests.bench.http import Line

BOARDS = 200
SAVES = 20
# As live.js has it: many words at once become one request, not in every screen's same instant.
SPREAD_S = {"ward": 1.0}
USUAL_SPREAD_S = 0.1
AT_LEAST_APART_S = 0.1
BETWEEN_SAVES_S = (0.8, 1.6)
PATIENCE_S = 30.0
MANY_STREAMS = 1000
# What a board fetches for each topic, read off the page: element and topics.
ELEMENT = re.compile(rb'hx-get="([^"]+)"[^>]*hx-trigger="([^"]+)"')


@dataclass(frozen=True)
class Screens:
    """Milliseconds from just before a save is sent to the last byte of each screen's new bed."""

    p50_ms: float
    p99_ms: float
    streams: int
    kb_per_stream: float


@dataclass
class Board:
    """One open board, doing what live.js does."""

    port: int
    token: str
    shown: dict[str, list[str]]
    fetched: dict[str, asyncio.Event] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    idle: list[Line] = field(default_factory=list)
    running: set[asyncio.Task[None]] = field(default_factory=set)

    async def listen(self, opened: asyncio.Event) -> None:
        """Hear words and ask for what they changed, until cancelled."""
        async with Line(self.port, self.token) as stream:
            async for topic in stream.words():
                opened.set()
                if topic in self.waiting or topic not in self.shown:
                    continue
                self.waiting.add(topic)
                task = asyncio.create_task(self._refresh(topic))
                self.running.add(task)
                task.add_done_callback(self.running.discard)

    async def _refresh(self, topic: str) -> None:
        within = SPREAD_S.get(topic, USUAL_SPREAD_S) * random.random()  # noqa: S311
        soonest = self.asked.get(topic, -1.0) + AT_LEAST_APART_S - time.perf_counter()
        await asyncio.sleep(max(soonest, within))
        self.waiting.discard(topic)
        self.asked[topic] = time.perf_counter()
        await asyncio.gather(*(self._fetch(path) for path in self.shown[topic]))

    async def _fetch(self, path: str) -> None:
        line = self.idle.pop() if self.idle else await Line(self.port, self.token).__aenter__()
        answer = await line.get(path, refresh=True)
        assert answer.status == 200, (path, answer.status)
        self.idle.append(line)
        if path in self.fetched:
            self.fetched[path].set()


def measure(ground: Ground, database: str) -> Screens:
    """Many open boards on one web process, a save every second or so on one bed or another."""
    with processes.serving(ground.url(database), by=processes.start_anew) as served:
        port = int(served.address.rpartition(":")[2])
        web = psutil.Process(served.process.pid)
        taken = asyncio.run(_watched_saves(ground, port))
        kb = asyncio.run(_many_streams(ground, port, web))
    percentiles = statistics.quantiles(taken, n=100)
    return Screens(percentiles[49], percentiles[98], MANY_STREAMS, kb)


async def _watched_saves(ground: Ground, port: int) -> list[float]:
    async with Line(port, ground.tokens[0]) as line:
        page = await line.get("/")
        shown: dict[str, list[str]] = {}
        for path, topics in ELEMENT.findall(page.body):
            for topic in re.findall(r"([\w-]+) from:body", topics.decode()):
                shown.setdefault(topic, []).append(path.decode())
        boards = [Board(port, ground.tokens[n % len(ground.tokens)], shown) for n in range(BOARDS)]
        taken: list[float] = []
        async with _listening(boards):
            await asyncio.sleep(5)  # each has asked for everything, as a page that opens does
            for number in range(SAVES):
                await asyncio.sleep(random.uniform(*BETWEEN_SAVES_S))  # noqa: S311
                place = ground.places[number % len(ground.places)]
                taken += await _one_save(ground, line, boards, place.stay_id, number)
        return taken


async def _one_save(
    ground: Ground, line: Line, boards: list[Board], stay_id: int, number: int
) -> list[float]:
    path = f"/beds/{stay_id}"
    for board in boards:
        board.fetched = {path: asyncio.Event()}
    form = sheets.form(stay_id, ground.opened(0), number)
    started = time.perf_counter()
    waits = [asyncio.create_task(_until(board.fetched[path])) for board in boards]
    answer = await line.post(f"/stays/{stay_id}/observations", form)
    assert answer.status == 303, (answer.status, answer.body[:2000])
    return [(moment - started) * 1000 for moment in await asyncio.gather(*waits)]


async def _until(fetched: asyncio.Event) -> float:
    async with asyncio.timeout(PATIENCE_S):
        await fetched.wait()
    return time.perf_counter()


@asynccontextmanager
async def _listening(boards: list[Board]) -> AsyncIterator[None]:
    opened = [asyncio.Event() for _ in boards]
    tasks = [
        asyncio.create_task(board.listen(one)) for board, one in zip(boards, opened, strict=True)
    ]
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(one.wait() for one in opened))
    yield
    running = [*tasks, *(task for board in boards for task in board.running)]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for task in tasks:
        with suppress(asyncio.CancelledError):
            task.result()  # a stream that broke on the way is an error, not a fast screen


async def _many_streams(ground: Ground, port: int, web: psutil.Process) -> float:
    """A thousand streams on one process: memory of each, and each hears the word of one save."""
    async with AsyncExitStack() as stack:
        before = web.memory_info().rss
        streams = []
        for number in range(MANY_STREAMS):
            token = ground.tokens[number % len(ground.tokens)]
            words = (await stack.enter_async_context(Line(port, token))).words()
            assert await anext(words) == "ward"
            streams.append(words)
        kb = (web.memory_info().rss - before) / MANY_STREAMS / 1024
        stay_id = ground.places[0].stay_id
        line = await stack.enter_async_context(Line(port, ground.tokens[0]))
        heard = [asyncio.create_task(_hears(words, f"stay-{stay_id}")) for words in streams]
        answer = await line.post(
            f"/stays/{stay_id}/observations", sheets.form(stay_id, ground.opened(0), 0)
        )
        assert answer.status == 303
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*heard)
        return kb


async def _hears(words: AsyncIterator[str], topic: str) -> None:
    async for word in words:
        if word == topic:
            return
    raise AssertionError("the stream ended")
