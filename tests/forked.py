"""`vigil serve` and `vigil watch` as children of a process that has imported them already.

Importing the application takes longer than most tests that need it running.
"""

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["uvicorn", "backend.cli", "backend.main", "backend.watch"])


@dataclass(frozen=True)
class Forked:
    """A running child: of what `subprocess.Popen` can do, what tests ask for."""

    child: ForkServerProcess

    @property
    def pid(self) -> int:
        """Its number."""
        assert self.child.pid is not None
        return self.child.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Nothing happens where it has ended."""
        if self.child.is_alive():
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.child.terminate()

    def kill(self) -> None:
        """It stops."""
        self.child.kill()

    def wait(self, timeout: float | None = None) -> None:
        """Until it has ended; TimeoutExpired when it does not."""
        self.child.join(timeout)
        if self.child.is_alive():
            raise subprocess.TimeoutExpired(self.child.name, timeout or 0)


def start(noun: str, environment: Mapping[str, str], log: Path | None) -> Forked:
    """The command with this environment and no other; what it says goes into the log, if any."""
    child = FORKS.Process(
        target=_run, args=(noun, dict(environment), log), name=f"vigil {noun}", daemon=True
    )
    child.start()
    return Forked(child)


def _run(noun: str, environment: dict[str, str], log: Path | None) -> None:
    os.environ.clear()
    os.environ.update(environment)
    said = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    from backend.cli import app  # noqa: PLC0415 (in the child, with its own environment)

    app([noun], prog_name="vigil")
