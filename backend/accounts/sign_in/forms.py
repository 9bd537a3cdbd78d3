"""What the sign-in pages may send. Nothing here is ever logged or echoed."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from backend.core.deed import Line

To = Annotated[str, Field(max_length=500)]


class SignInForm(BaseModel):
    """A login name and a password."""

    model_config = ConfigDict(extra="forbid")

    login_name: Annotated[Line, Field(max_length=100)]
    password: Annotated[str, Field(max_length=1000)]
    to: To = "/"


class PasskeyForm(BaseModel):
    """What a browser brought back from a passkey."""

    model_config = ConfigDict(extra="forbid")

    answer: Annotated[str, Field(max_length=20_000)] = ""
    to: To = "/"


class CodeForm(BaseModel):
    """The digits of an app, or a recovery code."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[Line, Field(max_length=100)]
    to: To = "/"
