"""The OpenAPI document is true: what it says is what the API does, and nothing it allows breaks."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.accounts.permissions import Role
from backend.alerts import queries as alerts
from backend.clinical.vitals import Vitals
from backend.core import strict_json
from backend.interop.api import routes
from backend.main import app
from tests import build
from tests.interop.api.conftest import restrained
from tests.people import Ward

Machine = Callable[..., TestClient]
OPERATIONS = [
    (method, path) for path, methods in routes.document()["paths"].items() for method in methods
]
MODES = [
    pytest.param(operation, mode, id=f"{' '.join(operation)} {mode.value}")
    for operation in OPERATIONS
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    if mode is GenerationMode.POSITIVE
    or {"parameters", "requestBody"} & set(routes.document()["paths"][operation[1]][operation[0]])
]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def ids(session: Session, ward: Ward) -> dict[str, int]:
    """A patient who is ill enough for an alert."""
    # Inventing what to send may take longer on a busy machine than a request may idle.
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    stay = build.stay(session, ward, orders={"news2": 240})
    ill = Vitals(respiratory_rate_per_min=28, spo2_percent=88, pulse_per_min=128)
    build.recorded(session, ward, stay, vitals=ill, answers=build.ciwa_b(50))
    alert = alerts.open_on_stay(session, stay.id)[0]
    return {"stay_id": stay.id, "alert_id": alert.id, "event_id": restrained(session, ward, stay)}


@pytest.fixture
def token(machine: Machine) -> dict[str, str]:
    return {"Authorization": machine().headers["Authorization"]}


@pytest.fixture
def schema(token: dict[str, str]) -> Any:
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=token)


def test_the_document_lists_every_route_and_no_other() -> None:
    served = {
        (method.lower(), route.path)
        for route in iter_route_contexts(app.routes)
        if str(route.path).startswith(routes.PREFIX)
        for method in route.methods or ()
    }
    assert served - {("get", "/api/v1/openapi.json")} == set(OPERATIONS)


def test_the_document_is_for_machines_with_a_token(
    machine: Machine, client: Callable[[str | None], TestClient]
) -> None:
    assert client(None).get("/api/v1/openapi.json").status_code == 401
    assert client("nora").get("/api/v1/openapi.json").status_code == 401
    found = machine(Role.DEVICE).get("/api/v1/openapi.json").json()
    assert found["openapi"].startswith("3.1")
    assert found["security"] == [{"token": []}]


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if method == "post"])
def test_an_example_of_a_body_passes_as_one(
    machine: Machine, ids: dict[str, int], path: str
) -> None:
    """Its times and beds are of another day, which is said in words; its form is right."""
    document = routes.document()
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    model = document["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
    headers = {"Idempotency-Key": str(uuid4())}
    answer = machine().post(path.format(**ids), json=model["examples"][0], headers=headers)
    assert answer.status_code in {200, 201, 409, 422}
    assert answer.json().get("title") != strict_json.CHECK, answer.text


@pytest.mark.parametrize("place", ["/docs", "/redoc", "/openapi.json", "/api/v1/docs"])
def test_there_is_no_other_document(client: Callable[[str | None], TestClient], place: str) -> None:
    assert client("ada").get(place).status_code == 404


@pytest.mark.parametrize(("operation_at", "mode"), MODES)
def test_nothing_that_can_be_sent_breaks_it(
    schema: Any,
    token: dict[str, str],
    ids: dict[str, int],
    operation_at: tuple[str, str],
    mode: GenerationMode,
) -> None:
    method, path = operation_at
    operation = schema[path][method.upper()]
    checks = CHECKS if mode is GenerationMode.POSITIVE else [*CHECKS, negative_data_rejection]

    @settings(
        max_examples=12,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), here=st.booleans())
    def send(case: Any, here: bool) -> None:
        if here and mode is GenerationMode.POSITIVE:
            case.path_parameters |= {n: i for n, i in ids.items() if n in case.path_parameters}
        case.call_and_validate(headers=token, checks=checks)

    send()
