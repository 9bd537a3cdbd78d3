"""What the page for help with signing in may send."""

from typing import Annotated

from pydantic import Field

from backend.core.deed import DeedForm, Line


class HelpForm(DeedForm):
    """A button beside a person."""

    staff_id: Annotated[int, Field(ge=1, lt=2**31)]


class AskForm(HelpForm):
    """What was lost, and how the person was recognised."""

    reason: Annotated[Line, Field(max_length=500)] = ""
