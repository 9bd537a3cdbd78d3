"""An administrator invites, posts, signs out and lets go; two people replace a lost factor."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.factors import queries as factors
from backend.accounts.permissions import Role
from backend.accounts.resets import service as resets
from backend.accounts.resets.models import FactorReset
from backend.accounts.sign_in import throttle
from backend.accounts.sign_in.models import SignIn
from backend.accounts.staff import queries as staff
from backend.audit.models import AuditEntry
from backend.core import clock
from backend.core.errors import Conflict, NotAllowed
from tests import people
from tests.accounts.test_factors import enrol
from tests.accounts.test_step_up import hidden
from tests.people import Ward

Browser = Callable[[str | None], TestClient]
REASON = "telephone stolen, known to me for years"


@pytest.fixture
def proved(client: Browser, session: Session, ward: Ward) -> Callable[[str], TestClient]:
    """This person's browser, just after a second proof."""

    def browser(name: str) -> TestClient:
        made = client(None)
        made.cookies.set("vigil", people.sign_in(session, ward.staff[name], stepped_up=True))
        return made

    return browser


Proved = Callable[[str], TestClient]


def test_each_sees_what_they_may_administer(client: Browser) -> None:
    ada, chen = client("ada").get("/admin").text, client("chen").get("/admin").text
    assert "/admin/staff" in ada
    assert "/admin/staff" not in chen
    assert "/admin/sign-in-help" in ada
    assert "/admin/sign-in-help" in chen
    assert 'href="/admin"' not in client("nora").get("/").text


def test_the_list_holds_the_people_of_ones_own_unit(client: Browser) -> None:
    page = client("ada").get("/admin/staff").text
    assert "Nora Nurse" in page
    assert "let go on" in page  # dana
    assert "Olga" not in page
    assert "Monty" not in page


def test_a_login_name_that_is_taken_keeps_what_was_typed(proved: Proved) -> None:
    ada = proved("ada")
    opened = hidden(ada.get("/admin/staff").text)
    form = opened | {"name": "Rowan Ash", "login_name": "NORA", "role": "physician"}
    answer = ada.post("/admin/staff", data=form)
    assert answer.status_code == 409
    assert 'value="Rowan Ash"' in answer.text
    assert '<option value="physician" selected>' in answer.text


@pytest.mark.parametrize("role", ["device", "interface"])
def test_nobody_is_invited_as_a_machine(proved: Proved, session: Session, role: str) -> None:
    ada = proved("ada")
    opened = hidden(ada.get("/admin/staff").text)
    form = opened | {"name": "Rowan Ash", "login_name": "rowan", "role": role}
    assert ada.post("/admin/staff", data=form).status_code == 422
    assert staff.by_login_name(session, "rowan") is None


def test_what_changes_somebodys_rights_asks_again_who_it_is(
    client: Browser, session: Session, ward: Ward
) -> None:
    nora = ward.staff["nora"]
    ada = client("ada")
    opened = hidden(ada.get(f"/admin/staff/{nora.id}").text)
    for deed, more in (("link", {}), ("role", {"role": "therapist"}), ("disable", {})):
        answer = ada.post(f"/admin/staff/{nora.id}/{deed}", data=opened | more)
        assert "Confirm that it is you" in answer.text, deed
    form = opened | {"name": "Rowan Ash", "login_name": "rowan", "role": "nurse"}
    assert ada.post("/admin/staff", data=form).status_code == 403
    assert staff.by_login_name(session, "rowan") is None
    assert nora.disabled_at is None


def test_another_part_counts_from_the_next_request_on(
    proved: Proved, client: Browser, ward: Ward
) -> None:
    ada, nora = proved("ada"), client("nora")
    assert nora.get("/admit").status_code == 200
    path = f"/admin/staff/{ward.staff['nora'].id}"
    opened = hidden(ada.get(path).text)
    opened.pop("sign_in_id")
    assert ada.post(f"{path}/role", data=opened | {"role": "therapist"}).status_code == 303
    assert nora.get("/admit").status_code == 403
    assert "therapist" in ada.get(path).text


