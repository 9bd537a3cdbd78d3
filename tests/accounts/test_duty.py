"""Duties, restrictions and the unit one works on: on the next request, and over by themselves."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from backend.accounts.devices import service as devices
from backend.accounts.duty import service
from backend.accounts.permissions import Permission, Role
from backend.accounts.sign_in import service as sign_in
from backend.accounts.sign_in.models import TWO_FACTORS, SignIn
from backend.accounts.staff import service as staff
from backend.accounts.staff.models import Duty, Staff
from backend.core import clock
from backend.core.errors import Conflict, Invalid
from tests.people import Ward, opens

Client = Callable[[str | None], TestClient]


def _give(session: Session, ward: Ward, name: str, role: Role, **fields: object) -> Duty:
    now = clock.now()
    values = {"from_at": now, "until_at": now + timedelta(hours=8)} | fields
    return service.give(
        session,
        ward.staff["chen"].id,
        key=uuid4(),
        unit_id=ward.unit.id,
        staff_id=ward.staff[name].id,
        role=role,
        **values,  # type: ignore[arg-type]  # times, as above
    )


def test_a_duty_holds_on_the_next_request_and_ends_by_itself(
    session: Session, ward: Ward, client: Client
) -> None:
    nora = client("nora")
    assert nora.get("/duty").status_code == 403
    duty = _give(session, ward, "nora", Role.CHARGE_NURSE)
    session.flush()
    assert nora.get("/duty").status_code == 200
    with clock.as_if(duty.until_at - timedelta(seconds=1)):
        session.get_one(SignIn, _sign_in_of(session, ward, "nora")).last_active_at = clock.now()
        session.flush()
        assert nora.get("/duty").status_code == 200
    with clock.as_if(duty.until_at):
        assert nora.get("/duty").status_code == 403


def _sign_in_of(session: Session, ward: Ward, name: str) -> int:
    from sqlalchemy import select  # noqa: PLC0415 (here only)

    rows = session.scalars(select(SignIn.id).where(SignIn.staff_id == ward.staff[name].id))
    return max(rows)


def test_a_duty_can_take_away_as_well(session: Session, ward: Ward, client: Client) -> None:
    chen = client("chen")
    assert chen.get("/admit").status_code == 200
    _give(session, ward, "chen", Role.TECHNICIAN)
    assert chen.get("/admit").status_code == 403


def test_a_duty_ended_early_is_over(session: Session, ward: Ward, client: Client) -> None:
    duty = _give(session, ward, "nora", Role.CHARGE_NURSE)
    nora = client("nora")
    assert nora.get("/duty").status_code == 200
    assert client("chen").post(f"/duty/{duty.id}/end").status_code == 303
    assert nora.get("/duty").status_code == 403


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("tess", Role.NURSE),
        ("tess", Role.CHARGE_NURSE),
        ("nora", Role.PHYSICIAN),
        ("nora", Role.ADMINISTRATOR),
        ("nora", Role.THERAPIST),
        ("ada", Role.NURSE),
        ("olga", Role.CHARGE_NURSE),
        ("monty", Role.INTERFACE),
    ],
)
def test_no_duty_gives_what_a_licence_does_not(
    session: Session, ward: Ward, name: str, role: Role
) -> None:
    with pytest.raises(Invalid):
        _give(session, ward, name, role)


def test_nobody_has_two_duties_at_a_time_and_none_lasts_for_ever(
    session: Session, ward: Ward
) -> None:
    _give(session, ward, "nora", Role.CHARGE_NURSE)
    with pytest.raises(Conflict):
        _give(session, ward, "nora", Role.TECHNICIAN)
    for length in (timedelta(), timedelta(hours=24, seconds=1)):
        with pytest.raises(Invalid):
            _give(session, ward, "chen", Role.NURSE, until_at=clock.now() + length)


def test_the_page_gives_a_duty_once_and_keeps_what_was_chosen(ward: Ward, client: Client) -> None:
    chen = client("chen")
    form = {
        "key": str(uuid4()),
        **opens(ward.staff["chen"]),
        "staff_id": str(ward.staff["nora"].id),
        "role": "charge_nurse",
        "until": "this shift",
    }
    assert chen.post("/duty", data=form).status_code == 303
    assert chen.post("/duty", data=form).status_code == 303  # a double click
    shown = chen.get("/duty").text
    assert shown.count("is charge nurse until") == 1
    again = chen.post("/duty", data=form | {"key": str(uuid4()), "until": "next shift"})
    assert again.status_code == 409
    assert "another duty at that time" in again.text
    assert '<option value="next shift" selected>' in again.text
    assert client("nora").post("/duty", data=form).status_code == 409  # opened by someone else


def test_a_restriction_beats_the_role_and_the_duty_on_the_next_request(
    session: Session, ward: Ward, client: Client
) -> None:
    nora, ada = client("nora"), ward.staff["ada"].id
    assert nora.get("/admit").status_code == 200
    staff.restrict(
        session,
        ada,
        ward.staff["nora"],
        unit_id=ward.unit.id,
        permission=Permission.MANAGE_STAYS,
        reason="not trained yet",
    )
    refused = nora.get("/admit")
    assert refused.status_code == 403
    assert "restricted for you" in refused.text
    _give(session, ward, "nora", Role.CHARGE_NURSE)
    assert nora.get("/duty").status_code == 200
    assert nora.get("/admit").status_code == 403
    with pytest.raises(Conflict):
        staff.restrict(
            session,
            ada,
            ward.staff["nora"],
            unit_id=ward.unit.id,
            permission=Permission.MANAGE_STAYS,
            reason="again",
        )
    staff.lift(
        session,
        ada,
        ward.staff["nora"],
        unit_id=ward.unit.id,
        permission=Permission.MANAGE_STAYS,
        now=clock.now(),
    )
    assert nora.get("/admit").status_code == 200


def test_a_machine_can_be_restricted_too(session: Session, ward: Ward, client: Client) -> None:
    ada, now = ward.staff["ada"].id, clock.now()
    token, device = devices.enrol(
        session, ada, unit_id=ward.unit.id, name="engine", role=Role.INTERFACE, now=now
    )
    engine = client(None)
    engine.headers["Authorization"] = f"Bearer {token}"
    assert engine.get("/api/v1/alerts").status_code == 200
    staff.restrict(
        session,
        ada,
        session.get_one(Staff, device.staff_id),
        unit_id=ward.unit.id,
        permission=Permission.SEE_ALERTS,
        reason="asks too often",
    )
    assert engine.get("/api/v1/alerts").status_code == 403
    assert engine.get("/api/v1/board").status_code == 200


def test_whoever_works_on_two_units_chooses_and_the_choice_is_kept(
    session: Session, ward: Ward, client: Client
) -> None:
    nora, ada = ward.staff["nora"], ward.staff["ada"].id
    browser = client("nora")
    assert 'action="/unit"' not in browser.get("/").text
    staff.post(session, ada, nora, unit_id=ward.elsewhere.id, role=Role.TECHNICIAN, now=clock.now())
    assert 'action="/unit"' in browser.get("/").text
    moved = browser.post("/unit", data={"unit_id": str(ward.elsewhere.id)})
    assert (moved.status_code, moved.headers["location"]) == (303, "/")
    assert ward.elsewhere.name in browser.get("/").text
    assert browser.get("/admit").status_code == 403  # a technician there
    begun = sign_in.begin_as(session, nora, assurance=TWO_FACTORS, now=clock.now())
    assert begun.role is Role.TECHNICIAN


def test_nobody_goes_where_they_are_not_posted(ward: Ward, client: Client) -> None:
    nora = client("nora")
    for unit in (str(ward.elsewhere.id), "999999", "0", "x", "1e400"):
        assert nora.post("/unit", data={"unit_id": unit}).status_code == 422, unit
    assert ward.unit.name in nora.get("/").text
