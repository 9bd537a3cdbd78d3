"""People are taken on with a password of their own, posted, and let go; each deed is audited."""

from collections.abc import Callable

import pytest
from argon2 import Type, extract_parameters
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.permissions import Role
from backend.accounts.sign_in import service as sign_in
from backend.accounts.staff import queries, service
from backend.accounts.staff.models import Posting, Staff
from backend.audit.models import AuditEntry
from backend.core import clock
from backend.core.errors import Conflict, Invalid
from tests.people import PASSWORD, Ward

NEW = "a sentence nobody guesses"


def rowan(session: Session, ward: Ward, **fields: str) -> Staff:
    values = {"login_name": "rowan", "name": "Rowan Ash", "password": NEW} | fields
    return service.create(
        session,
        ward.staff["ada"].id,
        login_name=values["login_name"],
        name=values["name"],
        password=values["password"],
    )


def test_a_new_person_can_sign_in_once_posted(session: Session, ward: Ward) -> None:
    person = rowan(session, ward, login_name=" Rowan ")
    assert person.password_hash is not None
    kept = extract_parameters(person.password_hash.removeprefix("hmac-sha256"))
    assert (kept.type, kept.memory_cost, kept.time_cost) == (Type.ID, 19456, 2)
    now = clock.now()
    with pytest.raises(Invalid):
        sign_in.begin(session, login_name="rowan", password=NEW, now=now)
    ada = ward.staff["ada"].id
    service.post(session, ada, person, unit_id=ward.unit.id, role=Role.NURSE, now=now)
    assert sign_in.begin(session, login_name="ROWAN", password=NEW, now=now)
    deeds = session.scalars(
        select(AuditEntry.action).where(AuditEntry.action.startswith("staff."))
    ).all()
    assert deeds == ["staff.created", "staff.posted"]


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "fourteen chars",
        "a" * 40,
        "ab" * 20,
        "rowan" * 5,
        "x" * 1001,
        "half \ud800" * 9,
    ],
)
def test_a_weak_password_is_refused(session: Session, ward: Ward, password: str) -> None:
    with pytest.raises(Invalid) as refused:
        rowan(session, ward, password=password)
    assert not password or password not in str(refused.value.fields) + refused.value.sentence


@pytest.mark.parametrize(
    "password",
    [
        "exactly fifteen",
        ("dusk over the harbour, and a lamp " * 40)[:1000],
        "Grüße 🙂 vom Nachtdienst",
    ],
)
def test_a_long_password_of_any_letters_is_taken(
    session: Session, ward: Ward, password: str
) -> None:
    assert sign_in.proves(rowan(session, ward, password=password), password)


@pytest.mark.parametrize("login_name", ["", "r", "-rowan", "ro wan", "rówan", "r" * 61, "a\x00b"])
def test_a_login_name_is_plain(session: Session, ward: Ward, login_name: str) -> None:
    with pytest.raises(Invalid):
        rowan(session, ward, login_name=login_name)


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\x00b", "a\u202eb"])
def test_a_name_can_be_printed(session: Session, ward: Ward, name: str) -> None:
    with pytest.raises(Invalid):
        rowan(session, ward, name=name)


def test_a_login_name_is_given_once(session: Session, ward: Ward) -> None:
    with pytest.raises(Conflict):
        rowan(session, ward, login_name="NORA")
    assert rowan(session, ward).id


def test_a_new_role_takes_the_place_of_the_old_one(session: Session, ward: Ward) -> None:
    nora, ada, now = ward.staff["nora"], ward.staff["ada"].id, clock.now()
    for _ in range(2):
        service.post(session, ada, nora, unit_id=ward.unit.id, role=Role.CHARGE_NURSE, now=now)
    posting = queries.posting_on(session, nora.id, ward.unit.id)
    assert posting is not None
    assert posting.role is Role.CHARGE_NURSE
    rows = session.scalars(select(Posting).where(Posting.staff_id == nora.id)).all()
    assert [row.until_at for row in rows] == [now, None]


def test_a_role_counts_from_the_next_request_on(
    session: Session, ward: Ward, client: Callable[[str | None], TestClient]
) -> None:
    browser, ada = client("nora"), ward.staff["ada"].id
    assert browser.get("/admit").status_code == 200
    service.post(
        session, ada, ward.staff["nora"], unit_id=ward.unit.id, role=Role.THERAPIST, now=clock.now()
    )
    assert browser.get("/admit").status_code == 403


def test_a_person_takes_no_machine_role_and_a_machine_no_persons(
    session: Session, ward: Ward
) -> None:
    ada, unit = ward.staff["ada"].id, ward.unit.id
    with pytest.raises(Invalid):
        service.post(
            session, ada, ward.staff["nora"], unit_id=unit, role=Role.INTERFACE, now=clock.now()
        )
    with pytest.raises(Invalid):
        service.post(
            session, ada, ward.staff["monty"], unit_id=unit, role=Role.NURSE, now=clock.now()
        )


def test_whoever_is_let_go_is_signed_out_at_once(
    session: Session, ward: Ward, client: Callable[[str | None], TestClient]
) -> None:
    browser, nora = client("nora"), ward.staff["nora"]
    assert browser.get("/admit").status_code == 200
    for _ in range(2):
        service.disable(session, ward.staff["ada"].id, nora, now=clock.now())
    assert browser.get("/admit").status_code == 303
    assert sign_in.begin(session, login_name="nora", password=PASSWORD, now=clock.now()) is None
    assert not sign_in.proves(nora, PASSWORD)
    deeds = select(AuditEntry.id).where(AuditEntry.action == "staff.disabled")
    assert len(session.scalars(deeds).all()) == 1


def test_a_new_password_ends_every_sign_in(
    session: Session, ward: Ward, client: Callable[[str | None], TestClient]
) -> None:
    browser, nora, now = client("nora"), ward.staff["nora"], clock.now()
    service.change_password(session, ward.staff["ada"].id, nora, password=NEW, now=now)
    assert browser.get("/admit").status_code == 303
    assert sign_in.begin(session, login_name="nora", password=PASSWORD, now=now) is None
    assert sign_in.begin(session, login_name="nora", password=NEW, now=now)


def test_a_machine_has_no_password(session: Session, ward: Ward) -> None:
    with pytest.raises(Invalid):
        service.change_password(
            session, ward.staff["ada"].id, ward.staff["monty"], password=NEW, now=clock.now()
        )
    assert not sign_in.proves(ward.staff["monty"], "")


def test_nobody_signs_in_as_the_command_line(session: Session) -> None:
    first = service.console(session)
    assert service.console(session).id == first.id
    for password in ("", NEW, "console"):
        assert (
            sign_in.begin(session, login_name="console", password=password, now=clock.now()) is None
        )
