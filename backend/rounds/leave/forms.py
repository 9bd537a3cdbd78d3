"""What the page of leaves may send. Each refusal names its input, so that nothing typed is lost."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from backend.clinical import shift
from backend.core.deed import Line, PatientForm
from backend.core.errors import Invalid
from backend.stays.leave.facts import Facts
from backend.stays.leave.models import Away, Belongings, UrineScreen

Time = Annotated[Line | None, Field(max_length=40)]
Text = Annotated[Line | None, Field(max_length=200)]
Reason = Annotated[Line, Field(min_length=3, max_length=500)]
WRITE = "Write the date and the time."


class TimesForm(PatientForm):
    """Times on the unit's clock; in the hour that comes twice, the one that was chosen."""

    repeated: Literal["first", "second"] | None = None

    def moment(
        self, typed: str | None, field: str, zone: ZoneInfo, wrong: dict[str, str]
    ) -> datetime | None:
        """The moment that was typed; None where nothing was, or what was cannot be read."""
        if typed is None:
            return None
        try:
            naive = datetime.fromisoformat(typed)
            if naive.tzinfo is None and 1900 < naive.year < 9000:
                return shift.local_to_utc(naive, zone)
        except shift.LocalTimeError as twice_or_never:
            if twice_or_never.choices:
                return twice_or_never.choices[self.repeated == "second"]
            wrong[field] = str(twice_or_never)
            return None
        except ValueError:
            pass
        wrong[field] = WRITE
        return None


class LeaveForm(TimesForm):
    """They leave: where to, until when, with whom and with what. No time of leaving means now."""

    why: Away
    left: Time = None
    expected: Time = None
    escort: Text = None
    medication: Text = None

    def facts(self, zone: ZoneInfo, now: datetime) -> Facts:
        """What is known of it, or Invalid."""
        wrong: dict[str, str] = {}
        left_at = self.moment(self.left, "left", zone, wrong) or now
        expected_at = self.moment(self.expected, "expected", zone, wrong)
        if expected_at is None:
            wrong.setdefault("expected", "Say when they are expected back.")
        if wrong or expected_at is None:
            raise Invalid("Not saved.", wrong)
        return Facts(
            why=self.why,
            left_at=left_at,
            expected_at=expected_at,
            escort=self.escort,
            medication=self.medication,
        )


class LaterForm(TimesForm):
    """They come at another time."""

    expected: Time = None

    def expected_at(self, zone: ZoneInfo) -> datetime:
        """When, or Invalid."""
        wrong: dict[str, str] = {}
        expected_at = self.moment(self.expected, "expected", zone, wrong)
        if expected_at is None:
            wrong.setdefault("expected", "Say when they are expected back.")
            raise Invalid("Not saved.", wrong)
        return expected_at


class SeenForm(PatientForm):
    """I have just seen them, and they are alert."""


class BackForm(TimesForm):
    """They are back, now or since a time; and what was looked at. Not said is not done."""

    returned: Time = None
    belongings: Belongings | None = None
    urine_screen: UrineScreen | None = None

    def returned_at(self, zone: ZoneInfo) -> datetime | None:
        """When, or Invalid; None means now."""
        wrong: dict[str, str] = {}
        returned_at = self.moment(self.returned, "returned", zone, wrong)
        if wrong:
            raise Invalid("Not saved.", wrong)
        return returned_at


class CorrectionForm(TimesForm):
    """The leave as it should have been written down, and why. No return: they are still away."""

    why: Away
    left: Time = None
    expected: Time = None
    escort: Text = None
    medication: Text = None
    returned: Time = None
    belongings: Belongings | None = None
    urine_screen: UrineScreen | None = None
    reason: Reason

    def facts(self, zone: ZoneInfo) -> Facts:
        """What is known of it, or Invalid."""
        wrong: dict[str, str] = {}
        left_at = self.moment(self.left, "left", zone, wrong)
        expected_at = self.moment(self.expected, "expected", zone, wrong)
        returned_at = self.moment(self.returned, "returned", zone, wrong)
        for field, moment in (("left", left_at), ("expected", expected_at)):
            if moment is None:
                wrong.setdefault(field, WRITE)
        if wrong or left_at is None or expected_at is None:
            raise Invalid("Not saved.", wrong)
        return Facts(
            why=self.why,
            left_at=left_at,
            expected_at=expected_at,
            escort=self.escort,
            medication=self.medication,
            returned_at=returned_at,
            belongings=self.belongings,
            urine_screen=self.urine_screen,
        )


class TakeBackForm(PatientForm):
    """That they never left, and why."""

    reason: Reason
