"""What the form of safety rounds may send."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from backend.clinical import shift
from backend.clinical.safety import Level
from backend.core.deed import Line, PatientForm
from backend.core.errors import Invalid


class SafetyOrderForm(PatientForm):
    """How closely, why, and until when; nobody is left alone by a date."""

    level: Level
    why: Annotated[Line, Field(min_length=3, max_length=200)]
    watch_until: Annotated[Line, Field(max_length=40)] | None = None
    then_level: Level | None = None

    def until_at(self, zone: ZoneInfo, now: datetime) -> datetime | None:
        """The end, or Invalid with a sentence for what is wrong."""
        wrong: dict[str, str] = {}
        until_at = None if self.watch_until is None else self._read(zone, wrong)
        if until_at is not None and until_at <= now:
            wrong["watch_until"] = "This time is over."
        if until_at is not None and self.then_level is None:
            wrong["then_level"] = "Say how closely after that."
        if until_at is None and self.then_level is not None and not wrong:
            wrong["watch_until"] = "Say until when, or leave “and then” open."
        if self.then_level is Level.ONE_TO_ONE:
            wrong["then_level"] = "Order 1:1 when it begins."
        if wrong:
            raise Invalid("Not ordered.", wrong)
        return until_at

    def _read(self, zone: ZoneInfo, wrong: dict[str, str]) -> datetime | None:
        try:
            naive = datetime.fromisoformat(self.watch_until or "").replace(tzinfo=None)
            return shift.local_to_utc(naive, zone)
        except shift.LocalTimeError as error:
            wrong["watch_until"] = str(error)
        except (ValueError, OverflowError):
            wrong["watch_until"] = "Write the date and the time."
        return None
