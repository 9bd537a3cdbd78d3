"""`make audit` fails on a weakness that nobody answers for, and calls silence no clean bill."""

import importlib.util
import json
import re
import subprocess
from datetime import date
from types import ModuleType
from typing import Any

import pytest

from backend.core.web import ROOT

TODAY = date(2026, 11, 24)
WAIVER = {
    "package": "jinja2",
    "id": "CVE-2026-1",
    "reason": "No template comes from outside.",
    "owner": "maintainers",
    "until": "2026-12-24",
}
PYTHON = {
    "dependencies": [
        {"name": "fastapi", "version": "1.0", "vulns": []},
        {
            "name": "jinja2",
            "version": "3.1.6",
            "vulns": [{"id": "GHSA-a", "aliases": ["CVE-2026-1"], "fix_versions": ["3.1.7"]}],
        },
    ]
}
NPM = {
    "vulnerabilities": {
        "htmx.org": {
            "range": "<4.0.2",
            "via": [{"source": 1234, "url": "https://github.com/advisories/GHSA-b"}, "other"],
        }
    }
}


@pytest.fixture
def audit() -> ModuleType:
    """The script, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("audit", ROOT / "scripts" / "audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def waiver(**changed: str | None) -> str:
    """One waiver as it stands in the file."""
    said = {name: value for name, value in (WAIVER | changed).items() if value is not None}
    lines = [
        f"{name} = {value}" if name == "until" else f'{name} = "{value}"'
        for name, value in said.items()
    ]
    return "\n".join(["[[waiver]]", *lines])


def run(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, python: Any, npm: Any, text: str
) -> Any:
    """What the command says, and whether it failed."""

    def ask(answer: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    class Waivers:
        read_text = staticmethod(lambda: text)

    class Clock:
        now = staticmethod(lambda _: Clock)
        date = staticmethod(lambda: TODAY)

    monkeypatch.setattr(audit, "ask_python", lambda: ask(python))
    monkeypatch.setattr(audit, "ask_npm", lambda: ask(npm))
    monkeypatch.setattr(audit, "WAIVERS", Waivers)
    monkeypatch.setattr(audit, "datetime", Clock)
    try:
        audit.main()
    except SystemExit as ended:
        return ended.code
    return 0


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("", True),
        (waiver(), False),
        (waiver(id="GHSA-a"), False),
        (waiver(id="GHSA-b"), True),
        (waiver(package="starlette"), True),
        (waiver(until="2026-11-23"), True),
        (waiver(until="2027-11-24"), True),
        (waiver(until='"2026-12-24"'), True),
        (waiver(until=None), True),
        (waiver(reason=None), True),
        (waiver(reason=""), True),
        (waiver(owner=None), True),
    ],
)
def test_a_known_weakness_fails_unless_somebody_answers_for_it(
    audit: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    *,
    failed: bool,
) -> None:
    python = audit.python_findings(json.dumps(PYTHON))
    assert run(audit, monkeypatch, python, {}, text) == int(failed)
    said = capsys.readouterr().out
    assert ("FAILED" in said) is failed
    assert "NOT CHECKED" not in said


def test_a_weakness_of_what_npm_brings_fails_too(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = audit.npm_findings(json.dumps(NPM))
    assert run(audit, monkeypatch, ({}, []), found, "") == 1
    assert "htmx.org <4.0.2: 1234, GHSA-b" in capsys.readouterr().out


@pytest.mark.parametrize("answer", ["", "<html>", '{"message": "405 Method Not Allowed"}'])
def test_a_service_that_cannot_be_reached_fails_nothing_and_is_named(
    audit: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
) -> None:
    with pytest.raises(audit.Unreached) as unreached:
        audit.npm_findings(answer)
    assert run(audit, monkeypatch, ({}, []), unreached.value, "") == 0
    said = capsys.readouterr().out
    assert "NOT CHECKED: could not reach the advisories for npm packages" in said
    assert "This is no clean bill." in said


def test_a_package_that_the_service_does_not_know_is_not_called_well(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {"dependencies": [{"name": "jinja2", "skip_reason": "not found"}]}
    found = audit.python_findings(json.dumps(answer))
    assert run(audit, monkeypatch, found, {}, "") == 0
    assert "NOT CHECKED: could not reach the advisories for jinja2" in capsys.readouterr().out


def test_what_is_reached_still_fails_while_something_else_is_not(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = audit.python_findings(json.dumps(PYTHON))
    assert run(audit, monkeypatch, python, audit.Unreached("npm"), "") == 1


def test_a_tool_that_does_not_work_is_no_service_that_is_away(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.CompletedProcess([], 1, stdout="", stderr="error: unrecognized arguments")
    monkeypatch.setattr(audit, "bring_tools", lambda: None)
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(SystemExit, match="unrecognized arguments"):
        audit.ask_python()


def test_the_waivers_that_are_kept_can_be_read(audit: ModuleType) -> None:
    assert audit.waivers(audit.WAIVERS.read_text(), TODAY)[1] == []


def test_the_bill_of_materials_names_everything_that_is_locked(audit: ModuleType) -> None:
    bill = audit.bill_of_materials()
    listed = {part["purl"]: part for part in bill["components"]}
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert len(listed) == len(bill["components"])
    for lock in ROOT.glob("requirements*.txt"):
        for name, version in re.findall(
            r"^([\w.-]+)(?:\[.*?\])?==([^\s;]+)", lock.read_text(), re.MULTILINE
        ):
            assert f"pkg:pypi/{name}@{version}" in listed, lock.name
    for place, package in json.loads((ROOT / "package-lock.json").read_text())["packages"].items():
        if place:
            assert f"pkg:npm/{place.removeprefix('node_modules/')}@{package['version']}" in listed
    scopes = {part["name"]: part["scope"] for part in bill["components"]}
    assert scopes["fastapi"] == scopes["htmx.org"] == "required"
    assert scopes["pytest"] == scopes["axe-core"] == "excluded"
    assert all(part["externalReferences"] for part in listed.values() if "pypi" in part["purl"])
