"""Emergencies, requests to keep something back, the ledger page and the accounting."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pypdf
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.care.consents.models import RecipientClass, RecipientKind
from backend.care.disclosures import queries
from backend.care.disclosures.models import Basis, Disclosure, DisclosurePatient, Verdict, What
from backend.care.disclosures.notice import NOTICE
from backend.core import clock
from backend.stays.models import Stay
from tests import build
from tests.care.build import consent, restriction, stepped_up
from tests.people import Ward, opens

Client = Callable[[str | None], TestClient]


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward, admitted_at=clock.now() - timedelta(seconds=1))


def opened(ward: Ward, stay: Stay, who: str, **fields: str) -> dict[str, str]:
    return {
        "key": str(uuid4()),
        **opens(ward.staff[who]),
        "opened_for": str(stay.id),
    } | fields


def emergency(ward: Ward, stay: Stay, who: str = "nora", **fields: str) -> dict[str, str]:
    now = clock.now().astimezone(build_zone(ward))
    values = {
        "recipient": "Dr Vance",
        "affiliation": "City Hospital, emergency department",
        "told_at": f"{now:%Y-%m-%dT%H:%M}",
        "nature": "status epilepticus",
        "told": "alprazolam 6 mg a day until yesterday",
    }
    return opened(ward, stay, who) | values | fields


def build_zone(ward: Ward) -> Any:
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    return ZoneInfo(ward.unit.time_zone)


def ledger(session: Session) -> list[Disclosure]:
    return list(session.scalars(select(Disclosure).order_by(Disclosure.id)))


def test_an_emergency_is_written_down_and_waits_for_the_privacy_officer(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    data = emergency(ward, stay)
    nora = client("nora")
    for _ in range(2):  # a double click
        assert nora.post(f"/stays/{stay.id}/emergency", data=data).status_code == 303
    (entry,) = ledger(session)
    assert (entry.basis, entry.what, entry.by_id) == (
        Basis.EMERGENCY,
        What.TOLD,
        ward.staff["nora"].id,
    )
    assert entry.told_at is not None
    pavel = client("pavel")
    page = pavel.get("/privacy/disclosures").text
    assert "Told in an emergency, not looked at yet" in page
    assert "City Hospital, emergency department" in page
    assert "Pennywhistle" not in page
    seen = {"key": str(uuid4()), **opens(ward.staff["pavel"])}
    for _ in range(2):
        answer = pavel.post(f"/privacy/disclosures/{entry.id}/seen", data=seen)
        assert answer.status_code == 303
    assert "not looked at yet" not in pavel.get("/privacy/disclosures").text


@pytest.mark.parametrize("missing", ["recipient", "affiliation", "told_at", "nature", "told"])
def test_an_emergency_cannot_be_sent_without(
    client: Client, session: Session, ward: Ward, stay: Stay, missing: str
) -> None:
    answer = client("nora").post(
        f"/stays/{stay.id}/emergency", data=emergency(ward, stay, **{missing: ""})
    )
    assert answer.status_code == 422
    assert ledger(session) == []


@pytest.mark.parametrize("told_at", ["2999-01-01T10:00", "2001-01-01T10:00", "NaN", "1e400"])
def test_an_emergency_was_between_the_admission_and_now_and_nothing_typed_is_lost(
    client: Client, session: Session, ward: Ward, stay: Stay, told_at: str
) -> None:
    answer = client("nora").post(
        f"/stays/{stay.id}/emergency", data=emergency(ward, stay, told_at=told_at)
    )
    assert answer.status_code == 422
    assert 'value="status epilepticus"' in answer.text
    assert ledger(session) == []


@pytest.mark.parametrize("missing", ["nature", "recipient", "affiliation", "told_at"])
def test_the_database_keeps_an_emergency_complete(
    session: Session, ward: Ward, missing: str
) -> None:
    values: dict[str, Any] = {
        "key": uuid4(),
        "unit_id": ward.unit.id,
        "by_id": ward.staff["nora"].id,
        "what": What.TOLD,
        "form": "told",
        "basis": Basis.EMERGENCY,
        "sha256": "",
        "row_count": 1,
        "recipient": "Dr Vance",
        "affiliation": "City Hospital",
        "purpose": "what was taken",
        "nature": "seizure",
        "told_at": clock.now(),
    }
    with session.begin_nested():
        session.execute(insert(Disclosure).values(**values))
    wrong = {missing: None if missing == "told_at" else "", "key": uuid4()}
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(insert(Disclosure).values(**values | wrong))


def test_when_it_left_is_written_by_the_database(session: Session) -> None:
    asked = text("SELECT has_column_privilege('vigil_app', :table, :column, 'INSERT')")
    for table, column in (("disclosure", "at"), ("restriction_answer", "decided_at")):
        assert session.scalars(asked, {"table": table, "column": column}).one() is False


def test_a_wish_is_taken_at_the_bedside_and_decided_by_the_privacy_officer(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    nora, pavel = client("nora"), client("pavel")
    page = f"/stays/{stay.id}/sharing"
    wish = opened(ward, stay, "nora", asked="Do not tell my brother.", recipient="Tom P.")
    assert nora.post(f"/stays/{stay.id}/restrictions", data=wish).status_code == 303
    shown = nora.get(page).text
    assert "nothing to Tom P.: not decided yet" in shown
    assert "Decide" not in shown
    assert "asks to keep something back" in pavel.get("/privacy/disclosures").text
    (asked,) = queries.wishes(session, stay.patient_id, stay.unit_id)
    answer = opened(
        ward,
        stay,
        "pavel",
        restriction_id=str(asked.request.id),
        verdict="agreed",
        reason="It can be done.",
    )
    url = f"/stays/{stay.id}/restrictions/answer"
    assert nora.post(url, data=answer).status_code == 403
    for _ in range(2):
        assert pavel.post(url, data=answer).status_code == 303
    late = answer | {"key": str(uuid4()), "verdict": "declined"}
    assert pavel.post(url, data=late).status_code == 409
    shown = nora.get(page).text
    assert "nothing to Tom P.: agreed" in shown
    assert "by Pavel Privacy Officer: It can be done." in shown
    assert queries.restricted(session, [stay.patient_id], ["tom p."]) == {stay.patient_id}
    assert queries.restricted(session, [stay.patient_id]) == set()


def test_a_declined_wish_binds_nobody(session: Session, ward: Ward, stay: Stay) -> None:
    wish = restriction(session, ward, stay)
    assert queries.restricted(session, [stay.patient_id]) == {stay.patient_id}
    (known,) = queries.wishes(session, stay.patient_id, stay.unit_id)
    assert (known.request.id, known.verdict) == (wish, Verdict.AGREED)


def left(
    session: Session, ward: Ward, stay: Stay, consent_id: int | None = None, **fields: Any
) -> Disclosure:
    """Something that left with this patient's name."""
    values: dict[str, Any] = {
        "key": uuid4(),
        "unit_id": ward.unit.id,
        "by_id": ward.staff["chen"].id,
        "what": What.SHIFT_REPORT,
        "form": "pdf",
        "basis": Basis.TREATMENT,
        "sha256": "0" * 64,
        "row_count": 9,
        "recipient": "Dr Vance",
        "affiliation": "City Hospital",
        "purpose": "ward round",
    } | fields
    row = Disclosure(**values)
    session.add(row)
    session.flush()
    session.add(
        DisclosurePatient(
            disclosure_id=row.id,
            stay_id=stay.id,
            patient_id=stay.patient_id,
            unit_id=stay.unit_id,
            consent_id=consent_id,
        )
    )
    session.flush()
    return row


