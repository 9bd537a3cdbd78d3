"""No hazard and no rule rests on a test that does not exist."""

import ast
import os
import subprocess
import sys
from datetime import date
from typing import Any

import pytest

from backend.core.web import ROOT
from tests.safety import log

HAZARDS, POINTS = log.hazards(), log.points()
NAMED = sorted({name for row in (*HAZARDS, *POINTS) for name in row.get("tests", ())})


@pytest.fixture(scope="module")
def collected() -> set[str]:
    """What pytest itself finds in the files that are named, by file and function."""
    files = sorted({name.partition("::")[0] for name in NAMED})
    missing = [name for name in files if not (ROOT / name).is_file()]
    assert missing == []
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "", "-n", "0", *files],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if "XDIST" not in name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-2000:]
    return {line.partition("[")[0] for line in found.stdout.splitlines() if "::" in line}


def test_every_test_that_is_named_exists(collected: set[str]) -> None:
    assert [name for name in NAMED if name not in collected] == []


@pytest.mark.parametrize("name", NAMED)
def test_no_proof_is_left_out_when_tests_run(name: str) -> None:
    """Nor may a test that is skipped or expected to fail stand for a control."""
    file, _, function = name.partition("::")
    tree = ast.parse((ROOT / file).read_text())
    (found,) = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function]
    marks = [ast.unparse(mark) for mark in found.decorator_list]
    marks += [
        ast.unparse(n.value)
        for n in tree.body
        if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "pytestmark"
    ]
    assert not [mark for mark in marks if "skip" in mark or "xfail" in mark]


@pytest.mark.parametrize("row", HAZARDS, ids=lambda row: row["id"])
def test_a_hazard_that_matters_has_a_test(row: dict[str, Any]) -> None:
    held = bool(row.get("tests")) != bool(row.get("not_built"))
    assert held or log.risk(row["severity"], row["likelihood"]) < 3
    for column in ("hazard", "cause", "harm", "control", "type"):
        assert row[column]
    assert set(str(row["type"]).split(", ")) <= {"design", "test", "training", "process"}


@pytest.mark.parametrize("row", POINTS, ids=lambda row: row["number"])
def test_a_point_has_a_proof_or_says_what_is_missing(row: dict[str, Any]) -> None:
    assert row.get("tests") or row.get("open")
    if "open" in row:
        assert isinstance(row["dated"], date)
        assert row["owner"]


def test_nothing_is_left_out() -> None:
    assert [row["id"] for row in HAZARDS] == [f"H{number}" for number in range(1, 21)]
    assert [row["number"] for row in POINTS] == list(range(1, 53))


def test_the_matrix_is_that_of_the_plan() -> None:
    plan = (log.FOLDER / "risk-management-plan.md").read_text()
    for severity, risks in log.MATRIX.items():
        cells = " | ".join(str(one) for one in risks)
        assert f"| {log.SEVERITY[severity]} ({severity}) | {cells} |" in plan


@pytest.mark.parametrize("name", log.PAGES)
def test_a_page_says_what_its_table_says(name: str) -> None:
    written = (log.FOLDER / name).read_text()
    assert written == log.PAGES[name](), "run: .venv/bin/python -m tests.safety"


def test_nothing_in_the_file_is_signed() -> None:
    """Only a human clinician can accept a risk; whoever does so changes this test in their fork."""
    for page in log.FOLDER.glob("*.md"):
        text = page.read_text()
        assert "draft" in text.lower(), page.name
