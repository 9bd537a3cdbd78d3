"""record_vs_before: saving a set now, against an earlier revision, in turns on one machine.

`make bench-before BEFORE=<revision>` checks that revision out beside this one for a while.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.core.web import ROOT

TURNS = 3
# Only what both revisions have: their own ground, history and measurement.
MEASURE = """
import dataclasses, json
from tests.bench import history, recording
from tests.bench.ground import ground
with ground() as made:
    history.grow(made.copy("short"), 100_000)
    print(json.dumps(dataclasses.asdict(recording.measure(made, "short"))))
"""


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """A work tree of this revision, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="vigil-before-") as folder:
        place = Path(folder) / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(place), revision)
        try:
            yield place
        finally:
            _git("worktree", "remove", "--force", str(place))


def _git(*words: str) -> None:
    subprocess.run(["git", *words], cwd=ROOT, check=True)


def measured(tree: Path) -> dict[str, float]:
    """Recording in this tree: the folder a program starts in comes first among its imports."""
    said = subprocess.run(
        [sys.executable, "-c", MEASURE], cwd=tree, check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return found


def main(revision: str) -> None:
    """Before and now by turns, so that a slow minute of the machine hits both."""
    ratios, costs = [], []
    with checked_out(revision) as earlier:
        for turn in range(TURNS):
            before, now = measured(earlier), measured(ROOT)
            ratios.append(now["http_per_s"] / before["http_per_s"])
            costs.append(now["cpu_ms"] / before["cpu_ms"])
            sys.stderr.write(
                f"  turn {turn + 1}: {before['http_per_s']:.0f}/s before,"
                f" {now['http_per_s']:.0f}/s now\n"
            )
    ratio, cost = statistics.median(ratios), statistics.median(costs)
    sys.stdout.write(f"record_vs_before {ratio:.2f}   CPU per save {cost:.2f} x\n")
    sys.stdout.write(json.dumps({"record_vs_before": round(ratio, 4)}) + "\n")


main(sys.argv[1])
