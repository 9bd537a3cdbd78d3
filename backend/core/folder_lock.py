"""One process at a time does something to a folder, and whoever waits says what for."""

import fcntl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from backend.core.errors import Unavailable

# Before whoever waits says so, and before they give up: a database takes a minute to start or stop.
SAID_AFTER_S, PATIENCE_S = 2, 120


def lock_file(folder: Path, kind: str) -> IO[str]:
    """A file beside the folder that nothing is ever written to."""
    return folder.with_name(f"{folder.name}.{kind}").open("a")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time creates, starts or stops."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_file(folder, "lock")
    except OSError as error:
        raise Unavailable(
            f"Vigil cannot write its data to {folder.parent} ({error.strerror}): "
            "set VIGIL_DATA_DIR to a folder where it can."
        ) from None
    with lock:
        _wait_for(lock, folder)
        yield


def _wait_for(lock: IO[str], folder: Path) -> None:
    """Whoever waits says what for, and does not wait for ever."""
    began, told = time.monotonic(), False
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = time.monotonic() - began
        if waited > PATIENCE_S:
            raise Unavailable(
                f"Another Vigil has held {folder.parent} for {PATIENCE_S} s, and its database"
                " neither starts nor stops: end that one, or set VIGIL_DATA_DIR elsewhere."
            )
        if waited > SAID_AFTER_S and not told:
            told = True
            sys.stderr.write(f"{folder.parent} is in use: another Vigil starts or stops there …\n")
        time.sleep(0.05)
