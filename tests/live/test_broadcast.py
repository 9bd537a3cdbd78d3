"""One listener, many screens: what a screen is told first, and what becomes of one too slow."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import psycopg
import pytest
from fastapi.sse import ServerSentEvent

from backend.core import live, postgres
from backend.core.live import EVERYTHING, QUEUE_LENGTH, Broadcast


def _told(event: ServerSentEvent) -> tuple[str | None, Any]:
    return event.event, event.raw_data if event.raw_data is not None else event.data


async def _next(screen: Any, seconds: float = 20) -> tuple[str | None, Any]:
    return _told(await asyncio.wait_for(anext(screen), seconds))


def _listening(url: str, what: Callable[[Broadcast], Coroutine[Any, Any, None]]) -> None:
    """Run with a broadcast that listens to this database."""

    async def run() -> None:
        broadcast = Broadcast()
        task = asyncio.create_task(broadcast.run())
        try:
            for _ in range(200):
                if broadcast.change is not None:
                    break
                await asyncio.sleep(0.1)
            await what(broadcast)
        finally:
            task.cancel()

    postgres.url()
    asyncio.run(run())
    assert url


def _say(url: str, *words: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for word in words:
            connection.execute("SELECT pg_notify(%s, %s)", (live.CHANNEL, word))


def test_a_screen_first_asks_for_everything_and_learns_what_to_compare_with(database: str) -> None:
    async def told(broadcast: Broadcast) -> None:
        screen = broadcast.hear()
        assert await _next(screen) == (None, EVERYTHING)
        assert await _next(screen) == ("baseline", broadcast.change)
        _say(database, "stay-7 rounds")
        words = [await _next(screen) for _ in range(2)]
        while ("heartbeat" in {event for event, _ in words}) or len(words) < 2:
            words = [word for word in words if word[0] != "heartbeat"]
            words.append(await _next(screen))
        assert words == [(None, "stay-7"), (None, "rounds")]
        assert broadcast.words_heard is not None

    _listening(database, told)


def test_a_screen_too_slow_to_follow_asks_for_everything_and_holds_nothing(database: str) -> None:
    async def slow(broadcast: Broadcast) -> None:
        screen = broadcast.hear()
        await _next(screen)
        before = broadcast.words_heard or 0
        _say(database, *(f"stay-{number}" for number in range(QUEUE_LENGTH * 2)))
        for _ in range(400):
            if (broadcast.words_heard or 0) >= before + QUEUE_LENGTH * 2:
                break
            await asyncio.sleep(0.05)
        told = [await _next(screen) for _ in range(3)]
        assert (None, EVERYTHING) in told

    _listening(database, slow)


def test_while_nothing_is_heard_nothing_may_be_kept(database: str) -> None:
    broadcast = Broadcast()
    assert broadcast.words_heard is None

    async def cut(broadcast: Broadcast) -> None:
        assert broadcast.words_heard is not None
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE 'SELECT * FROM pulse%' AND datname = current_database()"
            )
        for _ in range(100):
            if broadcast.words_heard is None:
                return
            await asyncio.sleep(0.1)
        pytest.fail("the listener was cut off, and what was kept still counts")

    _listening(database, cut)
