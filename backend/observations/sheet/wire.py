"""The record sheet as it came over the wire, for every route that reads one."""

from typing import Annotated

from fastapi import Depends, Request

from backend.observations.sheet import reading
from backend.observations.sheet.reading import Sent


async def what_was_sent(request: Request) -> Sent:
    """The form as it came over the wire. Never refuses: the sheet says what is wrong with it."""
    async with request.form(max_files=1, max_fields=reading.MOST_INPUTS * 2) as form:
        return reading.sent(form.multi_items())


Came = Annotated[Sent, Depends(what_was_sent)]
