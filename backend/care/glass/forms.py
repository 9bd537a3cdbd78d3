"""What the break-glass pages may send."""

from typing import Annotated

from pydantic import Field

from backend.care.glass.models import GlassReason, Outcome
from backend.core.deed import DeedForm, Line

Words = Annotated[Line, Field(min_length=10, max_length=1000)]


class BreakForm(DeedForm):
    """Where the patient lies, and why their record must be read."""

    unit_id: Annotated[int, Field(ge=1, lt=2**31)]
    where: Annotated[Line, Field(min_length=1, max_length=40)]
    reason: GlassReason
    words: Words


class ReviewForm(DeedForm):
    """What the privacy officer found."""

    outcome: Outcome
    words: Words
