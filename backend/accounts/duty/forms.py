"""What the duty page and the unit menu may send."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.accounts.permissions import Role
from backend.core.deed import DeedForm

Number = Annotated[int, Field(ge=1, lt=2**31)]


class DutyForm(DeedForm):
    """Somebody, their role, and until when."""

    staff_id: Number
    role: Role
    until: Literal["this shift", "next shift"]


class UnitForm(BaseModel):
    """The unit to work on."""

    model_config = ConfigDict(extra="forbid")

    unit_id: Number
