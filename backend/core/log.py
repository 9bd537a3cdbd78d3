"""What is written down for the operator: events, ids and places in the code, never a patient.

An exception is logged as where it happened and what kind it was, without its message: the message
of a database or validation error quotes the values that somebody typed.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Literal

import structlog

Event = MutableMapping[str, Any]
ROOT = str(Path(__file__).resolve().parents[2])


def configure(
    level: Literal["debug", "info", "warning", "error"] = "info", *, as_json: bool | None = None
) -> None:
    """Send our events and those of every library to standard error, in one shape.

    `as_json`: by default, unless a person is watching.
    """
    if as_json is None:
        as_json = not sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _place_of_error,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.processors.KeyValueRenderer(
            key_order=["at", "level", "event"], drop_missing=True
        )
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())


def _place_of_error(_logger: Any, _method: str, event: Event) -> Event:
    """Replace an exception by its kinds and its places, and drop the values it quotes."""
    error = _exception(event.pop("exc_info", None), event)
    if error is None:
        return event
    kinds: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(kinds) < 10:
        kinds.append(_kind(cause))
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]  # a task group wraps what went wrong inside
        else:
            cause = cause.__cause__ or cause.__context__
    frames = traceback.extract_tb(error.__traceback__)[-20:]
    event["error"] = kinds
    event["places"] = [
        f"{frame.filename.removeprefix(ROOT).lstrip('/')}:{frame.lineno} {frame.name}"
        for frame in frames
    ]
    return event


def _exception(given: Any, event: Event) -> BaseException | None:
    # The standard library's records carry it here.
    record = event.get("_record")
    if given is None and record is not None:
        given = record.exc_info
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        error: BaseException | None = given[1]
        return error
    return sys.exc_info()[1] if given else None


def _kind(error: BaseException) -> str:
    """The class, and for a database error the state and constraint, which are names of ours."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
    state = getattr(error, "sqlstate", None)
    return " ".join(str(part) for part in (kind, state, constraint) if part)
