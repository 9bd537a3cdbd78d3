"""Who reads a shift report, who takes it out, and what stays on record of it."""

import csv
import hashlib
import io
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.accounts.sign_in.models import SignIn
from backend.audit.models import AuditEntry
from backend.care.disclosures import service as disclosures
from backend.care.disclosures.models import Basis, Disclosure, DisclosurePatient, What
from backend.core import clock
from backend.reports.shift import windows
from tests import build
from tests.people import Ward, opens

Client = Callable[[str | None], TestClient]
WHY = "The ward round of this morning"
NAMED = {
    "identified": "true",
    "basis": "treatment on this unit",
    "recipient": "Dr Vance",
    "affiliation": "Lantern Unit",
    "reason": WHY,
}


@pytest.fixture
def start(session: Session, ward: Ward) -> str:
    """The shift that has just ended, with one patient in bed 7 and one set."""
    now = clock.now()
    shift = windows.recent_shifts(ward.unit, now, 2)[1]
    admitted_at = shift.starts_at - timedelta(hours=1)
    stay = build.stay(session, ward, admitted_at=admitted_at, orders={"news2": 240})
    build.recorded(session, ward, stay, observed_at=shift.starts_at + timedelta(hours=1))
    return shift.starts_at.isoformat().replace("+00:00", "Z")


def form(ward: Ward, who: str, start: str, **fields: str) -> dict[str, str]:
    values = {"key": str(uuid4()), **opens(ward.staff[who]), "start": start}
    return values | {"format": "csv"} | fields


def exports(session: Session) -> list[Disclosure]:
    return list(session.scalars(select(Disclosure).order_by(Disclosure.id)))


def named_in(session: Session, row: Disclosure) -> list[DisclosurePatient]:
    found = select(DisclosurePatient).where(DisclosurePatient.disclosure_id == row.id)
    return list(session.scalars(found))


def stepped_up(session: Session) -> None:
    """Everybody has just proved once more who they are."""
    session.execute(update(SignIn).values(stepped_up_until=clock.now() + timedelta(minutes=5)))


def test_a_nurse_reads_the_report_by_bed_and_code(
    client: Client, session: Session, start: str
) -> None:
    shown = client("nora").get("/reports/shift", params={"start": start})
    assert shown.status_code == 200
    assert "By patient" in shown.text
    assert "Pennywhistle" not in shown.text
    assert "42 CFR part 2 prohibits" in shown.text
    assert "Take it out as a file" not in shown.text  # a nurse reads
    (seen,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "report.viewed"))
    assert seen.subject["starts_at"].startswith(start[:16])


@pytest.mark.parametrize("who", ["ada", "pavel", "vera"])
def test_who_may_see_no_chart_is_told_counts_only(client: Client, start: str, who: str) -> None:
    shown = client(who).get("/reports/shift", params={"start": start})
    assert shown.status_code == 200
    assert "Census" in shown.text
    assert "By patient" not in shown.text


@pytest.mark.parametrize(
    ("who", "verdicts"),
    [
        # reads, takes a file, takes one with names
        ("nora", (200, 403, 403)),
        ("chen", (200, 200, 200)),
        ("priya", (200, 200, 200)),
        ("ada", (200, 200, 403)),
        ("pavel", (200, 403, 403)),
        ("tess", (403, 403, 403)),
        ("theo", (403, 403, 403)),
    ],
)
def test_who_may_what(  # noqa: PLR0917 (fixtures)
    client: Client,
    session: Session,
    ward: Ward,
    start: str,
    who: str,
    verdicts: tuple[int, int, int],
) -> None:
    reads, takes, with_names = verdicts
    browser = client(who)
    stepped_up(session)
    assert browser.get("/reports/shift", params={"start": start}).status_code == reads
    assert browser.get("/reports").status_code == reads
    plain = browser.post("/reports/shift/file", data=form(ward, who, start))
    assert plain.status_code == takes
    named = form(ward, who, start, **NAMED)
    assert browser.post("/reports/shift/file", data=named).status_code == with_names


@pytest.mark.parametrize("ending", ["pdf", "xlsx", "csv"])
def test_a_file_leaves_with_a_plain_name_and_leaves_a_trace(
    client: Client, session: Session, ward: Ward, start: str, ending: str
) -> None:
    answer = client("chen").post(
        "/reports/shift/file", data=form(ward, "chen", start, format=ending)
    )
    assert answer.status_code == 200
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="vigil-shift-lantern-')
    assert disposition.endswith(f'.{ending}"')
    assert answer.headers["Cache-Control"] == "no-store"
    (trace,) = exports(session)
    assert (trace.by_id, trace.unit_id) == (ward.staff["chen"].id, ward.unit.id)
    assert (trace.form, trace.basis) == (ending, Basis.CODED)
    assert trace.sha256 == hashlib.sha256(answer.content).hexdigest()
    assert named_in(session, trace) == []
    assert b"Pennywhistle" not in answer.content


