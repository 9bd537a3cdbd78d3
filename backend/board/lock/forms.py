"""What the lock screen may send. Digits are never logged or echoed."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from backend.core.deed import Line
from backend.core.web import LARGEST_ID


class LockForm(BaseModel):
    """Where to come back to."""

    model_config = ConfigDict(extra="forbid")

    to: Annotated[Line, Field(max_length=500)] = ""


class UnlockForm(BaseModel):
    """Whose screen it becomes, and the digits that say so."""

    model_config = ConfigDict(extra="forbid")

    sign_in_id: Annotated[int, Field(ge=1, le=LARGEST_ID)]
    pin: Annotated[str, Field(max_length=100)] = ""
    to: Annotated[Line, Field(max_length=500)] = "/"
