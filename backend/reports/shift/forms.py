"""What the browser sends to take a report out."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from backend.care.consents.models import PurposeKind, RecipientClass
from backend.care.disclosures.models import Basis
from backend.core.deed import DeedForm, Line

GROUNDS = (Basis.TREATMENT, Basis.CONSENT, Basis.AUDIT, Basis.LEGAL)


class ExportForm(DeedForm):
    """Which shift, as what, with names or without. What names need is checked by the door."""

    start: Line
    format: Literal["pdf", "xlsx", "csv"]
    identified: bool = False
    basis: Basis | None = None
    recipient: Annotated[Line, Field(max_length=200)] = ""
    affiliation: Annotated[Line, Field(max_length=200)] = ""
    recipient_class: RecipientClass | None = None
    purpose_kind: PurposeKind = PurposeKind.TPO
    reason: Annotated[str, StringConstraints(strip_whitespace=True)] = ""
