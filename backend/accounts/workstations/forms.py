"""What the workstations page may send."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from backend.accounts.workstations.models import Kind
from backend.core.deed import DeedForm, Line


class EnrolForm(DeedForm):
    """This browser becomes a workstation."""

    label: Annotated[Line, Field(max_length=200)]
    kind: Kind


class RevokeForm(DeedForm):
    """A workstation is one no longer."""


class SignOutForm(DeedForm):
    """Everybody who is signed in on a workstation is signed out."""


class LimitsForm(DeedForm):
    """How soon machines lock."""

    ward_pc_lock_s: int
    tablet_lock_s: int


class CodeForm(BaseModel):
    """A code that was read out."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[Line, Field(max_length=100)]
