"""`vigil import` and `vigil replay` as people type them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from backend.core.web import ROOT
from backend.observations.models import Observation, Source
from tests.interop.csv_import.conftest import CIWA_AR, MAPPING, ciwa_ar, row, written

Vigil = Callable[..., subprocess.Popen[str]]
PATIENCE_S = 180  # of a busy machine


@pytest.fixture
def vigil(import_database: str) -> Iterator[Vigil]:
    """`vigil("import", ...)` in a process of its own, on the database of these tests."""

    started: list[subprocess.Popen[str]] = []

    def run(*arguments: object) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "backend.cli", *map(str, arguments)],
                cwd=ROOT,
                env={**os.environ, "VIGIL_DATABASE_URL": import_database},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def mapping(tmp_path: Path, source: str) -> Path:
    """The mapping of these tests as a file."""
    answers = "\n".join(
        f'{item} = {{ instrument = "ciwa-ar", item = "{item}" }}' for item in CIWA_AR
    )
    path = tmp_path / "map.toml"
    path.write_text(MAPPING.format(source=source, answers=answers), "utf-8")
    return path


def test_the_summary_as_json_is_one_object_of_the_agreed_form(
    vigil: Vigil, mapping: Path, tmp_path: Path
) -> None:
    rows = [*ciwa_ar("08:00", 3, 2), *ciwa_ar("09:00", 1)[:4], row("09:00", "weight", 80)]
    path = written(tmp_path / "records.csv", rows)
    process = vigil(
        "import", "observations", path, "--mapping", mapping, "--unit", "typed", "--json"
    )
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert json.loads(out) == {
        "read": 15,
        "stored": 14,
        "duplicate": 0,
        "rejected": 1,
        "reasons": {"item not mapped": 1},
        "instruments": {"ciwa-ar": {"complete": 1, "incomplete": 1, "totals": [5, None]}},
        "findings": [],
    }
    assert (tmp_path / "records.csv.rejected.csv").is_file()


def test_the_summary_in_words_names_the_file_of_the_rejected(
    vigil: Vigil, mapping: Path, tmp_path: Path
) -> None:
    path = written(tmp_path / "records.csv", [*ciwa_ar("08:00", 7, 7, 7), row("08:00", "x", 1)])
    rejects = tmp_path / "elsewhere" / "no.csv"
    process = vigil(
        *("import", "observations", path, "--mapping", mapping),
        *("--unit", "typed", "--rejects", rejects),
    )
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert "11 rows read: 10 stored, 0 known already, 1 rejected." in out
    assert str(rejects) in out
    assert "CIWA-Ar severe (urgent)" in out
    assert rejects.is_file()


@pytest.mark.parametrize("wrong", ["mapping", "file", "unit"])
def test_what_is_wrong_is_said_in_a_sentence(
    vigil: Vigil, mapping: Path, tmp_path: Path, wrong: str
) -> None:
    path = written(tmp_path / "records.csv", ciwa_ar("08:00"))
    if wrong == "mapping":
        mapping.write_text("source = 1", "utf-8")
    process = vigil(
        *("import", "observations", tmp_path / "none.csv" if wrong == "file" else path),
        *("--mapping", mapping, "--unit", "Ward 7!" if wrong == "unit" else "typed"),
    )
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert out == ""
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_a_replay_stops_cleanly(
    vigil: Vigil, mapping: Path, tmp_path: Path, sessions: sessionmaker[Session]
) -> None:
    rows = [row(f"{hour:02}:00", "hr", 70 + hour, "bpm") for hour in range(20)]
    path = written(tmp_path / "records.csv", rows)
    process = vigil("replay", path, "--mapping", mapping, "--unit", "typed-live", "--speed", "600")
    played = select(func.count()).where(Observation.source == Source.REPLAY)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        with sessions() as session:
            if session.scalars(played).one():
                break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    found = re.search(r"Stopped\. 1 patients, (\d+) sets; their stays have ended\.", out)
    assert found
    assert 1 <= int(found[1]) < 20
