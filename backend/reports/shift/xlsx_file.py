"""The report as XLSX: a sheet for each table, and one with every figure to a row."""

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import xlsxwriter

from backend.reports.shift.csv_file import COLUMNS
from backend.reports.shift.report import Kind, Report, Table, Value, written

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# The rows that the notice takes on every sheet.
BELOW = 2
# In memory: a temporary file would leave patients on the server's disk.
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def body(report: Report) -> bytes:
    """Text is written as text and numbers as numbers: no cell holds a formula."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, OPTIONS)
    book.set_properties(
        {
            "title": f"Shift report, {report.unit_name}",
            "comments": report.stamp.notice,
            "created": report.generated_at.astimezone(UTC).replace(tzinfo=None),
        }
    )
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"})
    first = _sheet(book, "Report", report)
    first.set_column(0, 0, 26)
    first.set_column(1, 1, 90)
    _write(first, report.header(), report)
    for table in report.tables:
        _table(book, table, report, bold)
    rows = _stamped(book, "Rows", report)
    _write(rows, [COLUMNS], report, top=BELOW, style=bold)
    _write(
        rows,
        (
            (r.section, r.bed, r.code, r.name, r.subject, r.figure, r.value, r.unit)
            for r in report.rows
        ),
        report,
        top=BELOW + 1,
    )
    rows.set_column(0, 6, 20)
    rows.freeze_panes(BELOW + 1, 0)
    book.close()
    return buffer.getvalue()


def _stamped(book: Any, name: str, report: Report) -> Any:
    """A sheet that says in its first rows what it is: a sheet is soon a file of its own."""
    sheet = _sheet(book, name, report)
    _write(sheet, [(report.stamp.notice,), (report.stamp.grounds,)], report)
    return sheet


def _sheet(book: Any, name: str, report: Report) -> Any:
    sheet = book.add_worksheet(name[:31])
    sheet.set_paper(9)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.set_footer(f"&L{report.stamp.notice}&R&P / &N")
    return sheet


def _table(book: Any, table: Table, report: Report, bold: Any) -> None:
    sheet = _stamped(book, table.title, report)
    titles = [f"{c.title}, {c.unit}" if c.unit else c.title for c in table.columns]
    _write(sheet, [titles], report, top=BELOW, style=bold)
    _write(sheet, table.rows or [(table.empty,)], report, top=BELOW + 1)
    if table.note:
        _write(sheet, [(table.note,)], report, top=BELOW + max(1, len(table.rows)) + 2)
    for position, column in enumerate(table.columns):
        width = {Kind.BED: 10, Kind.CODE: 12, Kind.NAME: 24, Kind.SUBJECT: 40}
        sheet.set_column(position, position, width.get(column.kind, 16))
    sheet.freeze_panes(BELOW + 1, 0)


def _write(
    sheet: Any,
    rows: Iterable[Sequence[Value]],
    report: Report,
    *,
    top: int = 0,
    style: Any = None,
) -> None:
    for down, row in enumerate(rows, top):
        for across, value in enumerate(row):
            if isinstance(value, datetime) or value is None or isinstance(value, str):
                sheet.write_string(down, across, written(value, report.zone), style)
            else:
                sheet.write_number(down, across, value, style)
