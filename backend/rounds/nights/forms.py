"""What the form of the night may send. Each refusal names its input."""

from datetime import time
from typing import Annotated

from pydantic import Field

from backend.core.deed import Line, PatientForm
from backend.core.errors import Invalid
from backend.rounds.nights.models import NightKind
from backend.rounds.orders.choices import TIME

Word = Annotated[Line, Field(max_length=40)]
Text = Annotated[Line, Field(max_length=200)]
LONGEST_MINUTES = 12 * 60


class NightForm(PatientForm):
    """What is ordered, between which times, and why."""

    kind: NightKind
    from_time: Word = ""
    to_time: Word = ""
    reason: Text = ""

    def between(self) -> tuple[time, time] | None:
        """The times of an order not to wake, or Invalid; None where it needs none."""
        if self.kind is NightKind.SPO2:
            return None
        wrong: dict[str, str] = {}
        begin = _clock(self.from_time, "from_time", wrong)
        end = _clock(self.to_time, "to_time", wrong)
        if begin is None or end is None:
            raise Invalid("Not ordered.", wrong)
        minutes = (end.hour * 60 + end.minute - begin.hour * 60 - begin.minute) % (24 * 60)
        if not 0 < minutes <= LONGEST_MINUTES:
            raise Invalid("Not ordered.", {"to_time": "A night has at most 12 hours."})
        return begin, end


def _clock(typed: str, field: str, wrong: dict[str, str]) -> time | None:
    found = TIME.fullmatch(typed)
    if found is None:
        wrong[field] = "Write a time like 22:00."
        return None
    return time(int(found[1]), int(found[2]))


class NightEndForm(PatientForm):
    """Which one ends, and why."""

    kind: NightKind
    reason: Annotated[Line, Field(min_length=3, max_length=200)]
