"""What the sharing page may send."""

from typing import Annotated

from pydantic import Field

from backend.care.disclosures.models import Verdict
from backend.core.deed import Line, PatientForm

Needed = Annotated[Line, Field(min_length=1, max_length=300)]


class EmergencyForm(PatientForm):
    """42 CFR 2.51: none of these may be missing."""

    recipient: Needed
    affiliation: Needed
    told_at: Annotated[str, Field(max_length=30)]
    nature: Needed
    told: Needed


class RestrictionForm(PatientForm):
    """What the patient asks."""

    asked: Needed
    recipient: Annotated[Line, Field(max_length=200)] | None = None


class AnswerForm(PatientForm):
    """What the privacy officer decides."""

    restriction_id: Annotated[int, Field(ge=1, lt=2**31)]
    verdict: Verdict
    reason: Needed
