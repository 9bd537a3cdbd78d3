"""What the privacy officer's pages may send."""

from typing import Annotated

from pydantic import Field

from backend.core.deed import DeedForm, Line


class FindForm(DeedForm):
    """A patient by their code: a code in an address would stay in the browser's history."""

    code: Annotated[Line, Field(max_length=40)] = ""
