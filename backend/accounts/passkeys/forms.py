"""What the pages about passkeys may send."""

from typing import Annotated

from pydantic import Field

from backend.core.deed import DeedForm, Line


class PasskeyForm(DeedForm):
    """A new key: what its owner calls it, and what the browser brought back."""

    name: Annotated[Line, Field(max_length=60)] = ""
    answer: Annotated[str, Field(max_length=20_000)] = ""


class RemovalForm(DeedForm):
    """One of one's own keys."""

    passkey_id: Annotated[int, Field(ge=1, lt=2**31)]
