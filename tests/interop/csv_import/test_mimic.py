"""Real charts: the MIMIC-III demo, where it lies beside the checkout. Never part of the project."""

import csv
import gzip
import os
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from backend.alerts.models import Alert
from backend.core.web import ROOT
from backend.interop.csv_import import mapping as mappings
from backend.interop.csv_import.service import import_file
from backend.interop.csv_import.tally import Summary
from backend.observations.models import Observation, Score
from backend.rounds.models import Round
from backend.stays.models import Stay

DATA = Path(os.environ.get("VIGIL_REAL_DATA") or ROOT.parent / "shared" / "data") / "mimic3-demo"
EXAMPLES = ROOT / "docs" / "examples"
CIWA, VITALS = DATA / "ciwa_items_long.csv", DATA / "vitals_long.csv.gz"
IS_THERE = CIWA.is_file() and VITALS.is_file()
pytestmark = pytest.mark.skipif(
    not IS_THERE, reason="no real records here: 5 tests of 105,767 rows not run (VIGIL_REAL_DATA)"
)
# Diazepam, clonidine and thiamine over 18 hours; the items are real, the totals their sums.
TOTALS_OF_42292 = [6, 8, 4, 4, 4, 5, 4, 5, 5, 3, 2]

Sessions = sessionmaker[Session]


def taken_in(sessions: Sessions, path: Path, mapping: str, rejects: Path) -> Summary:
    found = mappings.read(EXAMPLES / mapping)
    summary = import_file(sessions, path, found, "icu", rejects=rejects)
    assert summary.read == summary.stored + summary.duplicate + summary.rejected
    return summary


@pytest.fixture(scope="module")
def ciwa(sessions: Sessions, tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """The CIWA-Ar items of two patients."""
    rejects = tmp_path_factory.mktemp("ciwa") / "rejected.csv"
    return taken_in(sessions, CIWA, "mimic3-ciwa.toml", rejects)


@pytest.fixture(scope="module")
def vitals(
    sessions: Sessions,
    ciwa: Summary,  # noqa: ARG001 (both files speak of the same stays)
    tmp_path_factory: pytest.TempPathFactory,
) -> Summary:
    """The vital signs of a hundred patients."""
    rejects = tmp_path_factory.mktemp("vitals") / "rejected.csv"
    return taken_in(sessions, VITALS, "mimic3-vitals.toml", rejects)


def totals_of(summary: Summary, patient: str) -> list[int | None]:
    return [one.total for one in summary.totals if one.patient == patient]


def test_the_totals_of_a_real_withdrawal_are_the_sums_of_its_items(ciwa: Summary) -> None:
    assert totals_of(ciwa, "42292") == TOTALS_OF_42292
    assert [total for total in TOTALS_OF_42292 if total >= 8] == [8]
    assert totals_of(ciwa, "41914") == [None, None]
    found = ciwa.as_json()["instruments"]
    assert found == {
        "ciwa-ar": {"complete": 11, "incomplete": 2, "totals": [None, None, *TOTALS_OF_42292]}
    }
    assert ciwa.reasons == {"item not mapped": 48}
    assert ciwa.stored == 120


def test_every_row_of_a_hundred_charts_ends_somewhere(sessions: Sessions, vitals: Summary) -> None:
    assert vitals.read == 105_599
    with vitals.rejects.open(encoding="utf-8", newline="") as file:
        rejected = {int(row["line"]): row for row in csv.DictReader(file)}
    assert len(rejected) == vitals.rejected
    with gzip.open(VITALS, "rt", encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), 2):
            if line in rejected:
                assert row.items() <= rejected[line].items()
    with sessions() as session:
        columns = [
            getattr(Observation, name)
            for name in Observation.__table__.columns.keys()  # noqa: SIM118
            if name.endswith(("_per_min", "_percent", "_mmhg", "_c"))
            or name in ("on_oxygen", "consciousness")
        ]
        values = session.execute(select(*[func.count(column) for column in columns])).one()
    assert sum(values) == vitals.stored


def test_nothing_is_raised_and_nobody_lies_on_the_board(
    sessions: Sessions,
    vitals: Summary,
) -> None:
    assert {flag.rule for flag in vitals.flags} >= {"news2-5", "news2-7", "news2-red"}
    with sessions() as session:
        for table in (Alert, Round):
            assert session.scalars(select(func.count()).select_from(table)).one() == 0
        here = select(func.count()).select_from(Stay).where(Stay.discharged_at.is_(None))
        assert session.scalars(here).one() == 0


def test_a_pressure_of_11647_is_rejected_and_never_scored(
    sessions: Sessions, vitals: Summary
) -> None:
    with vitals.rejects.open(encoding="utf-8", newline="") as file:
        (absurd,) = [row for row in csv.DictReader(file) if row["value"] == "11647"]
    assert absurd["reason"] == "impossible value"
    with sessions() as session:
        highest = session.scalars(select(func.max(Observation.systolic_mmhg))).one()
        scored = session.scalars(
            select(func.max(Score.answers["systolic_mmhg"].as_integer()))
        ).one()
    assert highest == scored
    assert highest is not None
    assert highest <= 300


def test_the_same_charts_again_are_known_row_by_row(
    sessions: Sessions, vitals: Summary, tmp_path: Path
) -> None:
    again = taken_in(sessions, VITALS, "mimic3-vitals.toml", tmp_path / "rejected.csv")
    assert again.stored == 0
    assert again.duplicate == vitals.stored + vitals.duplicate
    assert again.reasons == vitals.reasons
    assert again.as_json()["instruments"] == vitals.as_json()["instruments"]
