"""What the browser sends to take a report out."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from backend.core.deed import DeedForm, Line


class ExportForm(DeedForm):
    """Which shift, as what, with names or without. The reason is checked where it is needed."""

    start: Line
    format: Literal["pdf", "xlsx", "csv"]
    identified: bool = False
    reason: Annotated[str, StringConstraints(strip_whitespace=True)] = ""
