"""`vigil protocols`: show, compare, check, and put a unit's own version into force."""

import json
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from backend.cli import app
from backend.clinical import protocol, protocol_diff
from backend.core import clock
from backend.core.errors import Conflict, Invalid
from backend.protocols import queries, service
from backend.protocols.service import DEFAULT
from tests.people import Ward

PASSWORD = "correct horse battery"  # noqa: S105 (opens nothing but tests)
Vigil = Callable[..., tuple[int, str, str]]


def document(**changed: Any) -> dict[str, Any]:
    return {**tomllib.loads(DEFAULT.read_text("utf-8")), **changed}


def with_total(total: int, version: int) -> dict[str, Any]:
    """NEWS2 flagged from another total, under this version of the rule."""
    found = document()
    found["rules"][1]["params"] = {"instrument": "news2", "total": total}
    found["rules"][1]["version"] = version
    return found


@pytest.fixture(autouse=True)
def _nothing_parsed_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test adopts is rolled back, and its number may be another's in another database."""
    monkeypatch.setattr("backend.protocols.queries._parsed", {})


@pytest.fixture
def vigil(session: Session, monkeypatch: pytest.MonkeyPatch) -> Vigil:
    class Sessions:
        def __call__(self) -> Any:
            return self.begin()

        @contextmanager
        def begin(self) -> Iterator[Session]:
            yield session

    monkeypatch.setattr("backend.cli.protocols.console_session", Sessions())

    def run(*args: str, stdin: str = "") -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["protocols", *args], input=stdin)
        return done.exit_code, done.stdout, done.stderr

    return run


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    def written(content: Any, name: str = "own.json") -> str:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return written


def adopt(session: Session, ward: Ward, said: dict[str, Any], **changed: Any) -> Any:
    values: dict[str, Any] = {
        "unit_id": ward.unit.id,
        "document": said,
        "drafted_by": ward.staff["ada"].id,
        "approved_by": ward.staff["vera"].id,
        "effective_at": clock.now() + timedelta(minutes=1),
    } | changed
    return service.adopt(session, **values)


def test_a_unit_begins_from_the_shipped_one_and_puts_its_own_into_force(
    vigil: Vigil, session: Session, ward: Ward, file: Callable[..., str]
) -> None:
    code, out, _ = vigil("shipped")
    assert (code, tomllib.loads(out)) == (0, document())
    own = file(out.replace("total = 5", "total = 4").replace(
        'id = "news2-5"\nversion = 1', 'id = "news2-5"\nversion = 2'), "own.toml")  # fmt: skip
    code, out, _ = vigil("diff", ward.unit.code, own)
    assert (code, out.splitlines()) == (
        1, ["rules, news2-5, version: 1 → 2", "rules, news2-5, params, total: 5 → 4"],
    )  # fmt: skip
    assert vigil("check", own)[0] == 0
    code, out, said = vigil("load", ward.unit.code, own, "--by", "vera", stdin=f"{PASSWORD}\n")
    assert code == 0, said
    assert out.startswith("Version 2 is in force on")
    in_force = queries.in_force(session, ward.unit.id, at=clock.now())
    assert in_force.version == 2
    assert in_force.protocol.rules[1].numbers["total"] == 4
    assert vigil("diff", ward.unit.code, own)[:2] == (0, "The same as version 2.\n")
    assert "2\tVigil default\tfrom " in vigil("list", ward.unit.code)[1]
    shown = vigil("show", ward.unit.code)[1]
    assert "news2-5 version 2, urgent: NEWS2 5 or more (total_at_least: news2; total 4)" in shown
    assert "breathing-11 version 1, OFF:" in shown
    assert "emergency: 0 min the assigned nurse and the charge nurse" in shown
    before = json.loads(vigil("show", ward.unit.code, "--version", "1", "--json")[1])
    assert before == document()


def test_only_a_clinician_in_person_puts_it_into_force(
    vigil: Vigil, session: Session, ward: Ward, file: Callable[..., str]
) -> None:
    own = file(with_total(4, 2))
    for login, typed in (("vera", "wrong"), ("nora", PASSWORD), ("ada", PASSWORD)):
        assert vigil("load", ward.unit.code, own, "--by", login, stdin=f"{typed}\n")[0] == 1
    assert len(queries.versions(session, ward.unit.id)) == 1


def test_it_is_in_force_from_its_time_and_not_before(session: Session, ward: Ward) -> None:
    tomorrow = clock.now() + timedelta(days=1)
    adopt(session, ward, with_total(4, 2), effective_at=tomorrow)
    assert queries.in_force(session, ward.unit.id, at=clock.now()).version == 1
    just_before = tomorrow - timedelta(microseconds=1)
    assert queries.in_force(session, ward.unit.id, at=just_before).version == 1
    assert queries.in_force(session, ward.unit.id, at=tomorrow).version == 2


