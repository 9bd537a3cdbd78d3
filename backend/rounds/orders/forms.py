"""What the order forms may send. Each refusal names its input, so that nothing typed is lost."""

from datetime import datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from backend.clinical import shift
from backend.clinical.schedule import HowOften
from backend.core.deed import Line, PatientForm
from backend.core.errors import Invalid
from backend.rounds.orders.choices import EVERY_MINUTES, TIME

Word = Annotated[Line, Field(max_length=40)]
Text = Annotated[Line, Field(max_length=200)]
MOST_TIMES = 24


class OrderForm(PatientForm):
    """An observation, how often, until when, and why."""

    instrument: Word = ""
    every: Word = ""
    at_times: Text = ""
    until_local: Word = ""
    then_every: Word = ""
    reason: Text = ""

    def how_often(self, zone: ZoneInfo, now: datetime) -> HowOften:
        """What is ordered, or Invalid with a sentence for each input that is wrong."""
        wrong: dict[str, str] = {}
        times = self._times(wrong)
        every = _minutes(self.every, "every", wrong)
        if bool(times) == (every is not None) and not wrong:
            wrong["every"] = "Choose how often, or write the times: one of the two."
        until_at = self._until(zone, now, wrong)
        then = _minutes(self.then_every, "then_every", wrong)
        if until_at is None and then is not None and "until_local" not in wrong:
            wrong["until_local"] = "Say until when, or leave “and then” open."
        if until_at is not None and then is None and "then_every" not in wrong:
            wrong["then_every"] = "Say how often after that. Nobody is left unobserved by a date."
        if wrong:
            raise Invalid("Not ordered.", wrong)
        often = HowOften.at(times) if times else HowOften(interval_minutes=every or 0)
        return HowOften(
            interval_minutes=often.interval_minutes,
            at_times=often.at_times,
            until_at=until_at,
            then_minutes=then,
        )

    def _times(self, wrong: dict[str, str]) -> tuple[time, ...]:
        words = self.at_times.replace(",", " ").split()
        found = [TIME.fullmatch(word) for word in words]
        if len(words) > MOST_TIMES or not all(found):
            wrong["at_times"] = "Write times like 08:00 14:00 20:00."
            return ()
        return tuple(time(int(one[1]), int(one[2])) for one in found if one)

    def _until(self, zone: ZoneInfo, now: datetime, wrong: dict[str, str]) -> datetime | None:
        if not self.until_local:
            return None
        try:
            naive = datetime.fromisoformat(self.until_local).replace(tzinfo=None)
            until_at = shift.local_to_utc(naive, zone)
        except shift.LocalTimeError as error:
            wrong["until_local"] = str(error)
            return None
        except (ValueError, OverflowError):
            wrong["until_local"] = "Write the date and the time."
            return None
        if until_at <= now:
            wrong["until_local"] = "This time is over."
        return until_at


def _minutes(typed: str, field: str, wrong: dict[str, str]) -> int | None:
    if not typed:
        return None
    if typed not in {str(minutes) for minutes in EVERY_MINUTES}:
        wrong[field] = "Choose one of the list."
        return None
    return int(typed)


class EndForm(PatientForm):
    """Why an order ends."""

    reason: Text = ""

    def why(self) -> str:
        """The reason, or Invalid."""
        if len(self.reason) < 3:
            raise Invalid("Not ended.", {"reason": "Say why, in a few words."})
        return self.reason
