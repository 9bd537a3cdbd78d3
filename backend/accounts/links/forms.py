"""What the pages behind a link may send."""

from datetime import time
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from backend.core.deed import Line
from backend.core.errors import Invalid

Token = Annotated[Line, Field(max_length=200)]
Short = Annotated[Line, Field(max_length=200)]


class WelcomeForm(BaseModel):
    """A password that nobody else has seen."""

    model_config = ConfigDict(extra="forbid")

    link: Token
    password: Annotated[str, Field(max_length=2000)] = ""


class FirstRunForm(BaseModel):
    """The first administrator and the first unit."""

    model_config = ConfigDict(extra="forbid")

    link: Token
    name: Short = ""
    login_name: Short = ""
    password: Annotated[str, Field(max_length=2000)] = ""
    unit_name: Short = ""
    unit_code: Short = ""
    time_zone: Short = ""
    shift_starts: Short = ""
    beds: Annotated[Line, Field(max_length=1000)] = ""

    def starts(self) -> list[time]:
        """When the shifts begin, on the unit's clock."""
        try:
            starts = [time.fromisoformat(part.strip()) for part in self.shift_starts.split(",")]
        except ValueError:
            starts = []
        if not starts or any(start.tzinfo for start in starts):
            words = "Give times of day with commas between them, such as 07:00, 19:00."
            raise Invalid(words, {"shift_starts": words})
        return starts
