"""PDF, XLSX, CSV and JSON hold the same figures, and nothing that a spreadsheet would run."""

import csv
import hashlib
import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta

import openpyxl
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from backend.accounts.units import service as units
from backend.care.disclosures.notice import NOTICE, Stamp
from backend.care.disclosures.service import Clearance
from backend.core import clock
from backend.reports.shift import csv_file, json_file, pdf_file, service, windows, xlsx_file
from backend.reports.shift.report import Column, Detail, Kind, Report, Table, written
from tests import build
from tests.people import Ward
from tests.reports import night

STARTS_A_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 (the wide forms are meant)
NASTY = '=HYPERLINK("http://127.0.0.1/x";"y")'


@pytest.fixture
def report(session: Session, ward: Ward) -> Report:
    """With names, one of which is a formula, and a reason that is one too."""
    shift = night.shift_of(ward, "2026-03-10T08:00")
    patient = build.patient(session, ward, family_name=NASTY, given_name="@Zoë #let x 漢字")
    stay = build.stay(
        session,
        ward,
        patient_row=patient,
        admitted_at=shift.starts_at - timedelta(hours=1),
        orders={"news2": 240, "ciwa-b": 240},
    )
    at = shift.starts_at + timedelta(hours=2)
    night.watch(session, at)
    wrong = night.chart(session, ward, stay, at, answers=build.ciwa_b(31), vitals=night.ILL)
    with clock.as_if(at + timedelta(hours=1)):
        night.corrected_to(session, ward, stay, wrong)
    night.watch(session, shift.ends_at)
    session.expire_all()
    return service.prepare(
        session,
        ward.unit,
        shift,
        detail=Detail.IDENTIFIED,
        prepared_by="-Chen",
        now=shift.ends_at + timedelta(hours=1),
        clearance=Clearance(
            named={stay.id: None},
            stamp=Stamp(notice=NOTICE, grounds="+ for the ward; =1+1 round"),
        ),
    )


def csv_rows(report: Report) -> list[dict[str, str]]:
    """As a program reads the file."""
    return list(csv.DictReader(io.StringIO(csv_file.body(report).decode("utf-8-sig"))))


@given(st.text())
def test_no_cell_can_begin_a_formula(text: str) -> None:
    made = csv_file.cell(text)
    assert not made.startswith(STARTS_A_FORMULA)
    assert not any(part.strip(' "').startswith(STARTS_A_FORMULA) for part in made.split(";"))


@given(st.lists(st.tuples(st.text(), st.sampled_from(STARTS_A_FORMULA), st.text()), min_size=1))
def test_no_line_holds_a_cell_that_begins_a_formula(rows: list[tuple[str, str, str]]) -> None:
    """With what is dangerous put first on purpose, and read back by the standard library."""
    cells = [(sign + before, sign + after) for before, sign, after in rows]
    read = list(csv.reader(io.StringIO(csv_file.lines(cells).decode(), newline="")))
    assert len(read) == len(rows)
    for row in read:
        assert len(row) == 2
        assert not any(cell.startswith(STARTS_A_FORMULA) for cell in row)


@given(st.text(alphabet=st.characters(categories=["L", "N"]), max_size=50))
def test_ordinary_words_are_left_alone(text: str) -> None:
    assert csv_file.cell(text) == text


def test_nothing_in_the_csv_would_run(report: Report) -> None:
    rows = csv_rows(report)
    cells = [cell for row in rows for cell in row.values()]
    assert not any(cell.startswith(STARTS_A_FORMULA) for cell in cells)
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    assert {row["section"] for row in rows} >= {"header", "census", "scores", "corrections"}


def test_the_notice_is_the_first_row_and_the_digest_can_be_checked(report: Report) -> None:
    raw = csv_file.body(report).removeprefix(b"\xef\xbb\xbf")
    lines = raw.splitlines(keepends=True)
    assert NOTICE.encode() in lines[1]
    data = b"".join(line for line in lines[1:] if not line.startswith(b"header,"))
    assert hashlib.sha256(data).hexdigest() == report.sha256
    header = {
        row["subject"]: row["value"] for row in csv_rows(report) if row["section"] == "header"
    }
    assert header["SHA-256 of the data rows"] == report.sha256
    assert int(header["data rows"]) == len(data.splitlines()) == len(report.rows)
    assert header["starts"] == "Tue 10 Mar 2026 07:00 (UTC+1)"


def test_the_workbook_holds_the_same_figures_as_numbers(report: Report) -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx_file.body(report)))
    rows = list(book["Rows"].iter_rows(values_only=True))
    assert rows[2] == csv_file.COLUMNS
    assert len(rows) - 3 == len(report.rows)
    for shown, row in zip(rows[3:], report.rows, strict=True):
        assert shown[:1] + shown[5:6] == (row.section, row.figure)
        if isinstance(row.value, int | float):
            assert shown[6] == pytest.approx(row.value)
            assert not isinstance(shown[6], str)
        else:
            assert shown[6] == written(row.value, report.zone)
    for table in report.tables:
        sheet = book[table.title[:31]]
        assert [sheet["A1"].value, sheet["A2"].value] == [NOTICE, report.stamp.grounds]
        assert sheet.max_row >= 3 + len(table.rows)
        numbers = [v for row in table.rows for v in row if isinstance(v, int | float)]
        found = [
            cell.value
            for line in sheet.iter_rows(min_row=4, max_row=3 + len(table.rows))
            for cell in line
            if isinstance(cell.value, int | float)
        ]
        assert found == pytest.approx(numbers)


