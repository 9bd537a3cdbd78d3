"""The stale contract, with real processes frozen.

Freeze the server, the database, the watch or the network, each alone, and the page says so in
time; thaw it, and the page is live again without anybody's help.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opens
from tests.processes import Served, also_reached_at, free_port, serving, watching

pytestmark = pytest.mark.browser

STALE_S, DEAD_S = 15, 30
MARGIN_S = 4  # the page looks once a second, and the machine is busy


class Wire:
    """A network between browser and server that can go silent without saying goodbye."""

    def __init__(self, to_port: int) -> None:
        self.port = free_port()
        self.open = threading.Event()
        self.open.set()
        self._to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to_port))
                self._sockets += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                self.open.wait()
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.open.set()
        self._listener.close()
        for carried in self._sockets:
            carried.close()


@contextmanager
def _frozen_database(url: str) -> Iterator[None]:
    """Every process of the database server stands still."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        postmaster = psutil.Process(row[0]).parent()
    assert postmaster is not None
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def _live(page: Page) -> str | None:
    return page.evaluate("document.body.dataset.live")  # type: ignore[no-any-return]


def _until(page: Page, script: str, seconds: float) -> float:
    """Seconds until the page's script is true; fails when it takes longer than it may."""
    began = time.monotonic()
    while not page.evaluate(script):  # the page's own polling would need eval
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {script}"
        page.wait_for_timeout(200)
    return time.monotonic() - began


def _says_stale(page: Page, *, dead: bool = False) -> None:
    took = _until(page, "document.body.dataset.live === 'stale'", STALE_S + MARGIN_S)
    assert took > STALE_S - 7, "it spoke before it could know"
    expect(page.locator(".bar[data-kind=stale]")).to_be_visible()
    if dead:
        _until(page, "document.body.dataset.live === 'dead'", DEAD_S - STALE_S + MARGIN_S)
        expect(page.locator(".bar[data-kind=dead]")).to_be_visible()
        expect(page.locator(".bar[data-kind=dead]")).to_contain_text("Not live: check patients")


def _is_live_again(page: Page) -> None:
    _until(page, "document.body.dataset.live === 'live'", 15)
    expect(page.locator(".bar[data-kind=stale]")).to_be_hidden()
    expect(page.locator(".bar[data-kind=dead]")).to_be_hidden()


def _heard(page: Page) -> None:
    """The page has heard the server at least once."""
    _until(page, "document.body.dataset.live === 'live'", 10)
    page.wait_for_timeout(6000)


def test_a_frozen_server_is_noticed(served: Served, opens: Opens) -> None:
    page = opens(served.address)
    _heard(page)
    served.freeze()
    try:
        _says_stale(page, dead=True)
    finally:
        served.thaw()
    _is_live_again(page)


def test_a_frozen_database_is_noticed(served: Served, opens: Opens, fresh_database: str) -> None:
    page = opens(served.address)
    _heard(page)
    with _frozen_database(fresh_database):
        _says_stale(page)
    _is_live_again(page)


def test_a_silent_network_is_noticed(served: Served, opens: Opens) -> None:
    wire = Wire(int(served.address.rpartition(":")[2]))
    try:
        address = f"http://127.0.0.1:{wire.port}"
        also_reached_at(address, served)
        page = opens(address)
        _heard(page)
        wire.open.clear()
        _says_stale(page)
        wire.open.set()
        _is_live_again(page)
    finally:
        wire.close()


def test_a_frozen_watch_is_noticed(fresh_database: str, opens: Opens) -> None:
    with serving(fresh_database) as served, watching(fresh_database) as watch:
        page = opens(served.address)
        _until(page, "document.body.dataset.watch === 'awake'", 20)
        os.kill(watch.pid, signal.SIGSTOP)
        _until(page, "document.body.dataset.watch === 'silent'", DEAD_S)
        expect(page.locator(".bar[data-kind=watch]")).to_be_visible()
        assert _live(page) == "live"
        os.kill(watch.pid, signal.SIGCONT)
        _until(page, "document.body.dataset.watch === 'awake'", 15)
        expect(page.locator(".bar[data-kind=watch]")).to_be_hidden()


def test_a_restarted_server_is_found_again(fresh_database: str, opens: Opens) -> None:
    port = free_port()
    with watching(fresh_database):
        with serving(fresh_database, port) as served:
            page = opens(served.address)
            _heard(page)
        time.sleep(2)
        with serving(fresh_database, port):
            page.evaluate("window.before = performance.now()")
            page.wait_for_timeout(8000)
            _until(page, "document.body.dataset.live === 'live'", 15)
            silence = page.locator("[data-live-age]").first.inner_text()
            assert int(silence.split()[0]) <= 6
