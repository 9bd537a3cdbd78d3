"""What the form of assignments may send."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from backend.core.deed import DeedForm

Number = Annotated[int, Field(ge=1, lt=2**31)]


def _several(value: object) -> object:
    """One ticked box comes as a word, several as a list."""
    return [value] if isinstance(value, str) else value


class AssignForm(DeedForm):
    """Patients, and who has them from now on; nobody, where no name is chosen."""

    stays: Annotated[
        list[Number], BeforeValidator(_several), Field(default_factory=list, max_length=200)
    ]
    staff_id: Number | None = None
    until: Literal["this shift", "next shift"] = "this shift"
