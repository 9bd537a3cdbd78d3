"""What the page of safety rounds may send: one look at one patient, never several."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from backend.clinical import shift
from backend.clinical.safety import NotSeenKind
from backend.core.deed import Line, PatientForm
from backend.core.errors import Invalid
from backend.rounds.safety.models import NoTag

Letter = Annotated[Line, Field(max_length=3)] | None
Note = Annotated[Line, Field(max_length=300)] | None
Reason = Annotated[Line, Field(min_length=3, max_length=300)]
WRITE = "Write the date and the time."


class SeenForm(PatientForm):
    """Where, and doing what. One tap says that somebody is asleep and seen to breathe: `S-Y`."""

    place: Letter = None
    doing: Letter = None
    concern: Letter = None
    note: Note = None

    def answers(self) -> dict[str, str]:
        """By item, as far as it was answered."""
        doing, _, breathing = (self.doing or "").partition("-")
        said = {"place": self.place, "doing": doing, "breathing": breathing}
        said["concern"] = self.concern
        return {name: value for name, value in said.items() if value}


class CheckForm(SeenForm):
    """A look, or why there was none; now, or at a time; with a tag, or why without."""

    not_seen: NotSeenKind | None = None
    observed: Annotated[Line, Field(max_length=40)] | None = None
    # What the page wrote when a tag was scanned.
    tag: Annotated[Line, Field(max_length=200)] | None = None
    no_tag: NoTag | None = None

    def observed_at(self, zone: ZoneInfo, now: datetime) -> datetime | None:
        """The time that was typed; of an hour that comes twice, the last one that has passed."""
        if self.observed is None:
            return None
        try:
            naive = datetime.fromisoformat(self.observed)
        except ValueError:
            raise Invalid("Not saved yet.", {"observed": WRITE}) from None
        if naive.tzinfo is not None or not 1900 < naive.year < 9000:
            raise Invalid("Not saved yet.", {"observed": WRITE})
        try:
            return shift.local_to_utc(naive, zone)
        except shift.LocalTimeError as twice_or_never:
            if not twice_or_never.choices:
                raise Invalid("Not saved yet.", {"observed": str(twice_or_never)}) from None
            passed = [one for one in twice_or_never.choices if one <= now]
            return max(passed, default=twice_or_never.choices[0])


class CorrectionForm(SeenForm):
    """What was really seen, and why it stood there otherwise."""

    reason: Reason


class TakeBackForm(PatientForm):
    """That nobody looked, or at somebody else, and why it stood there."""

    reason: Reason