def test_the_workbook_holds_no_formula_and_the_notice_on_every_sheet(report: Report) -> None:
    body = xlsx_file.body(report)
    book = openpyxl.load_workbook(io.BytesIO(body))
    kinds = {c.data_type for sheet in book for line in sheet.iter_rows() for c in line}
    assert kinds <= {"s", "n"}
    with zipfile.ZipFile(io.BytesIO(body)) as parts:
        sheets = [parts.read(name) for name in parts.namelist() if "worksheets/sheet" in name]
    assert len(sheets) == len(report.tables) + 2
    assert not any(b"<f>" in sheet for sheet in sheets)
    assert all(NOTICE.encode() in sheet for sheet in sheets)


def test_the_pdf_says_the_same_and_the_notice_on_every_page(report: Report) -> None:
    body = pdf_file.body(report)
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(body)).pages]
    assert len(pages) > 1
    said = " ".join(" ".join(pages).split())
    assert all(NOTICE in " ".join(page.split()) for page in pages)
    assert report.sha256 in said
    for table in report.tables:
        assert table.title in said
    for one in report.headlines:
        assert one.label in said
        assert one.value in said
    # What people typed is text, whatever it would mean to the typesetter.
    assert "#let x" in said
    assert "=HYPERLINK" in said


@pytest.mark.parametrize("rows", [2, 3, 5, 12])
def test_no_row_stands_alone_on_a_page_and_no_heading_without_its_rows(
    report: Report, rows: int
) -> None:
    columns = (Column(title="what", kind=Kind.SUBJECT), Column(title="how many"))
    asked = Table(
        key="asked",
        title="Asked about",
        columns=columns,
        rows=tuple((f"quokka {at}", at) for at in range(rows)),
    )
    split = 0
    for before in range(30, 48, 2):
        lines = tuple((f"line {at}", at) for at in range(before))
        filling = Table(key="filling", title="Filling", columns=columns, rows=lines)
        made = replace(report, charts=(), tables=(filling, asked))
        pages = pypdf.PdfReader(io.BytesIO(pdf_file.body(made))).pages
        found = [(text.count("quokka"), "Asked about" in text) for text in map(_text, pages)]
        assert 1 not in {count for count, _ in found}, (before, found)
        assert (0, True) not in found, (before, found)
        split += sum(count > 0 for count, _ in found) > 1
    assert split or rows <= 3, "no page ended within the table: nothing was asked"


def _text(page: pypdf.PageObject) -> str:
    return page.extract_text()


def test_the_same_report_gives_the_same_bytes(report: Report) -> None:
    for form, (write, _) in service.WRITERS.items():
        assert write(report) == write(report), form


def test_json_holds_numbers_as_numbers_and_nothing_as_null(report: Report) -> None:
    made = json.loads(json_file.body(report))
    assert made["header"]["notice"] == NOTICE
    assert len(made["rows"]) == len(report.rows)
    by_name = {(r["section"], r["subject"], r["figure"]): r["value"] for r in made["rows"]}
    assert by_name["census", "at the end", "count"] == 1
    assert by_name["alerts", "to seen, median, min", "all"] is None


@pytest.mark.parametrize("form", list(service.Format))
def test_a_shift_without_anybody_has_a_report_in_every_format(
    session: Session, ward: Ward, form: service.Format
) -> None:
    shift = night.shift_of(ward, "2021-03-10T08:00")
    report = night.report_of(session, ward, shift)
    write, _ = service.WRITERS[form]
    assert len(write(report)) > 1000
    whole = {row.value for row in report.rows if row.section == "census"}
    assert whole == {0, len(ward.beds)}


def test_a_unit_without_rules_says_so(session: Session, ward: Ward) -> None:
    bare = units.create(
        session,
        ward.staff["ada"].id,
        code="bare",
        name="Bare",
        time_zone="Asia/Kathmandu",
        shift_starts=[ward.unit.shift_starts[0]],
    )
    (shift,) = windows.shifts_of_day(bare, "2026-03-10")
    made = service.prepare(
        session, bare, shift, detail=Detail.CODED, prepared_by="Ada", now=clock.now()
    )
    assert dict(made.header())["rules in force"] == "none yet"
    assert dict(made.header())["starts"].endswith("(UTC+5:45)")


def test_the_file_is_named_by_unit_and_time_only(report: Report) -> None:
    assert (
        service.file_name(report, service.Format.PDF)
        == "vigil-shift-lantern-2026-03-10-0700-with-names.pdf"
    )
    for code in ("../../etc", 'a"b\r\nSet-Cookie: x', "", "Ünït"):
        name = service.file_name(replace(report, unit_code=code), service.Format.CSV)
        assert name.isascii()
        assert not set(name) & set('/\\"\r\n; ')
