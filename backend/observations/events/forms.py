"""What the page of events may send."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from pydantic import Field

from backend.clinical import shift
from backend.core.deed import Line, PatientForm
from backend.core.errors import Invalid
from backend.observations.events.models import EventKind

Time = Annotated[Line | None, Field(max_length=40)]
Reason = Annotated[Line, Field(min_length=3, max_length=500)]
WRITE = "Write the date and the time."


def _moment(typed: str | None, repeated: str | None, zone: ZoneInfo, field: str) -> datetime | None:
    """A time on the unit's clock; in the hour that comes twice, the one that was chosen."""
    if typed is None:
        return None
    try:
        naive = datetime.fromisoformat(typed)
    except ValueError:
        raise Invalid("Check the times.", {field: WRITE}) from None
    if naive.tzinfo is not None or not 1900 < naive.year < 9000:
        raise Invalid("Check the times.", {field: WRITE})
    try:
        return shift.local_to_utc(naive, zone)
    except shift.LocalTimeError as twice_or_never:
        if twice_or_never.choices:
            return twice_or_never.choices[repeated == "second"]
        raise Invalid("Check the times.", {field: str(twice_or_never)}) from None


class TimesForm(PatientForm):
    """A start and an end; empty means now, and not over or not known."""

    started: Time = None
    ended: Time = None
    # Which of the two, in the hour in which the clocks go back.
    repeated: Literal["first", "second"] | None = None

    def started_at(self, zone: ZoneInfo) -> datetime | None:
        return _moment(self.started, self.repeated, zone, "started")

    def ended_at(self, zone: ZoneInfo) -> datetime | None:
        return _moment(self.ended, self.repeated, zone, "ended")


class EventForm(TimesForm):
    """One tap, or a kind with its times."""

    kind: EventKind

    def deed(self) -> UUID:
        """Each kind on the page is a deed of its own: a fall is not a retry of a seizure."""
        return uuid5(self.key, self.kind.value)


class EndForm(PatientForm):
    """It is over now."""


class CorrectionForm(EventForm):
    """The event as it should have been written down, and why."""

    reason: Reason


class TakeBackForm(PatientForm):
    """That it never happened, and why."""

    reason: Reason
