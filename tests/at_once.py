"""Deeds at the same time, on connections of their own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.core.errors import UserError

T = TypeVar("T")


def at_once(*deeds: Callable[[], object]) -> list[object]:
    """What came of each, started as nearly together as threads can; refusals are answers too."""
    ready = threading.Barrier(len(deeds))

    def run(deed: Callable[[], object]) -> object:
        ready.wait(timeout=20)
        try:
            return deed()
        except UserError as refusal:
            return refusal

    with ThreadPoolExecutor(len(deeds)) as pool:
        return [done.result(timeout=60) for done in [pool.submit(run, deed) for deed in deeds]]


def waiting(session: Session, deed: Callable[[], T]) -> "Future[T]":
    """The deed, begun in a thread, and now waiting for the locks that this session holds."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(deed)
    pool.shutdown(wait=False)
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    deadline = time.monotonic() + 10
    while not session.scalar(waits) and not future.done():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return future
