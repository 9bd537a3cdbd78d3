"""`vigil report shift`: the same report as on screen, from a shell and on record."""

import csv
import io
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import openpyxl
import pypdf
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner

from backend.care.disclosures.models import Basis, Disclosure
from backend.cli import app
from tests import build, people
from tests.conftest import sessions_on
from tests.reports import night

START = "2026-03-10T07:00"
Vigil = Callable[..., tuple[int, str]]


@pytest.fixture
def sessions(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[sessionmaker[Session]]:
    """A database with one patient in one shift."""
    with sessions_on(fresh_database) as made:
        monkeypatch.setattr("backend.cli.report.console_session", made)
        with made.begin() as session:
            ward = people.the_ward(session)
            at = night.shift_of(ward, START).starts_at
            stay = build.stay(session, ward, admitted_at=at, orders={"news2": 240})
            night.chart(session, ward, stay, at + timedelta(minutes=10))
        yield made


@pytest.fixture
def vigil(sessions: sessionmaker[Session]) -> Vigil:  # noqa: ARG001 (what the command reads)
    def run(*args: str, start: str = START) -> tuple[int, str]:
        base = ["report", "shift", "--unit", "lantern", "--start", start]
        done = CliRunner().invoke(app, [*base, *args])
        return done.exit_code, done.output

    return run


def traces(sessions: sessionmaker[Session]) -> list[Disclosure]:
    with sessions() as session:
        return list(session.scalars(select(Disclosure).order_by(Disclosure.id)))


def test_each_format_opens(vigil: Vigil, sessions: sessionmaker[Session], tmp_path: Path) -> None:
    for ending in ("pdf", "xlsx", "csv"):
        code, said = vigil("--format", ending, "--out", str(tmp_path / f"r.{ending}"))
        assert (code, "bytes" in said) == (0, True)
    assert len(pypdf.PdfReader(tmp_path / "r.pdf").pages) > 1
    rows = list(csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text("utf-8-sig"))))
    by_name = {(row["section"], row["subject"], row["figure"]): row["value"] for row in rows}
    assert by_name["observations", "on time", "all"] == "1"
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx")["Rows"]
    # The notice, the ground, the names of the columns.
    assert sheet.max_row - 3 == int(by_name["header", "data rows", ""])
    assert [trace.form for trace in traces(sessions)] == ["pdf", "xlsx", "csv"]
    assert {trace.basis for trace in traces(sessions)} == {Basis.CODED}


def test_the_file_is_for_nobody_else_on_the_machine(vigil: Vigil, tmp_path: Path) -> None:
    vigil("--out", str(tmp_path / "r.pdf"))
    assert stat.S_IMODE((tmp_path / "r.pdf").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["r.pdf"]


def test_names_need_a_reason(vigil: Vigil, sessions: sessionmaker[Session], tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    for refused in (["--identified"], ["--reason", "For the ward round"]):
        code, said = vigil("--format", "csv", "--out", str(out), *refused)
        assert code == 2
        assert said.rstrip().endswith(".")
    assert not out.exists()
    assert traces(sessions) == []
    why = ["--identified", "--reason", "For the ward round", "--to", "Dr Vance", "--of", "Lantern"]
    assert vigil("--format", "csv", "--out", str(out), *why)[0] == 0
    assert "Pennywhistle" in out.read_text("utf-8-sig")
    (trace,) = traces(sessions)
    assert (trace.purpose, trace.basis) == ("For the ward round", Basis.TREATMENT)


def test_a_wrong_start_names_the_shifts_of_that_day(vigil: Vigil, tmp_path: Path) -> None:
    code, said = vigil("--out", str(tmp_path / "r.pdf"), start="2026-03-10T08:00")
    assert code == 2
    assert "07:00 to 19:00, 19:00 to 07:00" in said
    assert not list(tmp_path.iterdir())


def test_the_start_may_carry_an_offset(vigil: Vigil, tmp_path: Path) -> None:
    assert vigil("--out", str(tmp_path / "r.pdf"), start="2026-03-10T06:00:00Z")[0] == 0
    assert vigil("--out", str(tmp_path / "s.pdf"), start="2026-03-10T01:00:00-05:00")[0] == 0


def test_a_place_that_cannot_be_written_is_said_in_a_sentence(vigil: Vigil, tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere" / "r.pdf", tmp_path):
        code, said = vigil("--out", str(place))
        assert code == 1
        assert "cannot be written" in said
        assert "Traceback" not in said


def test_an_unknown_unit_is_answered_with_those_there_are(vigil: Vigil, tmp_path: Path) -> None:
    code, said = vigil("--unit", "nowhere", "--out", str(tmp_path / "r.pdf"))
    assert code == 2
    assert "lantern" in said
