"""The report as PDF, set by typst: the same report gives the same bytes."""

import json
from pathlib import Path

import typst

from backend.core import local_time
from backend.reports.shift.report import Kind, Report, Table, shown

MEDIA_TYPE = "application/pdf"
TEMPLATE = Path(__file__).parent / "shift.typ"


def body(report: Report) -> bytes:
    """Everything that people wrote goes in as data, never as typst."""
    shown_report = {
        "unit": report.unit_name,
        "shift": shift_words(report),
        "running": report.running,
        "notice": report.stamp.notice,
        "header": report.header(),
        "headlines": [
            {"label": one.label, "value": one.value, "note": one.note} for one in report.headlines
        ],
        "charts": [
            {
                "title": chart.title,
                "series": chart.series,
                "tones": chart.tones,
                "bars": [{"label": bar.label, "counts": bar.counts} for bar in chart.bars],
            }
            for chart in report.charts
        ],
        "tables": [_table(table, report) for table in report.tables],
    }
    made: bytes = typst.compile(
        TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs={"report": json.dumps(shown_report)},
        timestamp=int(report.generated_at.timestamp()),
    )
    return made


def shift_words(report: Report) -> str:
    """`Tue 17 Nov, 19:00-07:00`."""
    return f"{local_time.day(report.shift.starts_at, report.zone)}, {report.shift.name}"


def _table(table: Table, report: Report) -> dict[str, object]:
    return {
        "title": table.title,
        "note": table.note,
        "empty": table.empty,
        "half": table.half,
        "columns": [
            {
                "title": f"{column.title}, {column.unit}" if column.unit else column.title,
                "number": table.is_number(position),
                "subject": column.kind is Kind.SUBJECT and column.title != "no.",
            }
            for position, column in enumerate(table.columns)
        ],
        "rows": [[shown(value, report.zone) for value in row] for row in table.rows],
    }
