"""What the pages about people may send."""

from typing import Annotated

from pydantic import Field

from backend.accounts.permissions import Role
from backend.core.deed import DeedForm, Line


class StaffDeed(DeedForm):
    """A button beside a person."""


class InviteForm(DeedForm):
    """Somebody new."""

    name: Annotated[Line, Field(max_length=200)] = ""
    login_name: Annotated[Line, Field(max_length=200)] = ""
    role: Role


class RoleForm(DeedForm):
    """Another part on the unit."""

    role: Role


class EndOneForm(DeedForm):
    """One sign-in of this person."""

    sign_in_id: Annotated[int, Field(ge=1, lt=2**31)]