def test_an_administrator_ends_one_sign_in_or_all(
    client: Browser, session: Session, ward: Ward
) -> None:
    ada, first, second = client("ada"), client("nora"), client("nora")
    chen = client("chen")
    path = f"/admin/staff/{ward.staff['nora'].id}"
    ids = session.scalars(
        select(SignIn.id).where(SignIn.staff_id == ward.staff["nora"].id).order_by(SignIn.id)
    ).all()
    opened = hidden(ada.get(path).text)
    ended = ada.post(f"{path}/end-sign-in", data=opened | {"sign_in_id": ids[0]})
    assert ended.status_code == 303
    assert first.get("/").status_code == 303
    assert second.get("/").status_code == 200
    opened.pop("sign_in_id")
    assert ada.post(f"{path}/end-sign-ins", data=opened).status_code == 303
    assert second.get("/").status_code == 303
    assert chen.get("/").status_code == 200
    # Under nora's address nobody else's sign-in is ended.
    chens = session.scalars(select(SignIn.id).where(SignIn.staff_id == ward.staff["chen"].id)).one()
    foreign = ada.post(f"{path}/end-sign-in", data=opened | {"sign_in_id": chens})
    assert foreign.status_code == 404
    assert chen.get("/").status_code == 200


def test_letting_go_ends_everything_at_once(proved: Proved, client: Browser, ward: Ward) -> None:
    ada, nora = proved("ada"), client("nora")
    path = f"/admin/staff/{ward.staff['nora'].id}"
    opened = hidden(ada.get(path).text)
    opened.pop("sign_in_id")
    assert ada.post(f"{path}/disable", data=opened).status_code == 303
    assert nora.get("/").status_code == 303
    page = ada.get(path).text
    assert "let go on" in page
    assert "/disable" not in page
    assert ada.post(f"{path}/link", data=opened).status_code == 409


def test_nobody_administers_themselves(proved: Proved, ward: Ward) -> None:
    ada = proved("ada")
    path = f"/admin/staff/{ward.staff['ada'].id}"
    page = ada.get(path).text
    assert "This is you" in page
    opened = hidden(page)
    opened.pop("sign_in_id", None)
    for deed, more in (("role", {"role": "physician"}), ("disable", {}), ("link", {})):
        assert ada.post(f"{path}/{deed}", data=opened | more).status_code == 409, deed


def test_people_of_another_unit_and_machines_are_not_there(proved: Proved, ward: Ward) -> None:
    ada = proved("ada")
    opened = hidden(ada.get("/admin/staff").text)
    for name in ("olga", "monty"):
        staff_id = ward.staff[name].id
        assert ada.get(f"/admin/staff/{staff_id}").status_code == 404, name
        assert ada.post(f"/admin/staff/{staff_id}/disable", data=opened).status_code == 404
        help_form = opened | {"staff_id": staff_id, "reason": REASON}
        for deed in ("forgive", "reset", "agree", "withdraw"):
            answer = ada.post(f"/admin/sign-in-help/{deed}", data=help_form)
            assert answer.status_code in {404, 422}, (name, deed)


def test_a_charge_nurse_lets_somebody_try_at_once(
    client: Browser, session: Session, ward: Ward
) -> None:
    now = clock.now()
    for _ in range(12):
        throttle.failed(session, throttle.claim("nora", None), now=now)
    chen = client("chen")
    page = chen.get("/admin/sign-in-help").text
    assert "Must wait" in page
    form = hidden(page) | {"staff_id": ward.staff["nora"].id}
    assert chen.post("/admin/sign-in-help/forgive", data=form).status_code == 303
    assert "Must wait" not in chen.get("/admin/sign-in-help").text


