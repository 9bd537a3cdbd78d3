"""What the PIN page may send. Digits are never logged or echoed."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Digits = Annotated[str, Field(max_length=100)]


class PinForm(BaseModel):
    """A new PIN, typed twice."""

    model_config = ConfigDict(extra="forbid")

    pin: Digits
    again: Digits
