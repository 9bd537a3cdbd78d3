"""`vigil serve` as a service manager runs it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest


@pytest.mark.faults
def test_told_to_stop_it_leaves_no_postgresql_behind(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {k: v for k, v in os.environ.items() if not k.startswith("VIGIL_")}
    own |= {"VIGIL_DATA_DIR": str(tmp_path), "VIGIL_PORT": str(port)}
    server = subprocess.Popen([sys.executable, "-m", "backend.cli", "serve"], env=own)
    running = tmp_path / "postgres" / "postmaster.pid"
    try:
        deadline = time.monotonic() + 90
        while not running.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60)
            except (urllib.error.URLError, OSError):
                continue
        assert running.exists()
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        assert not running.exists()
    finally:
        server.kill()


@pytest.mark.parametrize("noun", ["serve", "demo"])
def test_a_port_that_is_taken_is_one_sentence(noun: str, tmp_path: Path) -> None:
    own = {k: v for k, v in os.environ.items() if not k.startswith("VIGIL_")}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        own |= {"VIGIL_DATA_DIR": str(tmp_path), "VIGIL_PORT": str(port)}
        ended = subprocess.run(
            [sys.executable, "-m", "backend.cli", noun],
            env=own,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert f"port {port} (Address already in use): stop what runs there" in ended.stderr
    assert "Vigil is on" not in ended.stdout
    assert list(tmp_path.iterdir()) == []
