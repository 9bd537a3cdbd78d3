"""A burst of requests waits in line: nobody holds a connection while waiting for a thread."""

import asyncio
from contextlib import AsyncExitStack

import anyio.to_thread
import pytest

from backend.core import db
from backend.core.db import a_turn
from backend.core.errors import Unavailable


def test_there_is_a_thread_and_a_connection_for_every_turn() -> None:
    async def threads() -> float:
        return anyio.to_thread.current_default_thread_limiter().total_tokens

    assert asyncio.run(threads()) > db.REQUESTS_AT_ONCE
    # Open streams and /healthz take no turn, and need a connection for a moment.
    assert db.CONNECTIONS > db.REQUESTS_AT_ONCE


def test_the_next_one_waits_until_a_turn_is_free() -> None:
    async def line() -> list[str]:
        said: list[str] = []

        async def next_one() -> None:
            async with a_turn():
                said.append("next")

        async with AsyncExitStack() as stack:
            for _ in range(db.REQUESTS_AT_ONCE):
                await stack.enter_async_context(a_turn())
            waiting = asyncio.create_task(next_one())
            await asyncio.sleep(0.05)
            said.append("full")
        await waiting
        return said

    assert asyncio.run(line()) == ["full", "next"]


def test_whoever_waits_too_long_is_told_that_nothing_was_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(db, "WAIT_S", 0.05)

    async def line() -> None:
        async with AsyncExitStack() as stack:
            for _ in range(db.REQUESTS_AT_ONCE):
                await stack.enter_async_context(a_turn())
            with pytest.raises(Unavailable, match="Nothing was saved"):
                await stack.enter_async_context(a_turn())

    asyncio.run(line())


def test_a_request_that_fails_gives_its_turn_back() -> None:
    async def line() -> None:
        for _ in range(db.REQUESTS_AT_ONCE + 1):
            with pytest.raises(ZeroDivisionError):
                async with asyncio.timeout(1), a_turn():
                    raise ZeroDivisionError

    asyncio.run(line())
