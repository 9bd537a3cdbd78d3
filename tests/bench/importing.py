"""import_vs_copy: taking in rows with checks and scores, against COPY of the same bytes."""

import csv
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from backend.interop.csv_import import mapping
from backend.interop.csv_import.service import import_file
from tests import build
from tests.bench.ground import Ground, sessions_on

ROUNDS = 3
PATIENTS = 100
SETS = 26
BEGIN = datetime(2026, 1, 5, 6, tzinfo=UTC)
VITALS = {
    "respiratory_rate_per_min": "16",
    "spo2_percent": "97",
    "systolic_mmhg": "124",
    "diastolic_mmhg": "78",
    "pulse_per_min": "72",
}
HEADER = ("patient", "at", "item", "value")


@dataclass(frozen=True)
class Importing:
    """Rows per second on both ways."""

    ratio: float
    import_per_s: float
    copy_per_s: float


def measure(ground: Ground) -> Importing:
    """The same rows each round, under a new source, so that nothing is known already."""
    url = ground.copy("import")
    path = ground.data / "rows.csv"
    rows = _write(path)
    imported, copied = [], []
    with sessions_on(url) as sessions:
        for number in range(ROUNDS):
            started = time.perf_counter()
            summary = import_file(sessions, path, _mapping(number), f"import-{number}")
            imported.append(rows / (time.perf_counter() - started))
            assert summary.stored == rows, summary.as_json()
            copied.append(rows / _copy(url, path))
    ground.drop("import")
    return Importing(
        statistics.median(ours / bare for ours, bare in zip(imported, copied, strict=True)),
        statistics.median(imported),
        statistics.median(copied),
    )


def _write(path: Path) -> int:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        rows = list(_rows())
        writer.writerows(rows)
    return len(rows)


def _rows() -> Iterator[tuple[str, str, str, str]]:
    """Sets every four hours: vital signs and CIWA-Ar that rises and falls."""
    for patient in range(PATIENTS):
        for number in range(SETS):
            at = (BEGIN + timedelta(days=patient % 30, hours=4 * number)).isoformat()
            for name, value in VITALS.items():
                yield f"P{patient}", at, name, value
            for place, item in enumerate(build.CIWA_AR):
                yield f"P{patient}", at, item, str((patient + number + place) % 5)


def _mapping(number: int) -> mapping.FileMapping:
    vitals = "".join(
        f'[items.{name}]\nvital = "{name}"\nunit = "{UNITS[name]}"\n' for name in VITALS
    )
    answers = "".join(
        f'[items.{item}]\ninstrument = "ciwa-ar"\nitem = "{item}"\n' for item in build.CIWA_AR
    )
    return mapping.load(
        f'source = "bench-{number}"\n[columns]\npatient = "patient"\nobserved = "at"\n'
        f'item = "item"\nvalue = "value"\n{vitals}{answers}'
    )


UNITS = {
    "respiratory_rate_per_min": "/min",
    "spo2_percent": "%",
    "systolic_mmhg": "mmHg",
    "diastolic_mmhg": "mmHg",
    "pulse_per_min": "/min",
}


def _copy(url: str, path: Path) -> float:
    """Seconds for plain COPY into a table without an index, as safe from a crash as an import."""
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS plain")
        connection.execute(
            "CREATE TABLE plain (patient text, at timestamptz, item text, value numeric)"
        )
        connection.commit()
        started = time.perf_counter()
        with (
            connection.cursor().copy("COPY plain FROM STDIN (FORMAT csv, HEADER)") as copy,
            path.open("rb") as file,
        ):
            while block := file.read(65536):
                copy.write(block)
        connection.commit()
        return time.perf_counter() - started