def test_it_cannot_rule_over_what_has_happened(session: Session, ward: Ward) -> None:
    with pytest.raises(Invalid, match="already happened"):
        adopt(session, ward, document(), effective_at=clock.now() - timedelta(seconds=1))


def test_nobody_approves_their_own_draft(session: Session, ward: Ward) -> None:
    with pytest.raises(Conflict, match="own draft"):
        adopt(session, ward, document(), drafted_by=ward.staff["vera"].id)


def test_a_version_never_changes(session: Session, ward: Ward) -> None:
    row = adopt(session, ward, with_total(4, 2))
    for deed in ("UPDATE unit_protocol SET name = 'x'", "DELETE FROM unit_protocol"):
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text(f"{deed} WHERE id = {row.id}"))


def test_a_rule_that_decides_otherwise_needs_another_version(session: Session, ward: Ward) -> None:
    with pytest.raises(Invalid, match="under the same version: news2-5"):
        adopt(session, ward, with_total(4, 1))
    louder = document()
    louder["rules"][3]["level"] = "emergency"
    with pytest.raises(Invalid, match="band-severe/ciwa-b"):
        adopt(session, ward, louder)
    off = document()
    off["rules"][3]["on"] = False
    off["rules"][4]["family"] = "another"
    assert adopt(session, ward, off).version == 2


def test_the_shipped_one_can_follow_its_earlier_version() -> None:
    """Families of alerts changed, and new rules came: what a rule decides did not."""
    earlier = document()
    earlier["rules"] = [
        {**rule, "family": rule["id"], "rank": 1, "params": {**rule["params"]}}
        for rule in earlier["rules"]
        if rule["id"] not in ("over-sedation", "breathing-8", "fall/gcs")
    ]
    for rule in earlier["rules"]:
        rule["params"].pop("families", None)
    assert protocol_diff.same_number(earlier, document()) == []


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        ("name = ", "x.toml", "neither TOML nor"),
        ("{", "x.json", "neither TOML nor"),
        ("[" * 100_000, "x.json", "neither TOML nor"),
        ("[1]", "x.json", "is a table"),
        ("x" * 600_000, "x.toml", "far too long"),
        ('{"name": "a\\u0000b", "rules": []}', "x.json", "cannot be stored"),
        ('{"name": "a\\ud800b", "rules": []}', "x.json", "cannot be stored"),
        ('{"name": NaN}', "x.json", "`name` must be a text"),
        ('{"rules": [{"params": {"total": 1e400}}]}', "x.json", "must be"),
        ("name = 1979-05-27", "x.toml", "`name` must be a text"),
    ],
)
def test_a_file_that_is_no_protocol_gets_a_sentence(
    vigil: Vigil, file: Callable[..., str], content: str, name: str, why: str
) -> None:
    code, _, said = vigil("check", file(content, name))
    assert code == 1
    assert why in said
    assert said.startswith("Error: ")


def test_every_reason_is_told_at_once(vigil: Vigil, file: Callable[..., str]) -> None:
    wrong = document(surprise=1)
    wrong["rules"][0]["level"] = "loud"
    code, _, said = vigil("check", file(wrong))
    assert code == 1
    assert "`surprise` is not known here" in said
    assert "must be one of emergency" in said
    assert vigil("check", "no-such-file.toml")[2].startswith("Error: This file cannot be read")


@pytest.mark.parametrize("version", ["2", "99"])
def test_there_is_no_such_version(vigil: Vigil, ward: Ward, version: str) -> None:
    code, _, said = vigil("show", ward.unit.code, "--version", version)
    assert (code, said) == (1, "Error: There is no such version. Versions: 1.\n")


def test_differences_are_told_line_by_line() -> None:
    after = document()
    after["rules"] = [rule for rule in after["rules"] if rule["id"] != "rise/ciwa-b"]
    after["levels"]["urgent"]["ladder"][1]["roles"] = ["charge", "physician"]
    after["rounds"]["merged"]["instruments"] = ["ciwa-b", "cows"]
    found = protocol_diff.changes(document(), after)
    assert "rules, rise/ciwa-b, kind: change_at_least → gone" in found
    assert "levels, urgent, ladder, 15, roles: charge → charge, physician" in found
    assert "rounds, merged, instruments: ciwa-b, ciwa-ar, cows → ciwa-b, cows" in found
    assert protocol_diff.changes(document(), document()) == []
    assert "rules, rise/ciwa-b, kind: new, change_at_least" in protocol_diff.changes(
        after, document()
    )
    assert protocol.parse(after)
