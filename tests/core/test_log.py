"""The log tells where and what kind, and never a value that somebody typed."""

import json
import logging
from collections.abc import Iterator

import psycopg
import pytest
import structlog

from backend.core import log

NAME = "Okonkwo"


@pytest.fixture(autouse=True)
def the_log_as_it_was() -> Iterator[None]:
    """Other tests keep their own handlers."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """What was logged, line by line."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def fail() -> None:
    """Raise what a wrong input raises somewhere deep."""
    try:
        int(NAME)
    except ValueError as error:
        raise RuntimeError(f"cannot read {NAME}") from error


def test_an_event_is_one_line_with_its_ids(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(as_json=True)
    structlog.get_logger("backend.stays").info("stay.opened", stay_id=7)
    (line,) = written(capsys)
    assert line["event"] == "stay.opened"
    assert line["stay_id"] == 7
    assert str(line["at"]).endswith("Z")


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("library", ["uvicorn.error", "asyncio"])
def test_the_traceback_of_a_library_loses_its_message(
    library: str, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure(as_json=as_json)
    try:
        fail()
    except RuntimeError:
        logging.getLogger(library).exception("Exception in ASGI application")
    text = capsys.readouterr().err
    assert NAME not in text
    assert "test_log.py" in text
    assert "builtins.ValueError" in text


def test_our_own_exception_loses_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(as_json=True)
    try:
        fail()
    except RuntimeError:
        structlog.get_logger("backend.alerts").exception("alert.failed", alert_id=3)
    (line,) = written(capsys)
    assert NAME not in json.dumps(line)
    assert line["error"] == ["builtins.RuntimeError", "builtins.ValueError"]
    assert line["alert_id"] == 3


def test_what_fails_inside_a_task_group_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(as_json=True)
    structlog.get_logger("x").error(
        "stream.failed", exc_info=ExceptionGroup(NAME, [OSError(NAME), ValueError(NAME)])
    )
    (line,) = written(capsys)
    assert line["error"] == ["builtins.ExceptionGroup", "builtins.OSError"]


def test_a_database_error_keeps_its_state(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(as_json=True)
    structlog.get_logger("x").error(
        "write.failed", exc_info=psycopg.errors.UniqueViolation(f"Key (mrn)=({NAME}) exists")
    )
    (line,) = written(capsys)
    assert line["error"] == ["psycopg.errors.UniqueViolation 23505"]


def test_quieter_events_stay_out(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("warning", as_json=True)
    structlog.get_logger("x").info("stay.opened")
    logging.getLogger("uvicorn.error").info("started")
    assert written(capsys) == []