def test_names_leave_only_with_a_reason_and_as_a_disclosure_of_each_stay(
    client: Client, session: Session, ward: Ward, start: str
) -> None:
    data = form(ward, "chen", start, **NAMED)
    browser = client("chen")
    stepped_up(session)
    answer = browser.post("/reports/shift/file", data=data)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert "Pennywhistle, Rosa" in {row["name"] for row in rows}
    header = {row["subject"]: row["value"] for row in rows if row["section"] == "header"}
    assert WHY in header["on what ground"]
    (trace,) = exports(session)
    assert (trace.purpose, trace.recipient, trace.affiliation, trace.basis) == (
        WHY,
        "Dr Vance",
        "Lantern Unit",
        Basis.TREATMENT,
    )
    assert len(named_in(session, trace)) == 1
    assert str(trace.row_count) == header["data rows"]


@pytest.mark.parametrize("reason", ["", "short", "   x   ", "x" * 100_000, "\u202egnol ylkcus rof"])
def test_without_a_proper_reason_nothing_leaves_and_nothing_typed_is_lost(
    client: Client, session: Session, ward: Ward, start: str, reason: str
) -> None:
    data = form(ward, "chen", start, **(NAMED | {"reason": reason, "format": "xlsx"}))
    answer = client("chen").post("/reports/shift/file", data=data)
    assert answer.status_code == 422
    assert "Say what for, in 10 to 500 letters" in answer.text
    assert f'value="{reason.strip()}"' in answer.text
    assert 'name="identified" value="true" checked' in answer.text
    assert 'value="xlsx" checked' in answer.text
    assert "Pennywhistle" not in answer.text
    assert exports(session) == []


@pytest.mark.parametrize(
    "wrong",
    [{"format": "exe"}, {"key": "1"}, {"start": "\x00"}, {"reason": "a\x00b"}, {"more": "x"},
     {"identified": "perhaps"}, {"start": "2026-03-10T08:00"}, {"opened_by": "1e400"}],
)  # fmt: skip
def test_a_form_that_cannot_be_right_is_refused(
    client: Client, session: Session, ward: Ward, start: str, wrong: dict[str, str]
) -> None:
    answer = client("chen").post(
        "/reports/shift/file", data=form(ward, "chen", start, identified="true") | wrong
    )
    assert answer.status_code == 422
    assert exports(session) == []


def test_a_form_that_somebody_else_opened_is_refused(
    client: Client, session: Session, ward: Ward, start: str
) -> None:
    answer = client("chen").post("/reports/shift/file", data=form(ward, "priya", start))
    assert answer.status_code == 409
    assert exports(session) == []


def test_nobody_empties_the_ward_in_an_hour(
    client: Client, session: Session, ward: Ward, start: str
) -> None:
    for _ in range(disclosures.MOST_FILES_AN_HOUR - 2):
        session.add(
            Disclosure(
                key=uuid4(),
                unit_id=ward.unit.id,
                by_id=ward.staff["chen"].id,
                what=What.SHIFT_REPORT,
                form="pdf",
                basis=Basis.CODED,
                sha256="",
                row_count=1,
            )
        )
    browser = client("chen")
    stepped_up(session)
    data = form(ward, "chen", start, **NAMED)
    answers = [browser.post("/reports/shift/file", data=data).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert len(exports(session)) == disclosures.MOST_FILES_AN_HOUR
    refused = session.scalars(select(AuditEntry).where(AuditEntry.action == "disclosure.refused"))
    assert [entry.subject["status"] for entry in refused] == [429]
    assert WHY in browser.post("/reports/shift/file", data=data).text
    priya = form(ward, "priya", start)
    assert client("priya").post("/reports/shift/file", data=priya).status_code == 200


def test_a_wrong_start_leads_to_the_list_with_that_days_shifts(client: Client) -> None:
    answer = client("nora").get("/reports/shift", params={"start": "2026-03-10T08:00"})
    assert answer.status_code == 422
    assert "07:00 to 19:00, 19:00 to 07:00" in answer.text
    assert "The last shifts" in answer.text


@pytest.mark.parametrize("day", ["yesterday", "\x00", "2199-01-01", "x" * 3000, "<script>"])
def test_a_day_without_shifts_is_answered_in_a_sentence(client: Client, day: str) -> None:
    answer = client("nora").get("/reports", params={"day": day})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "<script>alert" not in answer.text


def test_a_day_offers_its_shifts(client: Client) -> None:
    answer = client("nora").get("/reports", params={"day": "2025-10-25"})
    assert answer.status_code == 200
    assert "13 h: the clocks change" in answer.text
    assert "/reports/shift?start=2025-10-25T17:00:00Z" in answer.text


def test_the_running_shift_says_that_it_is_not_over(client: Client, ward: Ward) -> None:
    shift = windows.recent_shifts(ward.unit, clock.now(), 1)[0]
    params = {"start": shift.starts_at.isoformat()}
    assert "still running" in client("nora").get("/reports/shift", params=params).text


def test_another_units_nurse_sees_her_own_unit(client: Client, start: str) -> None:
    answer = client("olga").get("/reports")
    assert "Harbour Unit" in answer.text
    elsewhere = client("olga").get("/reports/shift", params={"start": start})
    assert "Lantern" not in elsewhere.text


def test_nobody_is_asked_to_sign_in_first(client: Client, start: str) -> None:
    answer = client(None).get("/reports/shift", params={"start": start})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in")
