"""Machines with real tokens: monty the monitor, iris the interface, and one of another unit."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from backend.accounts.devices import service as devices
from backend.accounts.permissions import Role
from backend.core import clock
from backend.observations.events import service as events
from backend.observations.events.models import EventKind
from backend.stays.models import Stay
from tests.people import Ward


def restrained(session: Session, ward: Ward, stay: Stay) -> int:
    """An event that goes on, and can be ended."""
    nora = ward.staff["nora"].id
    return events.record(session, nora, stay, key=uuid4(), kind=EventKind.RESTRAINT).id


@pytest.fixture
def machine(
    session: Session, ward: Ward, client: Callable[[str | None], TestClient]
) -> Callable[..., TestClient]:
    """`machine(Role.INTERFACE)` calls the API with a token of its own."""

    def with_token(role: Role = Role.INTERFACE, *, elsewhere: bool = False) -> TestClient:
        unit = ward.elsewhere if elsewhere else ward.unit
        token, _ = devices.enrol(
            session,
            ward.staff["ada"].id,
            unit_id=unit.id,
            name=f"A {role.value}",
            role=role,
            now=clock.now(),
        )
        made = client(None)
        made.headers["Authorization"] = f"Bearer {token}"
        return made

    return with_token
