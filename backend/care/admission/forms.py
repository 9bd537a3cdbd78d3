"""What the admission, move and discharge forms may send."""

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from backend.clinical import shift
from backend.core.deed import DeedForm, Line, PatientForm
from backend.core.errors import Invalid
from backend.stays.models import DischargeReason

Short = Annotated[Line, Field(max_length=200)]
Name = Annotated[Line, Field(min_length=1, max_length=100)]
PlacementId = Annotated[int, Field(ge=1, lt=2**31)]


def _several(value: object) -> object:
    """One ticked box comes as a word, several as a list."""
    return [value] if isinstance(value, str) else value


Several = Annotated[
    list[Short], BeforeValidator(_several), Field(default_factory=list, max_length=20)
]


def local_moment(typed: str | None, zone: ZoneInfo, *, field: str) -> datetime | None:
    """A `datetime-local` input as a moment, refused where the clocks make it none or two."""
    if typed is None:
        return None
    try:
        return shift.local_to_utc(datetime.fromisoformat(typed).replace(tzinfo=None), zone)
    except shift.LocalTimeError as error:
        raise Invalid("Check the time.", {field: str(error)}) from None
    except (ValueError, OverflowError):
        raise Invalid("Check the time.", {field: "Write the date and the time."}) from None


class AdmissionForm(DeedForm):
    """A patient comes in."""

    family_name: Name
    given_name: Name
    born_on: date | None = None
    allergies: Short | None = None
    risks: Short | None = None
    substances: Several
    use_history: Short | None = None
    last_use_at: Annotated[str, Field(max_length=30)] | None = None
    bed_id: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    instruments: Several
    templates: Several

    def risk_labels(self) -> tuple[str, ...]:
        """Flags, written in one line with commas between them."""
        labels = (label.strip() for label in (self.risks or "").split(","))
        return tuple(label for label in labels if label)


class MoveForm(PatientForm):
    """The patient goes into another bed."""

    # Where they lay when the form was opened; nothing: in no bed.
    placement_id: PlacementId | None = None
    bed_id: Annotated[int, Field(ge=1, lt=2**31)]


class DischargeForm(PatientForm):
    """The stay ends."""

    placement_id: PlacementId | None = None
    reason: DischargeReason
