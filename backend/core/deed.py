"""What every form that changes something carries: its key, whose it is, and of which patient."""

import re
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from backend.core.errors import OtherPatient

# Control letters, halves of letters, what stands for unreadable ones, and what turns letters round
# so that something else is read than is stored.
UNREADABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffd\u202a-\u202e\u2066-\u2069]"
)


def is_readable(text: str) -> bool:
    """Whether PostgreSQL can hold it, nobody has mangled it, and it reads as it is stored."""
    return UNREADABLE.search(text) is None


def _plain(text: str) -> str:
    if not is_readable(text):
        raise ValueError("Some characters could not be read. Type it again.")
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

    def must_be_of(self, stay_id: int | None) -> None:
        """A form that is about no patient may be sent from anywhere."""


class PatientForm(DeedForm):
    """A form about one patient: the stay it was opened for, whatever address it is sent to."""

    opened_for: int | None = None

    def must_be_of(self, stay_id: int | None) -> None:
        """Refuse it at another patient's address, or where it does not say whose it is."""
        if self.opened_for is None or self.opened_for != stay_id:
            raise OtherPatient
