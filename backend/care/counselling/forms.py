"""What the counselling page may send."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from backend.core.deed import Line, PatientForm


def _said(text: str) -> str:
    if not text:
        raise ValueError("Write the note first.")
    return text


class NoteForm(PatientForm):
    """A note, or the words that take another's place."""

    text: Annotated[Line, Field(max_length=20_000), AfterValidator(_said)]
    supersedes_id: Annotated[int | None, Field(ge=1, lt=2**62)] = None
    reason: Annotated[Line | None, Field(max_length=500)] = None

    @model_validator(mode="after")
    def a_correction_says_why(self) -> "NoteForm":
        """Both, or neither."""
        if (self.supersedes_id is None) != (self.reason is None):
            raise ValueError("Say why you correct this note.")
        return self