def test_a_lost_second_factor_needs_two_people_of_two_parts(
    proved: Proved, client: Browser, session: Session, ward: Ward
) -> None:
    nora = ward.staff["nora"]
    enrol(session, nora)
    there, chen, ada = client("nora"), proved("chen"), proved("ada")
    form = hidden(chen.get("/admin/sign-in-help").text) | {"staff_id": nora.id}
    wordless = chen.post("/admin/sign-in-help/reset", data=form)
    assert wordless.status_code == 422
    assert "how you know that it is them" in wordless.text
    asked = chen.post("/admin/sign-in-help/reset", data=form | {"reason": REASON})
    assert asked.status_code == 303
    assert chen.post("/admin/sign-in-help/agree", data=form).status_code == 403
    assert factors.any_of(session, nora.id)
    assert there.get("/").status_code == 200
    page = ada.get("/admin/sign-in-help").text
    assert "Agree: take it away" in page
    agreed = ada.post("/admin/sign-in-help/agree", data=hidden(page) | {"staff_id": nora.id})
    assert agreed.status_code == 303
    assert not factors.any_of(session, nora.id)
    assert factors.recovery_codes_left(session, nora.id) == 0
    assert there.get("/").headers["location"].startswith("/sign-in")
    trail = session.scalars(
        select(AuditEntry).where(AuditEntry.action.startswith("factor_reset.")).order_by("id")
    ).all()
    assert [(entry.action, entry.actor_id) for entry in trail] == [
        ("factor_reset.asked", ward.staff["chen"].id),
        ("factor_reset.agreed", ward.staff["ada"].id),
    ]
    assert trail[0].reason == REASON


def test_agreeing_and_asking_want_a_fresh_proof(
    client: Browser, session: Session, ward: Ward
) -> None:
    enrol(session, ward.staff["nora"])
    chen = client("chen")
    form = hidden(chen.get("/admin/sign-in-help").text)
    form |= {"staff_id": str(ward.staff["nora"].id), "reason": REASON}
    asked = chen.post("/admin/sign-in-help/reset", data=form)
    assert "Confirm that it is you" in asked.text
    form.pop("reason")
    assert "Confirm" in chen.post("/admin/sign-in-help/agree", data=form).text
    assert session.scalars(select(FactorReset)).all() == []


def ask(session: Session, ward: Ward, by: str, role: Role, whose: str = "nora") -> FactorReset:
    return resets.ask(
        session,
        ward.staff[by].id,
        ward.staff[whose],
        unit_id=ward.unit.id,
        role=role,
        reason=REASON,
        now=clock.now(),
    )


def agree(session: Session, ward: Ward, by: str, role: Role, whose: str = "nora") -> None:
    resets.agree(
        session,
        ward.staff[by].id,
        ward.staff[whose],
        unit_id=ward.unit.id,
        role=role,
        now=clock.now(),
    )


def test_two_of_one_part_are_not_enough(session: Session, ward: Ward) -> None:
    enrol(session, ward.staff["nora"])
    ask(session, ward, "chen", Role.CHARGE_NURSE)
    with pytest.raises(NotAllowed):
        agree(session, ward, "tess", Role.CHARGE_NURSE)
    assert factors.any_of(session, ward.staff["nora"].id)


def test_nobody_asks_for_or_agrees_to_their_own(session: Session, ward: Ward) -> None:
    with pytest.raises(NotAllowed):
        ask(session, ward, "chen", Role.CHARGE_NURSE, whose="chen")
    ask(session, ward, "ada", Role.ADMINISTRATOR, whose="chen")
    with pytest.raises(NotAllowed):
        agree(session, ward, "chen", Role.CHARGE_NURSE, whose="chen")


def test_what_was_asked_for_waits_once_can_be_withdrawn_and_grows_old(
    session: Session, ward: Ward
) -> None:
    ask(session, ward, "chen", Role.CHARGE_NURSE)
    with pytest.raises(Conflict):
        ask(session, ward, "ada", Role.ADMINISTRATOR)
    resets.withdraw(
        session,
        ward.staff["chen"].id,
        ward.staff["nora"],
        unit_id=ward.unit.id,
        now=clock.now(),
    )
    with pytest.raises(Conflict):
        agree(session, ward, "ada", Role.ADMINISTRATOR)
    old = ask(session, ward, "chen", Role.CHARGE_NURSE)
    old.asked_at = clock.now().replace(year=clock.now().year - 1)
    session.flush()
    with pytest.raises(Conflict):
        agree(session, ward, "ada", Role.ADMINISTRATOR)
    assert ask(session, ward, "chen", Role.CHARGE_NURSE).id != old.id
