"""What the step-up page may send."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from backend.core.guard import BODY_BYTES


class StepUpForm(BaseModel):
    """A proof, and what somebody was about to send when it was asked for. Never logged."""

    model_config = ConfigDict(extra="forbid")

    proof: Annotated[str, Field(max_length=1000)]
    to: Annotated[str, Field(max_length=2000)] = "/"
    # Whether it was a form that was refused, and all that it held.
    again: bool = False
    kept: Annotated[str, Field(max_length=BODY_BYTES)] = ""
