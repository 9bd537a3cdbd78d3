"""A workstation is a machine, never a person: enrolled by who may, kept as a hash, gone at once."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.accounts.sign_in.models import SignIn
from backend.accounts.sign_in.service import token_hash
from backend.accounts.workstations import service
from backend.accounts.workstations.models import Kind, Workstation
from backend.audit.models import AuditEntry
from backend.core import clock
from tests import people
from tests.people import PASSWORD, Ward, opens

Browser = Callable[[str | None], TestClient]


def form(ward: Ward, who: str = "chen", **fields: str) -> dict[str, str]:
    signed = {"key": str(uuid4()), **opens(ward.staff[who])}
    return signed | {"label": "Nurses' station", "kind": "ward_pc"} | fields


def rows(session: Session) -> list[Workstation]:
    session.expire_all()
    return list(session.scalars(select(Workstation).order_by(Workstation.id)))


def test_who_may_enrols_the_machine_they_stand_at(
    session: Session, ward: Ward, client: Browser
) -> None:
    browser = client("chen")
    said = browser.post("/admin/workstations", data=form(ward))
    assert said.status_code == 303
    assert "HttpOnly" in said.headers["set-cookie"]
    token = browser.cookies["vigil-workstation"]
    assert token.encode() not in rows(session)[0].token_sha256
    assert session.scalars(select(SignIn.workstation_id)).one() == rows(session)[0].id
    shown = browser.get("/admin/workstations").text
    assert "1 signed in" in shown
    assert token not in shown
    browser.cookies.delete("vigil")
    assert browser.get("/").headers["location"].startswith("/sign-in"), "it signs nobody in"


def test_whoever_signs_in_there_is_known_to_be_there(
    session: Session, ward: Ward, client: Browser
) -> None:
    browser = client("chen")
    browser.post("/admin/workstations", data=form(ward))
    browser.post("/sign-out")
    browser.post("/sign-in", data={"login_name": "nora", "password": PASSWORD})
    newest = session.scalars(select(SignIn).order_by(SignIn.id.desc()).limit(1)).one()
    assert newest.workstation_id == rows(session)[0].id


def test_a_double_click_enrols_once(session: Session, ward: Ward, client: Browser) -> None:
    browser, sent = client("chen"), form(ward)
    for _ in range(2):
        assert browser.post("/admin/workstations", data=sent).status_code == 303
    assert len(rows(session)) == 1
    assert browser.get("/lock").status_code == 303, "the last cookie is the one that counts"


def test_enrolled_again_it_is_another_and_the_first_is_gone(
    session: Session, ward: Ward, client: Browser
) -> None:
    browser = client("chen")
    for label in ("Left", "Right"):
        browser.post("/admin/workstations", data=form(ward, label=label))
    assert [row.revoked_at is None for row in rows(session)] == [False, True]
    assert browser.get("/admin/workstations").status_code == 200


@pytest.mark.parametrize(
    "fields",
    [{"label": ""}, {"label": "x" * 61}, {"label": "\x00"}, {"kind": "wall"}, {"kind": "NaN"}],
)
def test_what_cannot_be_enrolled_is_refused_in_words(
    session: Session, ward: Ward, client: Browser, fields: dict[str, str]
) -> None:
    browser = client("chen")
    assert browser.post("/admin/workstations", data=form(ward, **fields)).status_code == 422
    assert rows(session) == []


@pytest.mark.parametrize("seconds", ["29", "901", "-1", "NaN", "1e400", "", "9" * 5000])
def test_a_limit_that_is_none_is_refused(
    session: Session, ward: Ward, client: Browser, seconds: str
) -> None:
    signed = {"key": str(uuid4()), **opens(ward.staff["chen"])}
    sent = signed | {"ward_pc_lock_s": "120", "tablet_lock_s": seconds}
    assert client("chen").post("/admin/workstations/limits", data=sent).status_code == 422
    session.refresh(ward.unit)
    assert (ward.unit.ward_pc_lock_s, ward.unit.tablet_lock_s) == (180, 60)


def test_a_revoked_machine_opens_nothing_and_signs_its_people_out(
    session: Session, ward: Ward, client: Browser
) -> None:
    browser = client("chen")
    browser.post("/admin/workstations", data=form(ward))
    browser.post("/sign-out")
    assert browser.get("/lock").status_code == 200
    machine = rows(session)[0]
    service.revoke(session, ward.staff["ada"].id, machine, now=clock.now())
    service.revoke(session, ward.staff["ada"].id, machine, now=clock.now())
    assert browser.get("/lock").headers["location"].startswith("/sign-in")
    alive = select(func.count()).where(SignIn.ended_at.is_(None))
    assert session.scalars(alive.select_from(SignIn)).one() == 0


def test_everybody_at_a_machine_is_signed_out_but_who_does_it_and_the_machine_stays(
    session: Session, ward: Ward, client: Browser
) -> None:
    browser, ada = client("chen"), client("ada")
    browser.post("/admin/workstations", data=form(ward))
    parked = people.sign_in(session, ward.staff["nora"])
    elsewhere = people.sign_in(session, ward.staff["priya"])
    machine = rows(session)[0]
    nora = session.scalars(select(SignIn).where(SignIn.token_sha256 == token_hash(parked))).one()
    nora.workstation_id, nora.locked_at = machine.id, clock.now()
    session.flush()
    path = f"/admin/workstations/{machine.id}/sign-outs"
    assert "Sign everybody out" in ada.get("/admin/workstations").text
    own = {"key": str(uuid4()), **opens(ward.staff["chen"])}
    assert browser.post(path, data=own).status_code == 303

    def alive() -> set[int]:
        session.expire_all()
        return set(session.scalars(select(SignIn.staff_id).where(SignIn.ended_at.is_(None))))

    assert alive() == {ward.staff[name].id for name in ("chen", "ada", "priya")}, elsewhere
    assert ada.post(path, data={"key": str(uuid4()), **opens(ward.staff["ada"])}).status_code == 303
    assert alive() == {ward.staff[name].id for name in ("ada", "priya")}
    assert rows(session)[0].revoked_at is None
    assert browser.get("/").headers["location"].startswith("/sign-in")
    assert "Sign everybody out" not in ada.get("/admin/workstations").text
    told = session.scalars(select(AuditEntry).where(AuditEntry.action == "workstation.signed_out"))
    assert [(entry.actor_id, entry.subject["sign_ins"]) for entry in told] == [
        (ward.staff["chen"].id, 1),
        (ward.staff["ada"].id, 1),
    ]


def test_who_revokes_the_machine_under_their_hands_goes_on(
    session: Session, ward: Ward, client: Browser
) -> None:
    browser = client("chen")
    browser.post("/admin/workstations", data=form(ward))
    path = f"/admin/workstations/{rows(session)[0].id}/revocation"
    signed = {"key": str(uuid4()), **opens(ward.staff["chen"])}
    assert browser.post(path, data=signed).status_code == 303
    assert browser.get("/").status_code == 200


def test_a_code_makes_one_machine_and_then_nothing(
    session: Session, ward: Ward, client: Browser
) -> None:
    code, row = service.prepare(
        session, ward.staff["ada"].id, unit_id=ward.unit.id, label="Tablet 2", kind=Kind.TABLET
    )
    assert code.replace("-", "").encode() not in row.token_sha256
    first, second = client(None), client(None)
    assert first.post("/workstation", data={"code": code.lower()}).status_code == 303
    assert first.get("/lock").status_code == 200
    assert second.post("/workstation", data={"code": code}).status_code == 401
    assert second.get("/lock").status_code == 303


@pytest.mark.parametrize("code", ["", "\x00", "x" * 100_000, "AAAA-AAAA-AAAA", "' OR 1=1 --"])
def test_a_code_that_is_none_is_refused_in_words(client: Browser, code: str) -> None:
    assert client(None).post("/workstation", data={"code": code}).status_code in {401, 422}


def test_a_code_is_good_for_a_day(session: Session, ward: Ward) -> None:
    code, _ = service.prepare(
        session, ward.staff["ada"].id, unit_id=ward.unit.id, label="Tablet", kind=Kind.TABLET
    )
    with time_machine.travel(clock.now() + timedelta(hours=24, minutes=1), tick=False):
        assert service.claim(session, code=code, now=clock.now()) is None


def test_a_code_that_was_not_typed_is_no_token(
    session: Session, ward: Ward, client: Browser
) -> None:
    code, _ = service.prepare(
        session, ward.staff["ada"].id, unit_id=ward.unit.id, label="Tablet", kind=Kind.TABLET
    )
    browser = client(None)
    browser.cookies.set("vigil-workstation", code.replace("-", ""))
    assert browser.get("/lock").headers["location"].startswith("/sign-in")
