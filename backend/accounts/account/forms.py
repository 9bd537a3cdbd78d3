"""What the pages of one's own account may send."""

from typing import Annotated

from pydantic import Field

from backend.core.deed import DeedForm, Line


class OwnDeed(DeedForm):
    """A button: nothing but who it was opened for."""


class AppForm(DeedForm):
    """The first digits of an app."""

    code: Annotated[Line, Field(max_length=100)] = ""


class PasswordForm(DeedForm):
    """A new password, as long as anybody likes."""

    password: Annotated[str, Field(max_length=2000)] = ""


class EndForm(DeedForm):
    """One of one's own sign-ins."""

    sign_in_id: Annotated[int, Field(ge=1, lt=2**31)]
