"""Runs every measurement and prints a table; with FORMAT=json, one object as the last line."""

import json
import os
import sys
import time
from dataclasses import dataclass

from tests.bench import board, history, importing, recording, screens, starting
from tests.bench.ground import ground

SHORT = 100_000
LONG, LARGE = 1_000_000, 10_000_000


@dataclass(frozen=True)
class Figure:
    """One line of the table. `must` is a floor where more is better, else a ceiling."""

    name: str
    value: float
    must: float
    aim: float
    more_is_better: bool
    detail: str

    def line(self) -> str:
        """For a person."""
        sign = "≥" if self.more_is_better else "≤"
        enough = self.value >= self.must if self.more_is_better else self.value <= self.must
        verdict = "" if enough else "  MISSED"
        return (
            f"{self.name:<16}{self.value:>9.3g}   {sign} {self.must:<6g}"
            f"aim {self.aim:<7g}{self.detail}{verdict}"
        )


def figures(*, large: bool) -> list[Figure]:
    """Every figure, measured on one machine in one run."""
    long = LARGE if large else LONG
    with ground() as made:
        say("starting the demo")
        first_ms, second_ms = starting.measure(made)
        say("importing")
        imported = importing.measure(made)
        say(f"making {SHORT:,} sets")
        history.grow(made.copy("short"), SHORT)
        say("recording")
        recorded = recording.measure(made, "short")
        say(f"making {long:,} sets")
        history.grow(made.copy("long", of="short"), long)
        say("reading the board")
        grown = board.growth(made, "short", "long")
        made.drop("long")
        pages = board.pages(made, "short")
        say(f"{screens.BOARDS} open boards, then {screens.MANY_STREAMS:,} streams")
        shown = screens.measure(made, "short")
    return [
        Figure(
            "record_vs_sql",
            recorded.ratio,
            0.25,
            0.40,
            more_is_better=True,
            detail=f"{recorded.http_per_s:.0f}/s over HTTP, {recorded.sql_per_s:.0f}/s bare,"
            f" {recorded.statements:.1f} statements, {recorded.cpu_ms:.1f} ms CPU",
        ),
        Figure(
            "board_growth",
            grown.ratio,
            1.3,
            1.1,
            more_is_better=False,
            detail=f"{grown.short_ms:.1f} ms at {SHORT:,}, {grown.long_ms:.1f} ms at {long:,}",
        ),
        Figure(
            "board_vs_noop",
            pages.ratio,
            40,
            20,
            more_is_better=False,
            detail=f"{pages.board_ms:.1f} ms after a change, {pages.shared_ms:.1f} ms shared,"
            f" {pages.noop_ms:.1f} ms without data",
        ),
        Figure(
            "screen_p50_ms",
            shown.p50_ms,
            1000,
            100,
            more_is_better=False,
            detail=f"{screens.BOARDS} open boards",
        ),
        Figure(
            "screen_p99_ms",
            shown.p99_ms,
            1000,
            100,
            more_is_better=False,
            detail=f"{shown.kb_per_stream:.0f} KB a screen with {shown.streams:,} streams",
        ),
        Figure(
            "import_vs_copy",
            imported.ratio,
            0.05,
            0.15,
            more_is_better=True,
            detail=f"{imported.import_per_s:,.0f} rows/s, COPY {imported.copy_per_s:,.0f} rows/s",
        ),
        Figure(
            "start_second_ms",
            second_ms,
            5000,
            1500,
            more_is_better=False,
            detail=f"the first start {first_ms:.0f} ms",
        ),
    ]


def say(words: str) -> None:
    """What is going on, for whoever waits."""
    sys.stderr.write(f"  {words} …\n")


def main() -> None:
    """Measure, then tell."""
    started = time.monotonic()
    found = figures(large="--large" in sys.argv[1:])
    lines = [figure.line() for figure in found]
    lines.append(f"measured in {time.monotonic() - started:.0f} s")
    if os.environ.get("FORMAT") == "json":
        lines.append(json.dumps({figure.name: round(figure.value, 4) for figure in found}))
    sys.stdout.write("\n".join(lines) + "\n")


main()
