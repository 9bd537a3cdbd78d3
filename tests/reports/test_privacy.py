"""Who saw this patient, what did this person do: told to the privacy officer and to nobody else."""

import csv
import hashlib
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from backend.accounts.permissions import Permission
from backend.accounts.sign_in.models import SignIn
from backend.accounts.staff import service as staff
from backend.audit import service as audit
from backend.audit.models import AuditEntry
from backend.care.disclosures.models import Basis, Disclosure, What
from backend.care.disclosures.notice import HEADER, NOTICE
from backend.core import clock
from backend.core.db import unit_on_duty
from backend.patients.models import Patient
from backend.reports.privacy.service import COLUMNS
from backend.stays.models import Stay
from tests import build, people
from tests.care import build as care
from tests.people import PEOPLE, Ward, opens

Browser = Callable[[str | None], TestClient]


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward, bed="7")


def _code(session: Session, stay: Stay) -> str:
    return session.get_one(Patient, stay.patient_id).code


def _find(pavel: TestClient, ward: Ward, code: str) -> Any:
    form = {"key": str(uuid4()), **opens(ward.staff["pavel"]), "code": code}
    return pavel.post("/privacy/find", data=form)


def test_who_saw_a_patient_is_found_by_their_code(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    client("priya").get(f"/stays/{stay.id}")
    client("theo").get("/")
    client("ada").get(f"/stays/{stay.id}")
    pavel = client("pavel")
    found = _find(pavel, ward, _code(session, stay).lower())
    assert found.status_code == 303
    page = pavel.get(f"/privacy/log?patient={stay.patient_id}").text
    assert f"Who saw {_code(session, stay)}" in page
    record, boards = page.split("On a board, wall or list")
    assert re.search(r"Priya Physician</th><td>1", record)
    assert "Ada Administrator" in record, "whoever was refused tried to"
    assert "Theo Therapist" not in record.split("In the record")[1]
    assert re.search(r"Theo Therapist</th><td>1", boards)
    assert "Pennywhistle" not in page


def test_what_a_person_did_is_listed_by_kind(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    build.recorded(session, ward, stay, by="priya")
    client("priya").get(f"/stays/{stay.id}")
    client("priya").get(f"/stays/{stay.id + 999}")
    pavel, priya = client("pavel"), ward.staff["priya"].id

    def shown(what: str) -> str:
        page = pavel.get(f"/privacy/log?person={priya}&what={what}").text
        assert "What Priya Physician did" in page
        return page.split("Entries, the newest first")[1]

    assert "observation recorded" in shown("deeds")
    assert "opened the record" not in shown("deeds")
    assert "opened the record" in shown("reads")
    assert "was refused" in shown("refusals")
    assert "observation recorded" not in shown("refusals")
    assert "Nothing of this kind" in shown("exports")


def test_looking_at_the_trail_is_on_the_trail(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    client("pavel").get(f"/privacy/log?patient={stay.patient_id}")
    _find(client("pavel"), ward, _code(session, stay))
    actions = session.query(AuditEntry.action, AuditEntry.patient_id).where(
        AuditEntry.actor_id == ward.staff["pavel"].id
    )
    assert set(actions) >= {("audit.read", stay.patient_id), ("audit.searched", stay.patient_id)}


def test_the_trail_is_turned_page_by_page_and_nothing_is_lost_between(
    session: Session, ward: Ward, client: Browser
) -> None:
    for number in range(120):
        audit.note(
            session, ward.staff["nora"].id, "test.noted", unit_id=ward.unit.id, form=str(number)
        )
    pavel, nora = client("pavel"), ward.staff["nora"].id
    path: str | None = f"/privacy/log?person={nora}"
    told: list[str] = []
    while path:
        page = pavel.get(path).text
        told += re.findall(r"<td>test noted</td>\s*<td></td>\s*<td>(\d+)</td>", page)
        older = re.search(r'href="(/privacy/log\?[^"]+)">Older', page)
        path = older[1].replace("&amp;", "&") if older else None
    assert told == [str(number) for number in reversed(range(120))]


def test_another_unit_s_entries_and_patients_are_not_there(
    session: Session, ward: Ward, client: Browser
) -> None:
    audit.note(session, ward.staff["olga"].id, "test.elsewhere", unit_id=ward.elsewhere.id)
    pavel = client("pavel")
    assert "test elsewhere" not in pavel.get("/privacy/log").text
    assert pavel.get("/privacy/log?patient=999999").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/privacy/log?since=yesterday", 422),
        ("/privacy/log?since=9999-12-31&until=9999-12-31", 422),
        ("/privacy/log?until=2026-02-31", 422),
        ("/privacy/log?before=99999999999999999-1", 200),
        ("/privacy/log?before=1-1", 200),
        ("/privacy/log?what=everything", 422),
        ("/privacy/log?person=x", 422),
        ("/privacy/log?patient=0", 422),
        ("/privacy/log?patient=1e400", 422),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(
    client: Browser, path: str, status: int
) -> None:
    assert client("pavel").get(path).status_code == status


@pytest.mark.parametrize("code", ["", "ZZ-99", "a\x00b", "é" * 41])
def test_a_code_that_nobody_has_is_refused_and_stays_typed(
    ward: Ward, client: Browser, code: str
) -> None:
    answer = _find(client("pavel"), ward, code)
    assert answer.status_code in {404, 422}


def test_days_are_those_of_the_unit(session: Session, ward: Ward, client: Browser) -> None:
    audit.note(session, ward.staff["nora"].id, "test.noted", unit_id=ward.unit.id)
    today = clock.now().astimezone(ZoneInfo(ward.unit.time_zone)).date()
    pavel = client("pavel")
    assert "test noted" in pavel.get(f"/privacy/log?since={today}&until={today}").text
    tomorrow = today + timedelta(days=1)
    assert "test noted" not in pavel.get(f"/privacy/log?since={tomorrow}").text


def test_the_page_says_whether_the_trail_is_whole(
    session: Session, ward: Ward, client: Browser
) -> None:
    assert ward
    page = client("pavel").get("/privacy").text
    assert "Nowhere: whoever administers the database" in page
    assert "Not yet: the watch checks each night." in page
    _as_sealer(session)
    page = client("pavel").get("/privacy").text
    assert "Batch 3 was changed." in page
    assert "Checked: look" in page


# --- What is of no unit ---


def test_what_is_of_no_unit_is_read_by_the_privacy_officer(
    session: Session, ward: Ward, client: Browser
) -> None:
    audit.note(session, None, "sign_in.refused")
    audit.record(session, ward.staff["ada"].id, "staff.disabled", staff_id=ward.staff["olga"].id)
    pavel = client("pavel")
    assert "could not sign in" not in pavel.get("/privacy/log").text
    page = pavel.get("/privacy/log?of=none").text
    assert "What is of no unit" in page
    assert "could not sign in" in page
    assert re.search(r"<td>Ada Administrator</td>\s*<td>ended an account</td>", page)
    assert "Olga Nurse" in page
    refusals = pavel.get("/privacy/log?of=none&what=refusals").text
    assert "could not sign in" in refusals
    assert "ended an account" not in refusals
    newest = session.query(AuditEntry.subject).where(AuditEntry.action == "audit.read")
    assert {"what": "all, of no unit"} in [row.subject for row in newest]


def test_the_database_shows_it_to_nobody_else(session: Session, ward: Ward) -> None:
    """Whatever the program asks; nor to a privacy officer who has left, or may no longer look."""
    audit.note(session, None, "sign_in.refused")

    def seen(name: str) -> int:
        people.sign_in(session, ward.staff[name])
        newest = select(func.max(SignIn.id)).where(SignIn.staff_id == ward.staff[name].id)
        session.execute(
            select(unit_on_duty(session.get_one(SignIn, session.scalar(newest)).unit_id))
        )
        session.execute(select(audit.at_sign_in(newest.scalar_subquery())))
        session.execute(text("SET LOCAL ROLE vigil_app"))
        found = session.query(AuditEntry).where(AuditEntry.unit_id.is_(None)).count()
        session.execute(text("SET LOCAL ROLE vigil_console"))
        return found

    assert seen("pavel") > 0
    assert {seen(name) for name in PEOPLE if name != "pavel"} == {0}
    staff.restrict(
        session,
        ward.staff["ada"].id,
        ward.staff["pavel"],
        unit_id=ward.unit.id,
        permission=Permission.SEE_AUDIT,
        reason="on leave",
    )
    assert seen("pavel") == 0


# --- Taken out ---


def _take(pavel: TestClient, ward: Ward, **fields: object) -> Any:
    form = {"key": str(uuid4()), **opens(ward.staff["pavel"]), **fields}
    return pavel.post("/privacy/log/file", data=form)


def _rows(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_the_trail_leaves_as_csv_with_a_fresh_proof_the_notice_and_an_entry(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    client("priya").get(f"/stays/{stay.id}")
    care.glass(session, ward.staff["ada"].id, stay)
    audit.note(session, ward.staff["tess"].id, "test.noted", unit_id=ward.unit.id, form="=1+1")
    pavel = client("pavel")
    assert _take(pavel, ward).status_code == 403
    care.stepped_up(session)
    answer = _take(pavel, ward)
    notice, grounds, about, columns, *rows = _rows(answer)
    assert notice == [NOTICE]
    assert answer.headers[HEADER] == NOTICE
    assert grounds == ["No patient is named in it."]
    assert about[0].startswith(f"Lantern Unit: the audit trail, {len(rows)} entries")
    assert columns == list(COLUMNS)
    assert [_code(session, stay)] == [row[3] for row in rows if row[2] == "opened the record"]
    assert [row[4] for row in rows if row[2] == "test noted"] == ["'=1+1"]
    assert "Found without pulse" not in answer.text, "what somebody wrote in words stays here"
    assert "Found without pulse" in pavel.get("/privacy/log").text
    left = session.scalars(select(Disclosure)).one()
    assert (left.what, left.basis, left.row_count) == (What.AUDIT_TRAIL, Basis.CODED, len(rows))
    assert left.sha256 == hashlib.sha256(answer.content).hexdigest()
    exported = session.scalars(select(AuditEntry).where(AuditEntry.action == "audit.exported"))
    assert exported.one().subject == {"what": "all", "rows": len(rows)}


def test_the_file_holds_the_part_that_the_page_showed(
    session: Session, ward: Ward, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit.note(session, None, "sign_in.refused")
    for number in range(5):
        audit.record(session, ward.staff["nora"].id, f"test.{number}", unit_id=ward.unit.id)
    pavel = client("pavel")
    care.stepped_up(session)
    whose = _take(pavel, ward, person=ward.staff["nora"].id, what="deeds")
    assert {row[1] for row in _rows(whose)[4:]} == {"Nora Nurse"}
    none = _rows(_take(pavel, ward, of="none", what="refusals"))
    assert {row[2] for row in none[4:]} == {"could not sign in"}
    assert _take(pavel, ward, since="yesterday").status_code == 422
    monkeypatch.setattr("backend.reports.privacy.service.MOST_ROWS", 3)
    cut = _rows(_take(pavel, ward, what="deeds"))
    assert [row[2] for row in cut[4:]] == ["test 4", "test 3", "test 2"]
    assert "There are older ones" in cut[2][0]


def _as_sealer(session: Session) -> None:
    session.execute(text("SET LOCAL ROLE vigil_sealer"))
    session.execute(
        text(
            "INSERT INTO audit_check (status, entries, sentences)"
            " VALUES (1, 7, ARRAY['Batch 3 was changed.'])"
        )
    )
    session.execute(text("SET LOCAL ROLE vigil_console"))
