"""start_second_ms: how long `vigil demo` takes to answer, once its data is there."""

import os
import signal
import statistics
import subprocess
import sys
import time

import httpx

from backend.core.web import ROOT
from tests import processes
from tests.bench.ground import Ground

ROUNDS = 3
PATIENCE_S = 240


def measure(ground: Ground) -> tuple[float, float]:
    """Milliseconds of the first start, and of the second (median)."""
    first = _start(ground)
    return first, statistics.median(_start(ground) for _ in range(ROUNDS))


def _start(ground: Ground) -> float:
    port = processes.free_port()
    environment = {
        **os.environ,
        "VIGIL_DATA_DIR": str(ground.data / "demo"),
        "VIGIL_PORT": str(port),
    }
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "backend.cli", "demo"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/sign-in", process)
        return (time.perf_counter() - started) * 1000
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(address, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.02)
    raise TimeoutError("the demo did not answer")
