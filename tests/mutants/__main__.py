"""`python -m tests.mutants`: each rule of the policy is broken in turn, and some test must notice.

One database for all runs, which the tests roll back. A change that no test notices is printed and
fails, unless `equivalent.toml` says why it changes nothing; so does a reason that is out of date.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.core import embedded_postgres
from backend.core.web import ROOT
from tests import conftest

RUN = ROOT / "mutants"
EQUIVALENT = Path(__file__).parent / "equivalent.toml"
# By a test, or by the type checker, which `make lint` runs.
NOTICED = {"killed", "caught by type check"}
BOTH = {"+++", "---"}
MUTMUT = str(Path(sys.executable).parent / "mutmut")


@dataclass(frozen=True)
class Change:
    """A function, and which of its lines became which."""

    function: str
    line: str


@contextmanager
def ready_database() -> Iterator[dict[str, str]]:
    """One migrated database with the ward in it, and what tells the tests so."""
    try:
        conftest.made_ready("vigil_mutants_test")
        yield {
            "VIGIL_DATABASE_URL": os.environ["VIGIL_DATABASE_URL"],
            "VIGIL_TEST_DATABASE": "ready",
        }
    finally:
        embedded_postgres.leave(conftest.DATA / "postgres")


def _mutmut(*arguments: str, **environment: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [MUTMUT, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment, "PATH": path},
        stdout=None if arguments[0] == "run" else subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout or ""


def _change(name: str) -> tuple[Change, str]:
    """Which line became which, and the whole difference."""
    difference = _mutmut("show", name)
    rows = [row for row in difference.splitlines() if row[:1] in "+-" and row[:3] not in BOTH]
    gone = " ".join(row[1:].strip() for row in rows if row[0] == "-")
    came = " ".join(row[1:].strip() for row in rows if row[0] == "+")
    function = name.rpartition("__mutmut_")[0].replace("ǁ", ".").replace(".x_", ".")
    return Change(function.replace(".x.", "."), f"{gone} => {came}"), difference


def judge(known: set[Change]) -> int:
    """How many changes nobody noticed or explained, or were explained in vain. Printed."""
    rows = [row.strip().rpartition(": ") for row in _mutmut("results", "--all", "1").splitlines()]
    changes = {name: status for name, _, status in rows if name}
    survived = dict(_change(name) for name, status in changes.items() if status not in NOTICED)
    for change in survived.keys() - known:
        print(f"\nNo test notices: {change.function}\n{change.line}\n{survived[change]}")  # noqa: T201
    for change in known - survived.keys():
        print(f"\nOut of date in {EQUIVALENT.name}: {change}")  # noqa: T201
    print(f"\n{len(changes)} changes, {len(survived)} unnoticed, {len(known)} explained.")  # noqa: T201
    return len(survived.keys() ^ known) if changes else 1


def main() -> int:
    """0 when nothing went unnoticed."""
    shutil.rmtree(RUN, ignore_errors=True)
    with ready_database() as environment:
        _mutmut("run", "--max-children", os.environ.get("WORKERS", "2"), **environment)
    explained = tomllib.loads(EQUIVALENT.read_text()).get("equivalent", [])
    return min(1, judge({Change(one["function"], one["line"]) for one in explained}))


if __name__ == "__main__":
    sys.exit(main())
