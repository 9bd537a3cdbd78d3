"""`vigil demo` that was killed leaves nothing running, and begins again."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.processes import free_port

PATIENCE_S = 240


def _answers(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=60):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError("the demo did not answer")


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_a_demo_that_was_killed_takes_its_watch_and_its_database_along(tmp_path: Path) -> None:
    port = free_port()
    own = {k: v for k, v in os.environ.items() if not k.startswith("VIGIL_")}
    own |= {"VIGIL_DATA_DIR": str(tmp_path), "VIGIL_PORT": str(port), "VIGIL_DEMO_DAYS": "1"}
    running = tmp_path / "postgres" / "postmaster.pid"
    for last in (False, True):
        demo = subprocess.Popen([sys.executable, "-m", "backend.cli", "demo"], env=own)
        try:
            _answers(port, demo)
            watch = psutil.Process(demo.pid).children()[0]
            assert "watch" in watch.cmdline()
            if last:
                demo.send_signal(signal.SIGINT)
            else:
                demo.kill()
            demo.wait(30)
            watch.wait(30)
        finally:
            demo.kill()
        deadline = time.monotonic() + 30
        while running.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not running.exists(), "PostgreSQL was left running"
