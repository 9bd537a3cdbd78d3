"""Counselling notes: the unit's therapists alone, never changed, on no other page."""

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.audit.models import AuditEntry
from backend.care.counselling import service
from backend.care.counselling.models import CounsellingNote
from backend.core.errors import Conflict, NotFound
from backend.core.web import ROOT
from backend.stays.models import Stay
from tests import build
from tests.people import Ward, opens

Client = Callable[[str | None], TestClient]
CANARY = "the brother in Lisbon"


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward)


def _form(ward: Ward, stay: Stay, **fields: str) -> dict[str, str]:
    return {
        "key": str(uuid4()),
        **opens(ward.staff["theo"]),
        "opened_for": str(stay.id),
        "text": f"We spoke about {CANARY}.",
    } | fields


def test_a_therapist_adds_and_reads(ward: Ward, client: Client, stay: Stay) -> None:
    theo, path = client("theo"), f"/stays/{stay.id}/counselling"
    assert "No notes yet." in theo.get(path).text
    form = _form(ward, stay, text="First line\n<b>second</b>")
    assert theo.post(path, data=form).status_code == 303
    assert theo.post(path, data=form).status_code == 303  # a double click
    shown = theo.get(path).text
    assert shown.count("First line\n&lt;b&gt;second&lt;/b&gt;") == 1
    other = theo.post(path, data=form | {"text": "other words"})
    assert other.status_code == 409
    assert "other words</textarea>" in other.text


def test_a_correction_is_a_further_note_and_says_why(
    session: Session, ward: Ward, client: Client, stay: Stay
) -> None:
    theo, path = client("theo"), f"/stays/{stay.id}/counselling"
    theo.post(path, data=_form(ward, stay))
    first = session.scalars(select(CounsellingNote)).one()
    shown = theo.get(f"{path}?correct={first.id}").text
    assert f'name="supersedes_id" value="{first.id}"' in shown
    right = _form(ward, stay, text="Put right.", supersedes_id=str(first.id))
    without = theo.post(path, data=right)
    assert without.status_code == 422
    assert "Say why you correct this note" in without.text
    assert "Put right.</textarea>" in without.text
    assert theo.post(path, data=right | {"reason": "Wrong name."}).status_code == 303
    after = theo.get(path).text
    assert f"<s>We spoke about {CANARY}.</s>" in after
    assert "correction: Wrong name." in after
    second = right | {"reason": "Again.", "key": str(uuid4())}
    assert theo.post(path, data=second).status_code == 409  # of two corrections the first wins


@pytest.mark.parametrize("text", ["", "   ", "x" * 20_001, "a\x00b"])
def test_what_cannot_be_a_note_is_refused_in_words(
    ward: Ward, client: Client, stay: Stay, text: str
) -> None:
    answer = client("theo").post(f"/stays/{stay.id}/counselling", data=_form(ward, stay, text=text))
    assert answer.status_code == 422
    assert "Nothing was saved." in answer.text


def test_a_note_belongs_to_the_one_who_opened_it_and_to_the_patient_it_was_opened_for(
    session: Session, ward: Ward, client: Client, stay: Stay
) -> None:
    theo, path = client("theo"), f"/stays/{stay.id}/counselling"
    other = build.stay(session, ward, bed="8")
    assert theo.post(path, data=_form(ward, other)).status_code == 409
    mine = _form(ward, stay, opened_by=str(ward.staff["nora"].id))
    assert theo.post(path, data=mine).status_code == 409
    assert session.scalars(select(CounsellingNote)).all() == []


def test_a_correction_of_another_patients_note_is_not_there(
    session: Session, ward: Ward, stay: Stay
) -> None:
    theo, other = ward.staff["theo"].id, build.stay(session, ward, bed="8")
    note = service.write(session, theo, stay, key=uuid4(), text="A")
    with pytest.raises(NotFound):
        service.write(
            session, theo, other, key=uuid4(), text="B", supersedes_id=note.id, reason="C"
        )
    with pytest.raises(Conflict):
        service.write(session, theo, other, key=note.key, text="A")


def test_every_reading_and_writing_leaves_its_entry(
    session: Session, ward: Ward, client: Client, stay: Stay
) -> None:
    theo, path = client("theo"), f"/stays/{stay.id}/counselling"
    theo.get(path)
    theo.post(path, data=_form(ward, stay))
    theo.get(path)
    entries = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.action.startswith("counselling_note."))
        .order_by(AuditEntry.id)
    ).all()
    assert [entry.action.partition(".")[2] for entry in entries] == ["viewed", "written", "viewed"]
    assert {entry.actor_id for entry in entries} == {ward.staff["theo"].id}
    assert CANARY not in str([(entry.subject, entry.reason) for entry in entries])


def test_no_other_page_shows_a_note(
    session: Session, ward: Ward, client: Client, stay: Stay
) -> None:
    note = f"We spoke about {CANARY}."
    service.write(session, ward.staff["theo"].id, stay, key=uuid4(), text=note)
    for name in ("nora", "chen", "priya", "theo", "ada", "pavel"):
        browser = client(name)
        for path in ("/", f"/stays/{stay.id}", f"/stays/{stay.id}/record", "/alerts", "/reports"):
            assert CANARY not in browser.get(path).text, (name, path)
    assert "Counselling notes" in client("theo").get(f"/stays/{stay.id}").text
    assert "Counselling notes" not in client("nora").get(f"/stays/{stay.id}").text


def test_no_other_part_of_vigil_knows_the_table() -> None:
    knowing = {
        path.relative_to(ROOT / "backend").parent.as_posix()
        for path in (ROOT / "backend").rglob("*.py")
        if re.search(
            r"CounsellingNote|care\.counselling|(FROM|JOIN|INTO) counselling_note", path.read_text()
        )
    }
    # "." is main.py, which serves the page, and tables.py, which lists every table.
    assert knowing == {"care/counselling", "."}
