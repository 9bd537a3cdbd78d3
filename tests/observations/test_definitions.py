"""A site's own definition: loaded whole or refused with every reason, and then used everywhere."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from backend.audit.models import AuditEntry
from backend.board import queries as board
from backend.cli import app
from backend.clinical import scale
from backend.core.errors import Conflict, Invalid
from backend.observations import queries
from backend.observations.definitions import queries as definitions
from backend.observations.definitions import service
from backend.stays.models import Stay
from tests import build
from tests.clinical.test_definitions import SMALL
from tests.observations import sheets
from tests.people import Ward

Client = Callable[[str | None], TestClient]
CIWA_B = (Path(scale.__file__).parent / "instruments" / "ciwa-b-busto-1989-v1.toml").read_text(
    "utf-8"
)
PRINTED = CIWA_B.replace('id = "ciwa-b/busto-1989/v1"', 'id = "ciwa-b/lantern-2026/v1"').replace(
    'prompt = "Do you feel irritable?"', 'prompt = "The printed words."'
)


@pytest.fixture(autouse=True)
def only_what_vigil_brings() -> Iterator[None]:
    yield
    scale.forget()


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward)


def loaded(session: Session, ward: Ward, document: str) -> scale.Instrument:
    return service.load(session, ward.staff["ada"].id, document)[0]


def test_a_loaded_scale_is_used_from_the_sheet_to_the_api(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    loaded(session, ward, SMALL)
    nora = client("nora")
    assert 'data-offers="small"' in nora.get(f"/stays/{stay.id}/record").text
    sent = sheets.form(ward, stay, small__a="3", small__b="2")
    saved = nora.post(f"/stays/{stay.id}/observations", data=sent, headers={"HX-Request": "true"})
    assert "A is high" in saved.text
    (stored,) = queries.recent(session, stay.id)
    row = stored.scores["small"]
    assert (row.total, row.band, row.definition) == (5, "high", "small/nobody-1999/v1")
    assert "Small" in nora.get(f"/stays/{stay.id}").text
    build.recorded(session, ward, stay, answers={"small": {"a": 0, "b": 2}})
    with pytest.raises(Invalid):
        build.recorded(session, ward, stay, answers={"small": {"a": 2}})
    assert board.lying(session, ward.unit.id)


def test_another_process_learns_of_it_from_what_is_stored(
    session: Session, ward: Ward, stay: Stay
) -> None:
    loaded(session, ward, SMALL)
    build.recorded(session, ward, stay, answers={"small": {"a": 3, "b": 2}})
    scale.forget()
    assert "small" not in scale.latest()
    scale.ask_when_unknown(lambda: definitions.keep_up(session))
    try:
        (stored,) = queries.recent(session, stay.id)
        assert queries.seen(stored).scores["small"].total == 5
        assert "small" in scale.latest()
    finally:
        scale.ask_when_unknown(definitions._ask)  # noqa: SLF001 (put back what was there)


def test_the_same_file_twice_is_one_definition_and_other_content_is_refused(
    session: Session, ward: Ward
) -> None:
    loaded(session, ward, SMALL)
    assert service.load(session, ward.staff["ada"].id, SMALL)[1] is False
    for changed in (
        SMALL.replace('prompt = "A?"', 'prompt = "Other words?"'),
        SMALL.replace("severity = 1", "severity = 2"),
        CIWA_B.replace('prompt = "Do you feel irritable?"', 'prompt = "Other words?"'),
    ):
        assert changed not in (SMALL, CIWA_B)
        with pytest.raises(Conflict, match="never changes under stored scores"):
            loaded(session, ward, changed)
    loaded(session, ward, SMALL.replace("/v1", "/v2").replace('prompt = "A?"', 'prompt = "New?"'))
    assert scale.latest()["small"].version == 2
    written = session.query(AuditEntry).filter(AuditEntry.action == "instrument.loaded").count()
    assert written == 2


def test_licensed_wording_goes_before_ours_and_old_scores_keep_what_made_them(
    session: Session, ward: Ward, stay: Stay
) -> None:
    assert PRINTED != CIWA_B
    build.recorded(session, ward, stay, answers=build.ciwa_b(10))
    loaded(session, ward, PRINTED)
    assert scale.latest()["ciwa-b"].by_id["irritable"].prompt == "The printed words."
    build.recorded(session, ward, stay, answers=build.ciwa_b(12))
    newest, oldest = queries.recent(session, stay.id)
    assert newest.scores["ciwa-b"].definition == "ciwa-b/lantern-2026/v1"
    assert oldest.scores["ciwa-b"].definition == "ciwa-b/busto-1989/v1"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (SMALL.replace("high = 2, word", "high = 1, word"), "must cover 0 to 5 once each"),
        (SMALL.replace('citation = "Nobody 1999"\n', ""), "`citation` must be a text"),
        (SMALL.replace("legal = [0, 2]", "legal = [0, 2, 2]"), "listed twice"),
        (SMALL.replace('label = "A"', f'label = "{"x" * 41}"'), "is too long"),
        (SMALL.replace('id = "a"', 'id = "pulse_per_min"').replace('["a"]', '["pulse_per_min"]'),
         "read off the vital signs"),
        ("not toml [", "not a TOML file"),
        (PRINTED.replace('name = "usual-form"', 'name = "ours"')
         .replace('default_bands = "usual-form"', 'default_bands = "ours"'),
         "The protocol of"),
        ("x" * 300_000, ""),
        ("\0", ""),
    ],
)  # fmt: skip
def test_a_faulty_file_is_refused_with_its_reasons_and_nothing_is_known_of_it(
    session: Session, ward: Ward, document: str, why: str
) -> None:
    before = dict(scale.latest())
    with pytest.raises(Invalid) as refused:
        loaded(session, ward, document)
    assert why in " ".join(refused.value.fields.values())
    assert dict(scale.latest()) == before


def test_the_database_keeps_a_definition_as_it_was(session: Session, ward: Ward) -> None:
    loaded(session, ward, SMALL)
    for deed in (
        "UPDATE instrument_document SET document = 'x'",
        "DELETE FROM instrument_document",
        "UPDATE instrument_definition SET legal = '{}'",
        "INSERT INTO instrument_document SELECT * FROM instrument_document",
    ):
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text(deed))


def test_a_file_can_be_tried_before_it_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(SMALL)
    done = CliRunner().invoke(app, ["score", str(file), "a=3", "b=2"])
    assert (done.exit_code, "Total 5: high (Two)" in done.stdout) == (0, True)
    file.write_text(SMALL.replace("high = 2, word", "high = 1, word"))
    done = CliRunner().invoke(app, ["score", str(file), "a=3", "b=2"])
    assert done.exit_code == 2
    assert "must cover 0 to 5" in done.stderr


@pytest.mark.parametrize(
    ("was", "now_says"),
    [
        ('prompt = "Do you feel irritable?"', 'prompt = "Are you irritable?"'),
        ("Busto", "Nobody"),
        ("high = 20", "high = 21"),
    ],
)
def test_a_shipped_file_that_says_anything_else_under_its_old_id_does_not_start(
    session: Session, monkeypatch: pytest.MonkeyPatch, was: str, now_says: str
) -> None:
    service.load_shipped(session)
    shipped = dict(scale.shipped())
    changed = CIWA_B.replace(was, now_says).replace("low = 21", "low = 22")
    if "21" not in now_says:
        changed = CIWA_B.replace(was, now_says)
    assert changed != CIWA_B
    shipped["ciwa-b/busto-1989/v1"] = scale.load("# A comment says nothing.\n" + CIWA_B)
    monkeypatch.setattr(scale, "shipped", lambda: shipped)
    assert service.load_shipped(session) == 0
    shipped["ciwa-b/busto-1989/v1"] = scale.load(changed)
    with pytest.raises(Conflict, match=r"ciwa-b/busto-1989/v1 differs .* new version"):
        service.load_shipped(session)
