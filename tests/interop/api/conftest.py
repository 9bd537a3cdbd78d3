"""Machines with real tokens: monty the monitor, iris the interface, and one of another unit."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from backend.accounts.devices import service as devices
from backend.accounts.permissions import Role
from backend.core import clock
from tests.people import Ward


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
