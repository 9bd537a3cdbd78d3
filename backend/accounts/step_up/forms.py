"""What the step-up page may send."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from backend.core.guard import BODY_BYTES


class Kept(BaseModel):
    """What somebody was about to send when a proof was asked for. Never logged."""

    model_config = ConfigDict(extra="forbid")

    to: Annotated[str, Field(max_length=2000)] = "/"
    # Whether it was a form that was refused, and all that it held.
    again: bool = False
    kept: Annotated[str, Field(max_length=BODY_BYTES)] = ""


class StepUpForm(Kept):
    """A password, or the digits of an app."""

    proof: Annotated[str, Field(max_length=1000)]


class PasskeyForm(Kept):
    """What a browser brought back from a passkey."""

    answer: Annotated[str, Field(max_length=20_000)] = ""
