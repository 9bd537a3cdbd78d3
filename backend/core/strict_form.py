"""Forms and addresses as people send them: nothing that could mean two things.

The library lets the last of two equal inputs win and reads `1_80` as 180. Texts are for each form
to judge (`deed.Line`), which knows how to show again what was typed.
"""

import re
from collections.abc import Iterable
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel

from backend.core.deed import is_readable
from backend.core.errors import Invalid

WHOLE = re.compile(r"-?[0-9]{1,19}")
CHECK = "Check what was entered; nothing was saved."
TWICE = "This was sent twice. Send it once."
UNREADABLE = "Some characters could not be read. Type it again."


async def unambiguous(request: Request) -> None:
    """Before every route: each input once, and a whole number in digits."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or request.url.path.startswith("/api/"):
        return  # machines send JSON, which is read more strictly still
    asked = {param.alias: param.field_info.annotation for param in route.dependant.query_params}
    check(request.query_params.multi_items(), asked)
    models = [param.field_info.annotation for param in route.dependant.body_params]
    fields = {
        field.alias or name: field.annotation
        for model in models
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name, field in model.model_fields.items()
    }
    if fields and request.headers.get("Content-Type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        check((await request.form()).multi_items(), fields)


def check(pairs: Iterable[tuple[str, Any]], known: dict[str, Any]) -> None:
    """Invalid, where an input came twice or a whole number is none. `known`: name to type."""
    wrong: dict[str, str] = {}
    seen: set[str] = set()
    for name, value in pairs:
        kinds = _kinds(known[name]) if name in known else set()
        # A name that nobody asks for is never repeated: it may be anything.
        where = name if name in known else "form"
        if name in seen and list not in kinds:
            wrong[where] = TWICE
        elif not is_readable(name):
            wrong["form"] = UNREADABLE
        elif int in kinds and value and not (isinstance(value, str) and WHOLE.fullmatch(value)):
            wrong[where] = "Write a whole number, in digits."
        seen.add(name)
    if wrong:
        raise Invalid(CHECK, wrong)


def _kinds(annotation: Any) -> set[Any]:
    """What a value may be: `Annotated[int, ...] | None` is an int or nothing."""
    inner = get_args(annotation)
    own = {get_origin(annotation) or annotation}
    return own.union(*(_kinds(one) for one in inner if isinstance(one, type) or get_args(one)))
