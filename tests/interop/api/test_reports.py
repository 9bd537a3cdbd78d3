"""A machine takes the report of a shift: the same rows in every format, and on the audit trail."""

import csv
import io
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pypdf
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.permissions import Role
from backend.care.disclosures.models import Basis, Disclosure
from backend.clinical import shift as shifts
from backend.core import clock
from tests import build
from tests.people import Ward

Machine = Callable[..., TestClient]


@pytest.fixture
def start(session: Session, ward: Ward) -> str:
    """The running shift, with one patient and one set in it."""
    stay = build.stay(session, ward, orders={"news2": 240})
    build.recorded(session, ward, stay)
    zone = ZoneInfo(ward.unit.time_zone)
    return shifts.shift_at(clock.now(), ward.unit.shift_starts, zone).starts_at.isoformat()


def ask(client: TestClient, **params: str) -> Any:
    return client.get("/api/v1/reports/shift", params=params)


def test_a_report_is_rows_with_numbers_as_numbers(machine: Machine, start: str) -> None:
    answer = ask(machine(), start=start)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    report = answer.json()
    assert report["header"]["unit"] == "Lantern Unit"
    assert int(report["header"]["data rows"]) == len(report["rows"])
    assert any(isinstance(row["value"], int) for row in report["rows"])
    assert "Pennywhistle" not in answer.text


def test_every_format_holds_the_same_report(machine: Machine, start: str) -> None:
    interface = machine()
    digest = ask(interface, start=start).json()["header"]["SHA-256 of the data rows"]
    text = ask(interface, start=start, format="csv")
    assert digest in text.text
    assert list(csv.reader(io.StringIO(text.text)))
    book = openpyxl.load_workbook(io.BytesIO(ask(interface, start=start, format="xlsx").content))
    cells = {cell.value for sheet in book for row in sheet.iter_rows() for cell in row}
    assert digest in cells
    paper = pypdf.PdfReader(io.BytesIO(ask(interface, start=start, format="pdf").content))
    words = "".join(page.extract_text() for page in paper.pages)
    assert digest[:16] in words.replace("\n", "").replace(" ", "")


def test_a_shift_is_named_on_the_units_clock_too(machine: Machine, ward: Ward, start: str) -> None:
    local = datetime.fromisoformat(start).astimezone(ZoneInfo(ward.unit.time_zone))
    assert ask(machine(), start=f"{local:%Y-%m-%dT%H:%M}").status_code == 200


def test_that_a_report_left_is_written_down(session: Session, machine: Machine, start: str) -> None:
    ask(machine(), start=start, format="csv")
    entry = session.scalars(select(Disclosure)).one()
    assert (entry.form, entry.basis) == ("csv", Basis.CODED)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"start": ""},
        {"start": "2026-11-17"},
        {"start": "2026-11-17T07:01"},
        {"start": "0001-01-01T00:00:00+14:00"},
        {"start": "9999-12-31T23:59"},
        {"start": "2999-01-01T07:00"},
        {"start": "x" * 41},
        {"start": "2026-11-17T07:00\x00"},
        {"start": "2026-11-17T07:00", "format": "docx"},
        {"start": "2026-11-17T07:00", "identified": "true"},
    ],
    ids=str,
)
def test_a_report_that_cannot_be_is_refused(machine: Machine, params: dict[str, str]) -> None:
    answer = ask(machine(), **params)
    assert answer.status_code == 422, answer.text
    assert answer.json()["title"]


def test_a_monitor_takes_no_report(machine: Machine, start: str) -> None:
    assert ask(machine(Role.DEVICE), start=start).status_code == 403
