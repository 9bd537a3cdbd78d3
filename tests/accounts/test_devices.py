"""A token is shown once, kept as a hash, good for one unit, and worthless once revoked."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from backend.accounts.devices import queries, service
from backend.accounts.devices.models import Device
from backend.accounts.permissions import MACHINES, Role
from backend.accounts.staff import service as staff
from backend.accounts.staff.models import Staff
from backend.audit.models import AuditEntry
from backend.core import clock
from backend.core.errors import Invalid
from tests.people import Ward

Client = Callable[[str | None], TestClient]


def enrolled(session: Session, ward: Ward, role: Role = Role.INTERFACE) -> tuple[str, Device]:
    return service.enrol(
        session,
        ward.staff["ada"].id,
        unit_id=ward.unit.id,
        name="Pager gateway",
        role=role,
        now=clock.now(),
    )


def units(client: Client, header: str) -> int:
    return client(None).get("/api/v1/units", headers={"Authorization": header}).status_code


def test_the_database_holds_no_token(session: Session, ward: Ward) -> None:
    token, device = enrolled(session, ward)
    assert len(token) > 40
    assert len(device.token_sha256) == 32
    everything = [*session.scalars(text("SELECT to_json(device)::text FROM device"))]
    everything += session.scalars(text("SELECT to_json(audit_entry)::text FROM audit_entry")).all()
    assert everything
    assert not any(token in row or token.removeprefix("vigil_") in row for row in everything)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_token_opens_the_api(session: Session, ward: Ward, client: Client, scheme: str) -> None:
    token, _ = enrolled(session, ward)
    assert units(client, f"{scheme} {token}") == 200


def test_a_revoked_token_is_refused_from_the_next_request_on(
    session: Session, ward: Ward, client: Client
) -> None:
    token, device = enrolled(session, ward)
    other, _ = enrolled(session, ward)
    assert units(client, f"Bearer {token}") == 200
    for _ in range(2):
        service.revoke(session, ward.staff["ada"].id, device, now=clock.now())
    assert units(client, f"Bearer {token}") == 401
    assert units(client, f"Bearer {other}") == 200
    deeds = session.scalars(
        select(AuditEntry.action).where(AuditEntry.action.startswith("device."))
    ).all()
    assert sorted(deeds) == ["device.enrolled", "device.enrolled", "device.revoked"]


def test_a_machine_that_was_disabled_is_refused(
    session: Session, ward: Ward, client: Client
) -> None:
    token, device = enrolled(session, ward)
    machine = session.get_one(Staff, device.staff_id)
    staff.disable(session, ward.staff["ada"].id, machine, now=clock.now())
    assert units(client, f"Bearer {token}") == 401
    session.refresh(device)
    assert device.revoked_at is not None


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic bm9yYTpub3Jh", "Bearer vigil_x", "Token {token}"]
)
def test_what_is_no_valid_token_opens_nothing(
    session: Session, ward: Ward, client: Client, header: str
) -> None:
    token, _ = enrolled(session, ward)
    assert units(client, header.format(token=token)) == 401


def test_a_person_at_a_browser_is_no_machine(client: Client) -> None:
    answer = client("priya").get("/api/v1/units")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_is_no_sign_in(session: Session, ward: Ward, client: Client) -> None:
    token, _ = enrolled(session, ward)
    browser = client(None)
    browser.cookies.set("vigil", token)
    assert browser.get("/admit").status_code in {303, 401}
    bearer = client(None).get("/admit", headers={"Authorization": f"Bearer {token}"})
    assert bearer.status_code in {303, 401}


@pytest.mark.parametrize("role", sorted(set(Role) - MACHINES))
def test_a_person_gets_no_token(session: Session, ward: Ward, role: Role) -> None:
    with pytest.raises(Invalid):
        enrolled(session, ward, role)
    assert queries.on_unit(session, ward.unit.id) == []


def test_a_unit_lists_its_machines(session: Session, ward: Ward) -> None:
    _, device = enrolled(session, ward, Role.DEVICE)
    (machine,) = queries.on_unit(session, ward.unit.id)
    assert (machine.device.id, machine.name, machine.role) == (
        device.id,
        "Pager gateway",
        Role.DEVICE,
    )
    assert queries.on_unit(session, ward.elsewhere.id) == []
