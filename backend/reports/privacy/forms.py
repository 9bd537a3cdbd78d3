"""What the privacy officer's pages may send."""

from typing import Annotated

from pydantic import Field

from backend.core.deed import DeedForm, Line
from backend.core.web import LARGEST_ID
from backend.reports.privacy.words import Of, What


class FindForm(DeedForm):
    """A patient by their code: a code in an address would stay in the browser's history."""

    code: Annotated[Line, Field(max_length=40)] = ""


class LogFileForm(DeedForm):
    """The part of the trail on the page, as a file."""

    patient: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None
    person: Annotated[str, Field(pattern=r"^\d{0,9}$")] = ""
    what: What = "all"
    of: Of = "unit"
    since: Annotated[Line, Field(max_length=20)] = ""
    until: Annotated[Line, Field(max_length=20)] = ""
