"""record_vs_sql: saving a set over HTTP, against the very same statements by the bare driver."""

import asyncio
import statistics
import time
from dataclasses import dataclass

import psutil

from tests import processes
from tests.bench import replay, sheets
from tests.bench.ground import CIWA_B_TOTALS, Ground
from tests.bench.http import Line

LINES = 8
ROUNDS = 5
ROUND_S = 4.0


@dataclass(frozen=True)
class Recording:
    """Saves per second on both ways, and what one costs the web process."""

    ratio: float
    http_per_s: float
    sql_per_s: float
    statements: float
    cpu_ms: float


def measure(ground: Ground, database: str) -> Recording:
    """Both ways in turn, each on its own copy of the same database."""
    by_http, by_sql = (
        ground.copy("record_http", of=database),
        ground.copy("record_sql", of=database),
    )
    turns = replay.write_down(ground, by_sql)
    http, sql, cpu = [], [], []
    with processes.serving(by_http, by=processes.start_anew) as served:
        port = int(served.address.rpartition(":")[2])
        web = psutil.Process(served.process.pid)
        asyncio.run(_saturate(ground, port, 1.0))
        replay.saturate(by_sql, turns, ground, LINES, 1.0)
        for _ in range(ROUNDS):
            before = sum(web.cpu_times()[:2])
            saves, seconds = asyncio.run(_saturate(ground, port, ROUND_S))
            cpu.append((sum(web.cpu_times()[:2]) - before) / saves * 1000)
            http.append(saves / seconds)
            sql.append(replay.saturate(by_sql, turns, ground, LINES, ROUND_S))
    ground.drop("record_http")
    ground.drop("record_sql")
    return Recording(
        ratio=statistics.median(ours / bare for ours, bare in zip(http, sql, strict=True)),
        http_per_s=statistics.median(http),
        sql_per_s=statistics.median(sql),
        statements=statistics.mean(len(turn.steps) for turn in turns),
        cpu_ms=statistics.median(cpu),
    )


async def _saturate(ground: Ground, port: int, s: float) -> tuple[int, float]:
    started = time.perf_counter()
    until = started + s
    counts = await asyncio.gather(*(_save(ground, port, number, until) for number in range(LINES)))
    return sum(counts), time.perf_counter() - started


async def _save(ground: Ground, port: int, number: int, until: float) -> int:
    """One browser, over its own stays, whole turns like the replay's."""
    done = 0
    async with Line(port, ground.tokens[number]) as line:
        while time.perf_counter() < until:
            for place in ground.places[number::LINES]:
                path = f"/stays/{place.stay_id}/observations"
                for turn in range(len(CIWA_B_TOTALS)):
                    answer = await line.post(
                        path, sheets.form(place.stay_id, ground.opened(number), turn)
                    )
                    assert answer.status == 303, (answer.status, answer.body[:2000])
                    done += 1
    return done
