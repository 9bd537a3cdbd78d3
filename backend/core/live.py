"""Says that something changed, and hears it said: one word, never a patient's."""

import asyncio
from collections.abc import AsyncIterator
from random import randint
from typing import Any

import psycopg
from fastapi.sse import ServerSentEvent
from psycopg.rows import dict_row
from sqlalchemy import Text, bindparam, func, select
from sqlalchemy.orm import Session

from backend.core import postgres

CHANNEL = "vigil"
EVERYTHING = "ward"
HEARTBEAT_S = 5
# More waiting words than this and the screen is too slow to follow: it asks for everything.
QUEUE_LENGTH = 64

NOTIFY = select(func.pg_notify(CHANNEL, bindparam("topics", type_=Text)))


def announce(session: Session, *topics: str) -> None:
    """PostgreSQL delivers this on commit, and not at all on rollback."""
    session.execute(NOTIFY, {"topics": " ".join(topics)})


class Broadcast:
    """One listener per process, fanned out to every open screen."""

    def __init__(self) -> None:
        self._screens: set[asyncio.Queue[ServerSentEvent]] = set()
        self._words = 0
        # None while this process hears nothing. What is kept from word to word hangs on it.
        self.words_heard: int | None = None
        # The change number of the last heartbeat.
        self.change: str | None = None

    async def run(self) -> None:
        """Relay for ever. While the database is silent so are we, and the screens say so."""
        while True:
            try:
                await self._relay()
            except (psycopg.Error, OSError, TimeoutError):
                self.words_heard = None
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                self.words_heard = None  # nothing may be kept any more
                raise

    async def hear(self) -> AsyncIterator[ServerSentEvent]:
        """What one screen is told: to ask for everything, then each word while it listens.

        The baseline is older than what it will fetch, and the next heartbeat is compared with it:
        so nothing falls between.
        """
        queue: asyncio.Queue[ServerSentEvent] = asyncio.Queue(QUEUE_LENGTH)
        self._screens.add(queue)
        try:
            # After a restart not every screen comes back in the same instant.
            again_ms = randint(1000, 4000)  # noqa: S311 (no secret)
            yield ServerSentEvent(raw_data=EVERYTHING, retry=again_ms)
            if self.change is not None:
                yield ServerSentEvent(event="baseline", raw_data=self.change)
            while True:
                yield await queue.get()
        finally:
            self._screens.discard(queue)

    def _count(self) -> None:
        self._words += 1
        self.words_heard = self._words

    def _tell(self, event: ServerSentEvent) -> None:
        for queue in self._screens:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                event_or_all = ServerSentEvent(raw_data=EVERYTHING)
            else:
                event_or_all = event
            queue.put_nowait(event_or_all)

    async def _relay(self) -> None:
        url = await asyncio.to_thread(postgres.url)
        connect = psycopg.AsyncConnection[dict[str, Any]].connect(
            url, autocommit=True, row_factory=dict_row, options="-c role=vigil_app"
        )
        async with await connect as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._count()
            self._tell(ServerSentEvent(raw_data=EVERYTHING))  # what was said before now is lost
            while True:
                async with asyncio.timeout(HEARTBEAT_S):
                    pulse = await (await connection.execute("SELECT * FROM pulse")).fetchone()
                self.change = pulse["change"] if pulse else None
                self._tell(ServerSentEvent(event="heartbeat", data=pulse))
                async for notice in connection.notifies(timeout=HEARTBEAT_S):
                    self._count()
                    for topic in notice.payload.split():
                        self._tell(ServerSentEvent(raw_data=topic))


broadcast = Broadcast()
