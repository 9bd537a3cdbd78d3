"""A database of their own for imports, which really commit, and files to import."""

import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy.orm import Session, sessionmaker

from backend.clinical.scale import latest
from backend.interop.csv_import import mapping as mappings
from backend.interop.csv_import.mapping import FileMapping
from backend.interop.csv_import.service import import_file
from backend.interop.csv_import.tally import Summary
from tests.conftest import WORKER, _execute, named, recreate, sessions_on

HEADER = ("who", "visit", "seen", "written", "code", "value", "unit")
MAPPING = """
source = "{source}"
nulls = ["NULL"]
[columns]
patient = "who"
stay = "visit"
observed = "seen"
entered = "written"
item = "code"
value = "value"
unit = "unit"
[units]
"deg F" = "°F"
"bps" = "/min"
[items]
rr = {{ vital = "respiratory_rate_per_min", unit = "/min" }}
spo2 = {{ vital = "spo2_percent", unit = "%" }}
sbp = {{ vital = "systolic_mmhg", unit = "mmHg" }}
dbp = {{ vital = "diastolic_mmhg", unit = "mmHg" }}
art-sbp = {{ vital = "systolic_mmhg", unit = "mmHg", channel = "arterial line" }}
art-dbp = {{ vital = "diastolic_mmhg", unit = "mmHg", channel = "arterial line" }}
hr = {{ vital = "pulse_per_min" }}
temp = {{ vital = "temperature_c" }}
o2 = {{ vital = "on_oxygen", values = {{ None = false, Mask = true }} }}
flow = {{ vital = "oxygen_l_per_min", unit = "L/min" }}
mind = {{ vital = "consciousness", values = {{ awake = "A", confused = "C" }} }}
hours = {{ instrument = "ciwa-b", item = "sleep_hours" }}
total = {{ total = "ciwa-ar" }}
{answers}
"""
CIWA_AR = [item.id for item in latest()["ciwa-ar"].items]

Row = Sequence[object]
Imports = Callable[..., Summary]


def mapping(source: str) -> FileMapping:
    """The mapping of these tests. Each test has an origin, and so patients, of its own."""
    answers = "\n".join(
        f'{item} = {{ instrument = "ciwa-ar", item = "{item}" }}' for item in CIWA_AR
    )
    return mappings.load(MAPPING.format(source=source, answers=answers))


def row(
    seen: str,
    code: str,
    value: object,
    unit: str = "",
    *,
    who: str = "p1",
    visit: str = "v1",
    written: str = "",
) -> Row:
    """One row of the file; times without a date are of one day in 2101."""
    return (who, visit, day(seen), day(written), code, value, unit)


def day(text: str) -> str:
    """ "08:00" -> a moment of the day of these tests."""
    return f"2101-03-04T{text}:00Z" if len(text) == 5 else text


def ciwa_ar(seen: str, *values: int, **others: str) -> list[Row]:
    """A CIWA-Ar; answers that are not given are 0."""
    answers = [*values, *[0] * (len(CIWA_AR) - len(values))]
    return [row(seen, item, value, **others) for item, value in zip(CIWA_AR, answers, strict=True)]


def written(path: Path, rows: Sequence[Row]) -> Path:
    """The rows as a CSV file, packed if its name says so."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows)
    return path


def rejected(summary: Summary) -> list[tuple[int, str]]:
    """Line and reason of every rejected row, as its file says."""
    with summary.rejects.open(encoding="utf-8", newline="") as file:
        return sorted((int(cells["line"]), cells["reason"]) for cells in csv.DictReader(file))


@pytest.fixture(scope="module")
def import_database(
    server: str,
    template: str,
    database: str,  # noqa: ARG001 (the settings point at it, not at the template)
) -> Iterator[str]:
    """A database that the tests of one file share."""
    name = f"vigil_{WORKER}_import_test"
    recreate(server, name, template)
    yield named(server, name)
    _execute(
        server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    )


@pytest.fixture(scope="module")
def sessions(import_database: str) -> Iterator[sessionmaker[Session]]:
    """Sessions on it that really commit."""
    with sessions_on(import_database) as made:
        yield made


@pytest.fixture
def source(request: pytest.FixtureRequest) -> str:
    """The origin of this test's patients."""
    return str(request.node.name)[:80]


@pytest.fixture
def imports(sessions: sessionmaker[Session], source: str, tmp_path: Path) -> Imports:
    """`imports(rows)` writes them to a file and takes it in on the unit "past"."""

    def run(
        rows: Sequence[Row], *, name: str = "records.csv", unit: str = "past", origin: str = source
    ) -> Summary:
        path = written(tmp_path / name, rows)
        return import_file(sessions, path, mapping(origin), unit)

    return run
