"""The report as JSON, for a machine: the same rows, with numbers as numbers and nothing as null."""

import json
from datetime import datetime
from typing import Any

from backend.core import local_time
from backend.reports.shift.report import Report, Value

MEDIA_TYPE = "application/json"


def body(report: Report) -> bytes:
    """The file's bytes."""
    return json.dumps(as_json(report), ensure_ascii=False, allow_nan=False).encode()


def as_json(report: Report) -> dict[str, Any]:
    """Times are in UTC here; the header tells them on the unit's clock."""
    return {
        "notice": report.stamp.notice,
        "header": dict(report.header()),
        "rows": [
            {
                "section": row.section,
                "bed": row.bed or None,
                "code": row.code or None,
                "name": row.name or None,
                "subject": row.subject,
                "figure": row.figure,
                "value": _plain(row.value),
                "unit": row.unit or None,
            }
            for row in report.rows
        ],
    }


def _plain(value: Value) -> int | float | str | None:
    return local_time.machine(value) if isinstance(value, datetime) else value
