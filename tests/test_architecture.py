"""The house rules that a reader relies on: short files, known names, and nothing left out."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.clinical import scale
from backend.core.web import ROOT

BACKEND = ROOT / "backend"
LONGEST = 300
# Longer for now, and why that reads better than two files.
AGREED = {
    "observations/service.py": "one deed from check to audit, read in one go",
    "rounds/service.py": "one small state machine with all that moves it",
    "observations/chart/plot.py": "geometry that shares its axes",
}
NEVER = {"utils", "common", "constants", "base", "repository", "schemas", "manager", "helpers"}


def _files() -> Iterator[Path]:
    return BACKEND.rglob("*.py")


def _name(path: Path) -> str:
    return path.relative_to(BACKEND).as_posix()


def test_files_are_short_enough_to_read_in_one_go() -> None:
    long = {_name(path) for path in _files() if len(path.read_text().splitlines()) > LONGEST}
    assert long - set(AGREED) == set()


def test_no_exception_outlives_its_reason() -> None:
    long = {_name(path) for path in _files() if len(path.read_text().splitlines()) > LONGEST}
    assert set(AGREED) - long == set()


def test_no_file_or_folder_is_named_for_nothing_in_particular() -> None:
    assert {_name(path) for path in BACKEND.rglob("*") if path.stem in NEVER} == set()


def test_every_table_is_imported_where_tables_are_put_together() -> None:
    tree = ast.parse((BACKEND / "tables.py").read_text())
    imported = {
        node.module.removeprefix("backend.").replace(".", "/") + "/models.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.names[0].name == "models"
    }
    assert imported == {_name(path) for path in BACKEND.rglob("models.py")}


def test_every_deed_that_routes_call_is_audited() -> None:
    """A service that writes rows writes the audit entry in the same breath."""
    silent = set()
    for path in BACKEND.rglob("service.py"):
        text = path.read_text()
        writes = "session.add(" in text or "insert(" in text or "update(" in text
        audits = "audit." in text or "alerts." in text or "note_step" in text
        if writes and not audits and "interop" not in path.parts:
            silent.add(_name(path))
    assert silent - {"audit/service.py"} == set()


def test_only_the_clock_asks_the_time() -> None:
    asking = set()
    for path in _files():
        text = path.read_text()
        if "datetime.now(" in text or "time.time(" in text or "utcnow(" in text:
            asking.add(_name(path))
    assert asking == {"core/clock.py"}


@pytest.mark.parametrize("key", list(scale.latest()))
def test_every_instrument_is_explained_and_tested(key: str) -> None:
    assert (ROOT / "docs" / "clinical" / f"{key}.md").is_file()
    assert any(
        f'"{key}"' in path.read_text() for path in (ROOT / "tests" / "clinical").glob("test_*.py")
    )


def test_every_library_is_pinned_exactly() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    loose = [name for name in wanted if isinstance(name, str) and "==" not in name]
    assert loose == []


def test_no_template_holds_a_script_a_style_or_an_unescaped_value() -> None:
    banned = ("style=", "<style", "hx-on", "javascript:", "|safe", "| safe", "hx-vals='js:")
    found = {
        (path.name, word)
        for path in (ROOT / "templates").rglob("*.html")
        for word in banned
        if word in path.read_text()
    }
    assert found == set()


# What ruff's rules on security forbid too; here without the exceptions that a comment can make.
NEVER_SAFE = {
    "shell": re.compile(r"shell\s*=\s*True|os\.system\(|os\.popen\("),
    "markup": re.compile(r"\bMarkup\(|autoescape\s*=\s*False|\|\s*safe\b"),
    "readers that make objects": re.compile(
        r"\bpickle\b|\bmarshal\b|yaml\.load\(|\beval\(|\bexec\("
    ),
    "XML": re.compile(r"^(import|from) xml\b", re.MULTILINE),
    "statements put together from text": re.compile(
        r"(text|execute)\(\s*(f[\"']|[^)\"']*[\"']\s*(%|\+)\s*[a-z])|[\"']\s*\.format\(.*SELECT"
    ),
    "dice": re.compile(r"^\s*(import random|from random import)|uuid1\(", re.MULTILINE),
    "debugging": re.compile(r"debug\s*=\s*True|breakpoint\("),
}
# Agreed, each with its reason.
SAFE_HERE = {
    ("markup", "board/routes.py"): "a fragment that a template has escaped",
    ("markup", "board/wall/routes.py"): "a fragment that a template has escaped",
    ("statements put together from text", "core/live.py"): "LISTEN takes no parameter: a constant",
    ("statements put together from text", "audit/sealer.py"): "one list of columns, of constants",
    ("statements put together from text", "audit/verification.py"): "the same list, read",
    ("dice", "demo/courses.py"): "invents patients from a seed",
    ("dice", "demo/life.py"): "invents patients from a seed",
    ("dice", "demo/night.py"): "invents patients from a seed",
    ("dice", "demo/people.py"): "invents patients from a seed",
    ("dice", "demo/tonight.py"): "invents patients from a seed",
    ("dice", "demo/ward.py"): "invents patients from a seed",
    ("dice", "core/live.py"): "spreads when screens ask again",
}


@pytest.mark.parametrize("what", NEVER_SAFE)
def test_no_code_does_what_is_never_safe(what: str) -> None:
    found = {_name(path) for path in _files() if NEVER_SAFE[what].search(path.read_text())}
    assert found == {name for kind, name in SAFE_HERE if kind == what}


def test_the_linter_watches_over_the_same_and_no_file_is_excused_from_it() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in ruff["select"]
    assert not [code for code in ruff["ignore"] if code.startswith("S")]
    excused = {name: codes for name, codes in ruff["per-file-ignores"].items() if "backend" in name}
    assert not [code for codes in excused.values() for code in codes if code.startswith("S")]
