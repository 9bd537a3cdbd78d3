"""What the privacy officer's pages may send."""

from typing import Annotated, Literal

from pydantic import Field

from backend.core.deed import DeedForm, Line, PatientForm


class AccountingForm(PatientForm):
    """One of the two lists of one patient, as a file."""

    format: Literal["pdf", "csv"]
    of: Literal["accounting", "intermediary"] = "accounting"


class SeenForm(DeedForm):
    """An emergency disclosure has been looked at."""


class FindForm(DeedForm):
    """A patient by code: sent as a form, so that it stands in no address."""

    code: Annotated[Line, Field(min_length=1, max_length=40)]
