"""Set-up names what a machine lacks in one sentence, and does nothing twice."""

import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def set_up() -> ModuleType:
    """The script, which is no part of the package: it must run before there is one."""
    spec = importlib.util.spec_from_file_location("set_up", ROOT / "scripts" / "set_up.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_old_python_is_told_its_number_and_the_fix(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    with pytest.raises(set_up.Missing, match=r"needs Python 3\.11 or newer, and this is 3\.9: "):
        set_up.check_machine()


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_the_package(
    module: str, set_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(set_up.Missing, match="apt-get install python3-venv"):
        set_up.check_machine()


@pytest.mark.parametrize(
    "words",
    [
        "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution",
        "ERROR: No matching distribution found for x (from versions: none)",
        "npm error code ENOTFOUND",
    ],
)
def test_no_network_is_one_sentence(words: str, set_up: ModuleType) -> None:
    with pytest.raises(set_up.Missing) as refusal:
        set_up.run([sys.executable, "-c", f"import sys; sys.exit({words!r})"], "The libraries")
    assert str(refusal.value).startswith("The libraries could not be fetched because the network")


def test_another_failure_shows_what_was_said(set_up: ModuleType) -> None:
    with pytest.raises(set_up.Missing, match="could not be installed:\ndisk full"):
        set_up.run([sys.executable, "-c", "import sys; sys.exit('disk full')"], "The libraries")


def test_a_step_runs_again_only_when_its_files_change(set_up: ModuleType, tmp_path: Path) -> None:
    runs: list[str] = []
    stamp = tmp_path / "stamps" / "libraries"
    for print_ in ("a", "a", "b", "b"):
        set_up.step("1/1 Libraries", [stamp], print_, lambda p=print_: runs.append(p))
    assert runs == ["a", "b"]


def test_a_step_that_failed_is_tried_again(set_up: ModuleType, tmp_path: Path) -> None:
    def fail() -> None:
        raise set_up.Missing("no network")

    stamp = tmp_path / "libraries"
    with pytest.raises(set_up.Missing):
        set_up.step("1/1 Libraries", [stamp], "a", fail)
    assert not set_up.done(stamp, "a")


def test_a_missing_browser_is_loud_and_never_passes_in_ci(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_up.shutil, "which", lambda _name: None)
    monkeypatch.setenv("CI", "false")
    set_up.bring_browser("6/6 Chromium")
    assert "they are skipped now" in capsys.readouterr().out
    monkeypatch.setenv("CI", "true")
    with pytest.raises(set_up.Missing, match="may not be skipped"):
        set_up.bring_browser("6/6 Chromium")


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_the_locks_pin_what_is_asked_for_with_extras(lock: str) -> None:
    """Otherwise pip takes the newest release for `name[extra]`, finds no hash, and stops."""
    pinned = re.findall(r"^([\w.-]+)(?:\[([\w,-]+)\])?==", (ROOT / lock).read_text(), re.MULTILINE)
    extras = {name: set(names.split(",")) - {""} for name, names in pinned}
    asked: dict[str, set[str]] = {name: set() for name in extras}
    for name in (*extras, "vigil"):
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform
        for need in map(Requirement, needs):
            wanted = canonicalize_name(need.name)
            if wanted in asked and (need.marker is None or need.marker.evaluate({"extra": ""})):
                asked[wanted] |= need.extras
    assert {
        name: names - extras[name] for name, names in asked.items() if names - extras[name]
    } == {}
    assert any(asked.values())
