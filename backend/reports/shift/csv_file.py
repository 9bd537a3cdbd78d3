"""The report as CSV: one figure to a row, and no cell that a spreadsheet would run."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from backend.reports.shift.report import DataRow, Report, written

COLUMNS = ("section", "bed", "code", "name", "subject", "figure", "value", "unit")
MEDIA_TYPE = "text/csv; charset=utf-8"
# Where a cell begins, or would begin for a spreadsheet that separates by semicolons. With the wide
# forms of the same signs, which some spreadsheets take for them.
_FORMULA = re.compile(r"(^|;)([\s\"]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


def cell(text: str) -> str:
    """On one line, and with an apostrophe before anything that could begin a formula."""
    return _FORMULA.sub(r"\1\2'", " ".join(text.split()))


def lines(rows: Iterable[Sequence[str]]) -> bytes:
    """As the standard library writes them, every cell made safe."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([[cell(value) for value in row] for row in rows])
    return text.getvalue().encode()


def data_lines(rows: Iterable[DataRow], zone: ZoneInfo) -> bytes:
    """The rows that the SHA-256 in the header is of."""
    return lines(
        (
            row.section,
            row.bed,
            row.code,
            row.name,
            row.subject,
            row.figure,
            written(row.value, zone),
            row.unit,
        )
        for row in rows
    )


def digest(rows: Iterable[DataRow], zone: ZoneInfo) -> str:
    """Anybody can work it out again: over the lines of the CSV file below its header."""
    return hashlib.sha256(data_lines(rows, zone)).hexdigest()


def body(report: Report) -> bytes:
    """Column names, the header as rows of a section of its own, then the data."""
    header = [("header", "", "", "", label, "", value, "") for label, value in report.header()]
    # Without the mark at the start, spreadsheets take UTF-8 for something older.
    return b"\xef\xbb\xbf" + lines([COLUMNS, *header]) + data_lines(report.rows, report.zone)
