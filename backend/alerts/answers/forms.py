"""What somebody who answers an alert may send."""

from typing import Annotated, Literal

from pydantic import Field

from backend.alerts.answers.choices import Plan, Reason
from backend.core.deed import Line, PatientForm
from backend.core.errors import Invalid

Name = Annotated[Line, Field(min_length=1, max_length=100)]
Note = Annotated[Line, Field(max_length=500)]
StaffId = Annotated[int, Field(ge=1, lt=2**31)]
StepId = Annotated[int, Field(ge=1, lt=2**63)]


class SeenForm(PatientForm):
    """I have read it."""


class EscalationForm(PatientForm):
    """Tell the next on the ladder now."""


class PromiseForm(PatientForm):
    """I have it: what I do, and when I look again."""

    plan: Plan
    recheck_minutes: Annotated[int, Field(ge=1, le=1440)]
    taking_over_from: StaffId | None = None
    note: Note | None = None

    def words(self) -> str:
        """The plan, with what was added to it."""
        return f"{self.plan.value}: {self.note}" if self.note else self.plan.value


class CallForm(PatientForm):
    """Somebody was called."""

    called: Name
    how: Literal["by phone", "in person", "by message"]
    response: Annotated[Line, Field(min_length=1, max_length=500)]
    read_back: bool = False


class ClosingForm(PatientForm):
    """It is over."""

    reason: Reason
    note: Note | None = None
    # The newest that its card told when the button was pressed.
    step_id: StepId | None = None

    def words(self) -> str:
        """The reason, with what was added; another reason must be named."""
        if self.reason is not Reason.OTHER:
            return f"{self.reason.value}: {self.note}" if self.note else self.reason.value
        if not self.note:
            raise Invalid("Say why it is over.", {"note": "Write the reason."})
        return self.note
