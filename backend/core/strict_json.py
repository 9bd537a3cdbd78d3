"""JSON as machines must send it: nothing ambiguous is read, and nothing that was sent is echoed.

Python's reader takes NaN, lets the last of two equal keys win and passes lone surrogates on; each
has once hidden an alert or broken an answer.
"""

import json
import re
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import takewhile
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    WithJsonSchema,
)

from backend.core.deed import Line
from backend.core.errors import Invalid, NotFound, TooLarge, UserError

MOST_BYTES = 256 * 1024
# Nobody measures longer, and arithmetic on 1e999999 would take all day.
MOST_DIGITS = 40
CHECK = "Check what was sent; nothing was saved."

WORDS = {
    "missing": "This is missing.",
    "extra_forbidden": "There is a name here that is not known.",
    "string_pattern_mismatch": "There is a name or a text here of the wrong form.",
    "int_type": "This must be a whole number, without quotes.",
    "bool_type": "This must be true or false, without quotes.",
    "string_type": "This must be a text, in quotes.",
    "uuid_parsing": "This must be a UUID.",
    "uuid_type": "This must be a UUID.",
    "date_from_datetime_parsing": "This must be a date, as in 1985-03-04.",
    "date_parsing": "This must be a date, as in 1985-03-04.",
    "date_type": "This must be a date, as in 1985-03-04.",
    "model_attributes_type": "This must be an object in braces.",
    "dict_type": "This must be an object in braces.",
    "list_type": "This must be a list in brackets.",
}


class _Unreadable(UserError):
    """Not JSON, or not one meaning. A fault in the sender's program, not in a value."""

    status = 400


def loads(body: bytes) -> Any:
    """The value of a JSON text; a fraction arrives as an exact Decimal."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise _Unreadable("This is not JSON in UTF-8.") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_fraction,
            parse_int=_whole,
            parse_constant=_constant,
        )
        # Escapes may hide what UTF-8 itself cannot carry.
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except _Unreadable:
        raise
    except UnicodeEncodeError:
        raise _Unreadable("A text here holds half a character (a lone surrogate).") from None
    except (ValueError, RecursionError):
        raise _Unreadable("This is not JSON.") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Unreadable("A name stands twice in one object: nobody can tell which one is meant.")
    return found


def _fraction(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise _Unreadable("A number here is out of all bounds.") from None
    if len(text) > MOST_DIGITS or abs(found.adjusted()) > MOST_DIGITS:
        raise _Unreadable("A number here is out of all bounds.")
    return found


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise _Unreadable("A number here is out of all bounds.")
    return int(text)


def _constant(_: str) -> None:
    raise _Unreadable("NaN and Infinity are not numbers that can be stored.")


# --- What bodies and questions are made of ---


def _moment(value: object) -> object:
    if isinstance(value, datetime):
        return value
    words = "This must be a time with its offset, as in 2026-11-24T02:10:00+01:00."
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError(words)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(words) from None


_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("This must be a number, without quotes.")  # noqa: TRY004 (pydantic's way)
    return Decimal(value)


def _date_text(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("This must be a date, as in 1985-03-04.")
    return value


def _digits(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,19}", value):
        raise ValueError("This must be a whole number.")
    return value


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(lambda at: at.astimezone(UTC).isoformat(), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Number = Annotated[
    Decimal,
    BeforeValidator(_number),
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number"}),
]
DateText = BeforeValidator(_date_text)
# For numbers in an address, where `1_80` would be read as 180.
Digits = BeforeValidator(_digits)
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Text = Annotated[Line, Strict(), Field(min_length=1, max_length=2000)]
Key = Annotated[
    UUID,
    Header(
        alias="Idempotency-Key",
        description="Made by the client, one for each deed. A retry with the same key and the same"
        " content gets the first answer; the same key with other content is refused with 409.",
    ),
]
# The short name of a scale or of one of its items.
NAME = re.compile(r"[a-z][a-z0-9_-]{0,59}")
Name = Annotated[str, Strict(), Field(pattern=f"^{NAME.pattern}$")]


class Body(BaseModel):
    """What a machine may send. A name that is not known is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


# --- The route that reads them ---


class _Read(Request):
    """The request with its body as we understood it."""

    def __init__(self, request: Request, body: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._body = body
        self._value = value

    async def json(self) -> Any:
        return self._value


class StrictJsonRoute(APIRoute):
    """Reads a JSON body strictly, and answers what is wrong with it in sentences of our own."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        known = _asked(self.dependant)
        reads_body = self.body_field is not None

        async def handle_strictly(request: Request) -> Response:
            _check_query(request, known)
            if reads_body:
                body = await _bounded(request)
                if body and not _says_json(request):
                    raise _Unreadable("Send JSON, and say so: Content-Type: application/json.")
                request = _Read(request, body, loads(body) if body else None)
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise refusal(error) from None

        return handle_strictly


def _asked(dependant: Dependant) -> set[str]:
    own = {param.alias for param in dependant.query_params}
    return own.union(*(_asked(inner) for inner in dependant.dependencies))


def _check_query(request: Request, known: set[str]) -> None:
    given = [name for name, _ in request.query_params.multi_items()]
    if set(given) - known:
        words = ", ".join(sorted(known)) or "none"
        raise Invalid("The address asks something that is not known here.", {"query": words})
    if len(given) != len(set(given)):
        raise Invalid("The address asks the same thing twice.")


def _says_json(request: Request) -> bool:
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind[:12] == "application/" and kind[-5:] == "+json")


async def _bounded(request: Request) -> bytes:
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > MOST_BYTES:
            raise TooLarge(f"At most {MOST_BYTES // 1024} KiB are read at once.")
    return bytes(found)


def refusal(error: RequestValidationError) -> UserError:
    """What was wrong, by the place where it stood; never the value, nor a name that was made up."""
    problems = error.errors()
    if any(problem["loc"][0] == "path" for problem in problems):
        return NotFound("There is nothing at this address.")
    return Invalid(CHECK, dict(_sentences(problems)))


def _is_name(part: object) -> bool:
    """What could be a name of ours; anything else was made up by the sender."""
    return isinstance(part, int) or NAME.fullmatch(str(part)) is not None


def _sentences(problems: Any) -> Iterator[tuple[str, str]]:
    for problem in problems:
        kind, loc = problem["type"], list(problem["loc"])
        of_body = loc[0] == "body"
        if of_body:
            loc = loc[1:]
        if kind == "extra_forbidden":
            loc = loc[:-1]
        if loc and loc[-1] == "[key]":
            loc = loc[:-2]
        if of_body:
            loc = list(takewhile(_is_name, loc))
        where = ".".join(str(part) for part in loc) or "body"
        message = str(problem["msg"]).removeprefix("Value error, ")
        words = WORDS.get(kind) or message.replace("Input should", "This should").rstrip(".") + "."
        yield where, words
