"""Whatever the rows hold, the notice of 42 CFR part 2 stands on every page, sheet, file and answer.

The writers are read off the services; one that this file does not know makes it fail.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle

import openpyxl
import pypdf
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from backend.care.disclosures.models import What
from backend.care.disclosures.notice import NOTICE, Stamp
from backend.core import clock
from backend.core.deed import is_readable
from backend.core.web import ROOT
from backend.reports.disclosures import service as accounting
from backend.reports.privacy import service as trail
from backend.reports.shift import service as shift
from backend.reports.shift.report import Kind, Report, data_rows
from tests.people import Ward
from tests.reports import night
from tests.reports.test_files import STARTS_A_FORMULA

Write = Callable[[Sequence[str]], bytes]
# What a field of ours accepts and the database holds.
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=80).filter(is_readable)
NASTY = (
    NOTICE,
    "#set page(header: none); \\ ] $ * _",
    '","\r\n","',
    '=HYPERLINK("http://127.0.0.1/x";"y")',
    "</t></is></c></row></sheetData>",
    "\u202cabc",
    "x" * 400,
    "",
)
EXAMPLES = {"pdf": 2, "xlsx": 8, "csv": 40, "json": 30}
# Who calls the door, and what leaves by it. Telling somebody in an emergency makes no file.
BY_FILE = {What.SHIFT_REPORT, What.ACCOUNTING, What.AUDIT_TRAIL}
BY_ANSWER = {
    What.UNIT, What.BOARD, What.STAYS, What.STAY, What.OBSERVATIONS, What.EVENTS,
    What.SAFETY_CHECKS, What.ALERTS, What.ALERT,
}  # fmt: skip
CALLERS = {
    "reports/shift/service.py",
    "reports/disclosures/service.py",
    "reports/privacy/service.py",
    # Every answer of the API: tests/test_exporters.py.
    "interop/api/leaving.py",
}


def test_every_exporter_is_known_here() -> None:
    backend = ROOT / "backend"
    found = {
        path.relative_to(backend).as_posix()
        for path in backend.rglob("*.py")
        if re.search(r"\bdisclosures\.release\(", path.read_text())
    }
    assert found == CALLERS, "say here what leaves there, and try it"
    assert BY_FILE | BY_ANSWER | {What.TOLD} == set(What)
    kinds = {path.name for path in (backend / "reports").rglob("*.typ")}
    assert kinds == {"shift.typ", "accounting.typ"}
    assert {form.value for form in shift.WRITERS} | set(accounting._WRITERS) == set(HAS)  # noqa: SLF001


def filled(report: Report, words: Sequence[str]) -> Report:
    """The same report with these words in every cell and line that somebody could have typed."""
    typed = cycle(words)
    kinds = (Kind.BED, Kind.NAME, Kind.SUBJECT)
    tables = tuple(
        replace(
            table,
            rows=tuple(
                tuple(
                    next(typed) if column.kind in kinds and isinstance(cell, str) else cell
                    for column, cell in zip(table.columns, row, strict=True)
                )
                for row in table.rows
            ),
        )
        for table in report.tables
    )
    return replace(
        report,
        unit_name=next(typed),
        prepared_by=next(typed),
        rules=next(typed),
        stamp=Stamp(notice=NOTICE, grounds=next(typed)),
        tables=tables,
        rows=data_rows(tables),
    )


@pytest.fixture
def writers(session: Session, ward: Ward) -> dict[tuple[What, str], Write]:
    """Every writer there is: what somebody typed in, bytes out."""
    report = night.report_of(session, ward, night.shift_of(ward, "2026-03-10T08:00"))
    now = clock.now()

    def of_shift(form: shift.Format) -> Write:
        return lambda words: shift.WRITERS[form][0](filled(report, words))

    def of_patient(form: str) -> Write:
        write = accounting._WRITERS[form]  # noqa: SLF001 (the writers themselves are tried)
        both = cycle(accounting.ACCOUNTS.values())

        def written(words: Sequence[str]) -> bytes:
            account = next(both)
            rows = _rows(words, account.columns)
            return write(_stamp(words), words[0], account, rows, now)

        return written

    known = {(What.SHIFT_REPORT, form.value): of_shift(form) for form in shift.WRITERS}
    known |= {(What.ACCOUNTING, form): of_patient(form) for form in accounting._WRITERS}  # noqa: SLF001
    known[What.AUDIT_TRAIL, "csv"] = lambda words: trail._csv(  # noqa: SLF001
        _stamp(words), words[0], _rows(words, trail.COLUMNS)
    )
    assert {what for what, _ in known} == BY_FILE
    return known


def _stamp(words: Sequence[str]) -> Stamp:
    return Stamp(notice=NOTICE, grounds=words[-1])


def _rows(words: Sequence[str], columns: Sequence[str]) -> list[tuple[str, ...]]:
    typed = cycle(words)
    return [tuple(next(typed) for _ in columns) for _ in range(40)]


def csv_has(body: bytes) -> None:
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert any(NOTICE in row for row in rows[:2]), "not above the rows"
    assert not [cell for row in rows for cell in row if cell.startswith(STARTS_A_FORMULA)]


def json_has(body: bytes) -> None:
    made = json.loads(body)
    assert next(iter(made.items())) == ("notice", NOTICE)
    assert made["header"]["notice"] == NOTICE


def xlsx_has(body: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(body)) as parts:
        sheets = [parts.read(name) for name in parts.namelist() if "worksheets/sheet" in name]
    assert all(b"<oddFooter>&amp;L" + NOTICE.encode() in sheet for sheet in sheets), "on paper"
    assert not any(b"<f>" in sheet for sheet in sheets)
    book = openpyxl.load_workbook(io.BytesIO(body), read_only=True)
    tops = [[cell.value for cell in next(sheet.iter_rows(max_row=1))] for sheet in book]
    assert len(tops) == len(sheets) > 2
    assert all(NOTICE in top for top in tops), "on the screen"


def pdf_has(body: bytes) -> None:
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(body)).pages]
    assert len(pages) > 1
    assert all(NOTICE in " ".join(page.split()) for page in pages)


HAS = {"csv": csv_has, "json": json_has, "xlsx": xlsx_has, "pdf": pdf_has}


@pytest.mark.parametrize("form", list(HAS))
def test_whatever_the_rows_hold_the_notice_stands_on_all_of_it(
    writers: dict[tuple[What, str], Write], form: str
) -> None:
    mine = [write for (_, writes), write in writers.items() if writes == form]
    assert mine

    # Without looking for a smaller example: the test's transaction does not wait for that.
    @settings(max_examples=EXAMPLES[form], phases=[Phase.explicit, Phase.generate])
    @given(words=st.lists(WORDS, min_size=1, max_size=6))
    @example(words=list(NASTY))
    def holds(words: list[str]) -> None:
        for write in mine:
            HAS[form](write(words))

    holds()
