"""What the sign-in page may send."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from backend.core.deed import Line


class SignInForm(BaseModel):
    """A login name and a password. Nothing here is ever logged or echoed."""

    model_config = ConfigDict(extra="forbid")

    login_name: Annotated[Line, Field(max_length=100)]
    password: Annotated[str, Field(max_length=1000)]
    to: Annotated[str, Field(max_length=500)] = "/"
