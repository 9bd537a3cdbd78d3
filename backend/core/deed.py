"""What every form that changes something carries: its key, and whose it is."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator


def _plain(text: str) -> str:
    """Text that PostgreSQL can hold and that nobody has mangled on the way."""
    if "\x00" in text or "\ufffd" in text:
        raise ValueError("Some characters could not be read. Type it again.")
    text.encode()
    return text.strip()


Line = Annotated[str, AfterValidator(_plain)]


class DeedForm(BaseModel):
    """A form that changes something. The client makes `key`, so that a retry is the same deed."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    key: UUID
    opened_by: int
    # The sign-in it was rendered for. A form without one is of an earlier release: opened again.
    opened_in: int | None = None

    @model_validator(mode="before")
    @classmethod
    def empty_is_absent(cls, data: Any) -> Any:
        """An input left empty was not answered, which is not the same as an empty answer."""
        if isinstance(data, dict):
            return {name: value for name, value in data.items() if value != ""}
        return data
