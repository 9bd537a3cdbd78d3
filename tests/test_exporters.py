"""Everything that makes a file or an answer for a machine goes through the one door.

The routes and commands come from the application itself, so that a new exporter beside the door
fails here.
"""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from hypothesis import example, given, settings
from sqlalchemy.orm import Session

from backend.accounts.devices import service as devices
from backend.accounts.permissions import Role
from backend.alerts import queries as alerts
from backend.care.disclosures import service as door
from backend.care.disclosures.notice import HEADER, NOTICE
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.core.web import ROOT
from backend.interop.api import leaving
from backend.main import app
from backend.patients.models import Patient
from tests import build
from tests.people import Ward
from tests.reports.test_notice import WORDS

BACKEND = ROOT / "backend"
# What a machine may read that is not about a patient.
NOT_RECORDS = {"/api/v1/openapi.json"}
# Makes a file: opens one for writing, or writes bytes.
WRITES_A_FILE = re.compile(r"\.write_bytes\(|\.write_text\(|os\.fdopen\(|\bopen\([^)]*[\"'][wax]")
# Commands that write files, and why they need no door.
OWN_FILES = {
    "report.py": "writes what the door gave it",
}
# Who hands a file out, and the service that passed it through the door.
HAVE_IT_FROM = {
    "reports/shift/routes.py": "reports/shift/service.py",
    "interop/api/reports/routes.py": "reports/shift/service.py",
    "reports/disclosures/routes.py": "reports/disclosures/service.py",
    "reports/privacy/routes.py": "reports/privacy/service.py",
}
API = [
    (min(route.methods or ()), str(route.path), route.endpoint)
    for route in iter_route_contexts(app.routes)
    if isinstance(route.original_route, APIRoute) and str(route.path).startswith("/api/")
]


def _source(path: Path) -> str:
    return path.read_text()


@pytest.mark.parametrize(
    ("method", "path", "endpoint"), API, ids=[f"{method} {path}" for method, path, _ in API]
)
def test_every_answer_to_a_machine_goes_through_the_door(
    method: str, path: str, endpoint: Callable[..., object]
) -> None:
    if path in NOT_RECORDS:
        return
    text = inspect.getsource(endpoint)
    through = ("leave(", "leave_named(", "ask_named(", "_after_the_deed(", "service.export(")
    assert any(call in text for call in through), f"{method} {path} answers beside the door"


def test_the_list_of_api_routes_is_not_empty() -> None:
    assert len(API) > 10


def test_only_the_door_hands_out_files() -> None:
    """Nothing else names an attachment, streams a file or answers with bytes of its own."""
    made = re.compile(r"Content-Disposition|FileResponse|StreamingResponse")
    found = {
        path.relative_to(BACKEND).as_posix()
        for path in BACKEND.rglob("*.py")
        if made.search(_source(path))
    }
    assert found == {"care/disclosures/answers.py"}


def test_who_hands_out_a_file_has_it_from_the_door() -> None:
    handing = {
        path.relative_to(BACKEND).as_posix()
        for path in BACKEND.rglob("*.py")
        if "answers.file(" in _source(path)
    }
    assert handing == set(HAVE_IT_FROM)
    for service in HAVE_IT_FROM.values():
        assert "disclosures.release(" in _source(BACKEND / service)


def test_every_command_that_writes_a_file_is_known() -> None:
    writing = {
        path.name for path in (BACKEND / "cli").glob("*.py") if WRITES_A_FILE.search(_source(path))
    }
    assert writing == set(OWN_FILES)


def test_only_the_door_writes_into_the_ledger() -> None:
    writers = {
        path.relative_to(BACKEND).as_posix()
        for path in BACKEND.rglob("*.py")
        if re.search(r"\bDisclosure\($", _source(path), re.MULTILINE)
    }
    assert writers == {"care/disclosures/service.py", "care/sharing/service.py"}


@pytest.fixture
def machine(session: Session, ward: Ward, client: Callable[[str | None], TestClient]) -> TestClient:
    token, _ = devices.enrol(
        session,
        ward.staff["ada"].id,
        unit_id=ward.unit.id,
        name="engine",
        role=Role.INTERFACE,
        now=clock.now(),
    )
    made = client(None)
    made.headers["Authorization"] = f"Bearer {token}"
    return made


def test_every_answer_carries_the_notice_as_header_and_as_field(
    session: Session, ward: Ward, machine: TestClient
) -> None:
    """Whatever the rows hold. The report has its own test (tests/reports/test_notice.py)."""
    stay = build.stay(session, ward, orders={"news2": 240})
    low = Vitals(respiratory_rate_per_min=28, spo2_percent=88, pulse_per_min=128)
    build.recorded(session, ward, stay, vitals=low, note=NOTICE.upper())
    ids = {"stay_id": stay.id, "alert_id": alerts.open_on_stay(session, stay.id)[0].id}
    patient = session.get_one(Patient, stay.patient_id)
    asked = [
        path
        for method, path, _ in API
        if method == "GET" and not path.endswith("/reports/shift") and path not in NOT_RECORDS
    ]
    assert len(asked) >= 6

    @settings(max_examples=3)
    @given(words=WORDS)
    @example(words='","notice":"none')
    def holds(words: str) -> None:
        patient.family_name = patient.given_name = words or "-"
        patient.allergies = words
        session.flush()
        for path in asked:
            answer = machine.get(path.format(**ids))
            assert answer.status_code == 200, path
            assert answer.headers[HEADER] == NOTICE, path
            assert answer.json()["notice"] == NOTICE, path

    holds()


def test_the_check_would_notice_an_answer_beside_the_door() -> None:
    """The functions that the check looks for are the ones that call the door."""
    for function in (leaving.leave, leaving.leave_named):
        assert "disclosures.release(" in inspect.getsource(function)
    assert "leave_named(" in inspect.getsource(leaving.ask_named)
    assert "_enter(" in inspect.getsource(door.release)
