"""A refused form comes back as it was typed, also where no script runs: one way for every form.

The page it stands on is asked for as the browser would, by the same routes and checks; then what
was typed is put into it. Where that cannot be, the refusal is said alone.
"""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.types import Message, Scope

from backend.core import typed_again, web

# It was signed by who is at the keys; what is invalid may not have been looked at so far.
OVERTAKEN = 409
# Of what was sent, these tell about the body; the page is asked for without one.
OF_THE_BODY = (b"content-", b"transfer-encoding")


# What the library says of an input, as a nurse would hear it.
WORDS = {
    "missing": "This is needed.",
    "string_too_short": "This is needed.",
    "string_too_long": "Too long: {max_length} letters at most.",
    "string_type": "This is needed.",
    "enum": "Choose one of the list.",
    "literal_error": "Choose one of the list.",
    "extra_forbidden": "This page does not ask that. Open it again.",
    "int_parsing": "Write a whole number, in digits.",
    "int_parsing_size": "Write a whole number, in digits.",
    "int_type": "Write a whole number, in digits.",
    "greater_than_equal": "At least {ge}.",
    "less_than_equal": "At most {le}.",
    "less_than": "Less than {lt}.",
    "date_from_datetime_parsing": "Write a date.",
    "date_from_datetime_inexact": "Write a date.",
    "date_parsing": "Write a date.",
    "bool_parsing": "Tick it, or leave it empty.",
    "too_long": "Too many: {max_length} at most.",
    "uuid_parsing": "Open this page again.",
    "uuid_type": "Open this page again.",
}


def place(problem: Mapping[str, Any]) -> str:
    """The input that is wrong; of one that nobody asked for not even the name is repeated."""
    made_up = problem["type"] == "extra_forbidden"
    return "form" if made_up else ".".join(map(str, problem["loc"][1:])) or "form"


def words(problem: Mapping[str, Any]) -> str:
    """Our own validators speak in sentences; the library's words are put into ours."""
    kind, about = problem["type"], problem.get("ctx", {})
    # A line that was looked at before it was measured: the library counts its "items".
    if kind == "too_long" and about["field_type"] == "Value":
        kind = "string_too_long"
    said = WORDS.get(kind)
    if said is not None:
        return said.format_map(about)
    return str(problem["msg"]).removeprefix("Value error, ").rstrip(".") + "."


async def answer(
    request: Request, status: int, sentence: str, field_errors: Mapping[str, str]
) -> Response:
    """The form again, with the sentence beside the field; or the sentence."""
    page = None
    if request.method == "POST" and not _is_no_page(request):
        page = await _again(request, sentence, field_errors)
    if page is None:
        typed = await web.typed_for_a_patient(request) if status == OVERTAKEN else ()
        return web.refusal(request, status, sentence, dict(field_errors), typed=typed)
    return HTMLResponse(page, status)


def _is_no_page(request: Request) -> bool:
    return web.wants_fragment(request) or request.url.path.startswith("/api/")


async def _again(request: Request, sentence: str, field_errors: Mapping[str, str]) -> str | None:
    typed = await _typed(request)
    page = await _opened(request, _address(request, typed))
    if page is None:
        return None
    return await run_in_threadpool(
        typed_again.again,
        page,
        action=request.url.path,
        typed=typed,
        sentence=sentence,
        field_errors=field_errors,
    )


async def _typed(request: Request) -> dict[str, list[str]]:
    """Each input with its values, as far as the body can be read."""
    found = defaultdict[str, list[str]](list)
    with suppress(HTTPException):
        for name, value in (await request.form()).multi_items():
            if isinstance(value, str):
                found[name].append(value)
    return dict(found)


def _address(request: Request, typed: Mapping[str, list[str]]) -> str:
    """Of the page on which the form stands."""
    page = str(getattr(request.scope.get("endpoint"), "stands_on", request.url.path))
    known = {name: values[0] for name, values in typed.items()}
    known |= {name: str(value) for name, value in request.path_params.items()}
    path, _, question = page.partition("?")
    try:
        asked = question.format_map({name: quote(value, safe="") for name, value in known.items()})
    except KeyError:
        asked = ""
    return f"{path.format_map(known)}?{asked}"


async def _opened(request: Request, address: str) -> str | None:
    """The page, if this browser may open it now."""
    path, _, question = address.partition("?")
    kept = ("app", "asgi", "client", "http_version", "root_path", "scheme", "server", "type")
    scope: Scope = {name: request.scope[name] for name in kept if name in request.scope}
    scope.update(
        {
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": question.encode(),
            "headers": [
                one for one in request.scope["headers"] if not one[0].startswith(OF_THE_BODY)
            ],
        }
    )
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    with suppress(
        Exception
    ):  # it has been logged as what it is, and the refusal must still be said
        await request.app(scope, receive, send)
    if not said or said[0]["status"] != 200:
        return None
    return b"".join(message.get("body", b"") for message in said[1:]).decode()
