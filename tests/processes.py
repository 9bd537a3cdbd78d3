"""Real processes for tests: the web server and the watch on a database of their own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from backend.core.web import ROOT
from tests import forked, people
from tests.conftest import sessions_on

PATIENCE_S = 90
# The database behind each address that is being served.
_databases: dict[str, str] = {}


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Running(Protocol):
    """A process, however it was started."""

    @property
    def pid(self) -> int:
        """Its number."""

    def send_signal(self, number: signal.Signals, /) -> None:
        """Freeze it, thaw it, kill it."""

    def terminate(self) -> None:
        """Ask it to stop."""

    def kill(self) -> None:
        """It stops."""

    def wait(self, timeout: float | None = None) -> object:
        """Until it has ended."""


@dataclass(frozen=True)
class Served:
    """A running web server."""

    address: str
    process: Running

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does; its sockets stay open."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)


def start(noun: str, url: str, log: Path | None = None, **environment: str) -> Running:
    """`vigil serve` or `vigil watch` on this database, forked from one that has imported it."""
    return forked.start(noun, {**os.environ, "VIGIL_DATABASE_URL": url, **environment}, log)


def start_anew(noun: str, url: str, log: Path | None = None, **environment: str) -> Running:
    """The same as a person starts it: a process of its own from the first byte."""
    with Path(log or os.devnull).open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "backend.cli", noun],
            cwd=ROOT,
            env={**os.environ, "VIGIL_DATABASE_URL": url, **environment},
            stdout=said,
            stderr=said,
        )


def end(process: Running) -> None:
    """Stop it for good, frozen or not."""
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_served(address: str) -> None:
    """Until the sign-in page answers."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/sign-in", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"nothing answered at {address}")


Start = Callable[..., Running]


@contextmanager
def serving(
    url: str,
    port: int | None = None,
    log: Path | None = None,
    by: Start = start,
    **environment: str,
) -> Iterator[Served]:
    """The web server on this database."""
    port = port or free_port()
    process = by("serve", url, log, VIGIL_PORT=str(port), **environment)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_served(address)
        _databases[address] = url
        yield Served(address, process)
    finally:
        end(process)


@contextmanager
def watching(url: str, log: Path | None = None, **environment: str) -> Iterator[Running]:
    """The watch on this database."""
    process = start("watch", url, log, **environment)
    try:
        yield process
    finally:
        end(process)


def also_reached_at(address: str, served: Served) -> None:
    """The same server behind another address, so that people can sign in there."""
    _databases[address] = _databases[served.address]


def token_for(address: str, name: str) -> str:
    """A whole sign-in of this person at the server there, without typing anything."""
    with sessions_on(_databases[address]) as sessions, sessions.begin() as session:
        return people.sign_in(session, people.the_ward(session).staff[name])


@contextmanager
def signed_in(address: str, name: str = "nora") -> Iterator[httpx.Client]:
    """A browser without a screen, signed in."""
    headers = {"Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=address, headers=headers, timeout=PATIENCE_S) as client:
        client.cookies.set("vigil", token_for(address, name), domain="127.0.0.1")
        yield client