def test_the_accounting_tells_a_patient_what_left_of_them_and_of_nobody_else(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    left(session, ward, stay)
    left(session, ward, build.stay(session, ward, bed="8"), recipient="Dr Other")
    pavel = client("pavel")
    shown = pavel.get(f"/stays/{stay.id}/accounting").text
    assert "Dr Vance" in shown
    assert "Dr Other" not in shown
    assert client("nora").get(f"/stays/{stay.id}/accounting").status_code == 403


@pytest.mark.parametrize("ending", ["pdf", "csv"])
def test_the_accounting_is_a_file_with_the_notice_and_stands_in_the_ledger_itself(
    client: Client, session: Session, ward: Ward, stay: Stay, ending: str
) -> None:
    left(session, ward, stay, recipient="=1+1", purpose="#let x = 1")
    pavel = client("pavel")
    data = opened(ward, stay, "pavel", format=ending)
    asked = pavel.post(f"/stays/{stay.id}/accounting/file", data=data)
    assert asked.status_code == 403
    assert "Confirm first that it is you" in asked.text
    stepped_up(session)
    answer = pavel.post(f"/stays/{stay.id}/accounting/file", data=data)
    assert answer.status_code == 200
    assert re.fullmatch(
        rf'attachment; filename="vigil-accounting-[0-9-]+\.{ending}"',
        answer.headers["Content-Disposition"],
    )
    assert b"Pennywhistle" not in answer.content
    if ending == "csv":
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert rows[0] == [NOTICE]
        assert "'=1+1" in rows[-1]
    else:
        pages = pypdf.PdfReader(io.BytesIO(answer.content)).pages
        words = [" ".join(page.extract_text().split()) for page in pages]
        assert all(NOTICE in page for page in words)
        assert "#let x = 1" in words[0]
    entry = ledger(session)[-1]
    assert (entry.what, entry.basis) == (What.ACCOUNTING, Basis.PATIENT)


def test_whom_a_consent_to_everybody_of_a_kind_has_reached_is_a_list_of_its_own(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    """42 CFR 2.24; consents to somebody by name, and other grounds, are the accounting's alone."""
    kind, named = RecipientKind.CLASS, RecipientClass.PROVIDERS.value
    to_a_kind = consent(session, ward, stay, recipient_kind=kind, recipient=named)
    to_one = consent(session, ward, stay, recipient="Dr Named")
    left(session, ward, stay, to_a_kind.id, basis=Basis.CONSENT, recipient="Dr Kind")
    left(session, ward, stay, to_one.id, basis=Basis.CONSENT, recipient="Dr Named")
    left(session, ward, stay, recipient="Dr Ward")
    pavel = client("pavel")
    everybody, reached = pavel.get(f"/stays/{stay.id}/accounting").text.split('id="intermediary-h"')
    assert all(f"Dr {one}" in everybody for one in ("Kind", "Named", "Ward"))
    assert "Dr Kind" in reached
    assert "Dr Named" not in reached
    assert "Dr Ward" not in reached
    stepped_up(session)
    data = opened(ward, stay, "pavel", format="csv", of="intermediary")
    answer = pavel.post(f"/stays/{stay.id}/accounting/file", data=data)
    assert "vigil-intermediary-" in answer.headers["Content-Disposition"]
    notice, _, _, columns, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert notice == [NOTICE]
    assert columns[1:] == ["to whom", "of what organisation", "what was told", columns[-1]]
    told = "shift report: name and stay on the unit, observations, scores and alerts"
    assert [row[1:] for row in rows] == [["Dr Kind", "City Hospital", told, named]]
    assert ledger(session)[-1].purpose == "list of disclosures by an intermediary, 42 CFR 2.24"


def test_the_accounting_goes_back_three_years(session: Session, ward: Ward, stay: Stay) -> None:
    left(session, ward, stay)

    def found(years: float) -> int:
        since = clock.now() - timedelta(days=365 * years)
        return len(queries.of_patient(session, stay.patient_id, stay.unit_id, since=since))

    assert (found(3), found(-1)) == (1, 0)


def test_the_officer_finds_a_patient_by_code_and_no_code_stands_in_an_address(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    pavel = client("pavel")
    code = build_code(session, stay)
    data = {"key": str(uuid4()), **opens(ward.staff["pavel"])}
    found = pavel.post("/privacy/disclosures/find", data=data | {"code": code.lower()})
    assert found.headers["Location"] == f"/stays/{stay.id}/sharing"
    missing = pavel.post("/privacy/disclosures/find", data=data | {"code": "<b>Q"})
    assert missing.status_code == 404
    assert 'value="&lt;b&gt;Q"' in missing.text


def build_code(session: Session, stay: Stay) -> str:
    from backend.patients.models import Patient  # noqa: PLC0415

    return session.get_one(Patient, stay.patient_id).code


def test_the_notice_for_patients_is_a_page_to_print(client: Client) -> None:
    page = client("nora").get("/patient-notice")
    assert page.status_code == 200
    assert "Take a consent back at any time" in page.text
