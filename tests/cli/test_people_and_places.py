"""`vigil unit`, `staff` and `token`: the way from an empty database to a unit that can record."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner

from backend.accounts.devices.models import Device
from backend.accounts.links import service as links
from backend.accounts.sign_in import service as sign_in
from backend.accounts.sign_in.service import token_hash
from backend.accounts.staff import queries as staff
from backend.accounts.staff import service as staff_service
from backend.accounts.units import queries as units
from backend.accounts.units.service import labels_in
from backend.accounts.workstations.models import Workstation
from backend.audit.models import AuditEntry
from backend.cli import app
from backend.core import clock
from backend.core.errors import Invalid, NotFound
from backend.core.settings import settings
from backend.protocols import queries as protocols
from tests.conftest import sessions_on

PASSWORD = "a sentence nobody guesses"  # noqa: S105 (opens nothing but tests)
Vigil = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sessions(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[sessionmaker[Session]]:
    with sessions_on(fresh_database) as made:
        for noun in ("unit", "staff", "token", "workstation"):
            monkeypatch.setattr(f"backend.cli.{noun}.console_session", made)
        yield made


@pytest.fixture
def vigil(sessions: sessionmaker[Session]) -> Vigil:  # noqa: ARG001 (what the commands write to)
    def run(*args: str, stdin: str = "") -> tuple[int, str, str]:
        done = CliRunner().invoke(app, list(args), input=stdin)
        return done.exit_code, done.stdout, done.stderr

    return run


@pytest.fixture
def willow(vigil: Vigil) -> Vigil:
    code, _, said = vigil(
        "unit", "new", "willow", "--name", "Willow Unit", "--time-zone", "Europe/Berlin",
        "--beds", "1-3,window",
    )  # fmt: skip
    assert code == 0, said
    return vigil


def new_person(vigil: Vigil, login: str, role: str) -> tuple[int, str, str]:
    arguments = ("--name", login.title(), "--unit", "willow", "--role", role)
    invited = vigil("staff", "new", login, *arguments)
    assert vigil("staff", "password", login, stdin=f"{PASSWORD}\n")[0] == 0
    return invited


def test_from_nothing_to_a_unit_that_can_record(
    willow: Vigil, sessions: sessionmaker[Session]
) -> None:
    assert new_person(willow, "wanda", "physician")[0] == 0
    code, _, said = willow("unit", "approve", "willow", "--by", "wanda", stdin=f"{PASSWORD}\n")
    assert code == 0, said
    with sessions() as session:
        unit = units.by_code(session, "willow")
        assert unit is not None
        assert [bed.label for bed in units.beds(session, unit.id)] == ["1", "2", "3", "window"]
        assert protocols.in_force(session, unit.id, at=clock.now()).version == 1
        person = staff.by_login_name(session, "wanda")
        assert sign_in.proves(person, PASSWORD)
        console = staff_service.console(session).id
        entries = session.scalars(select(AuditEntry).where(AuditEntry.unit_id == unit.id)).all()
        assert {entry.action: entry.actor_id for entry in entries} == {
            "unit.created": console,
            "bed.added": console,
            "staff.posted": console,
            "protocol.approved": person.id if person else None,
        }
    assert willow("unit", "approve", "willow", "--by", "wanda", stdin=f"{PASSWORD}\n")[0] == 1


def test_only_the_clinician_in_person_approves_a_protocol(willow: Vigil) -> None:
    new_person(willow, "wanda", "physician")
    new_person(willow, "will", "nurse")
    for login, typed in (
        ("wanda", "wrong"),
        ("will", PASSWORD),
        ("nobody", PASSWORD),
        ("priya", "correct horse battery"),
    ):
        code, _, said = willow("unit", "approve", "willow", "--by", login, stdin=f"{typed}\n")
        assert code == 1, login
        assert "Error: " in said
        assert "Traceback" not in said


def test_a_token_is_alone_on_standard_output(
    willow: Vigil, sessions: sessionmaker[Session]
) -> None:
    code, printed, said = willow(
        "token", "new", "--unit", "willow", "--name", "Monitor bed 1", "--role", "device"
    )
    assert code == 0
    token = printed.strip()
    assert "\n" not in token
    with sessions() as session:
        device = session.scalars(select(Device)).one()
        assert device.token_sha256 == token_hash(token)
        assert device.revoked_at is None
    assert f"Token {device.id} for Willow Unit" in said
    assert willow("token", "revoke", str(device.id))[0] == 0
    with sessions() as session:
        assert session.scalars(select(Device.revoked_at)).one() is not None
    _, listed, _ = willow("token", "list", "--unit", "willow")
    assert "revoked" in listed
    assert token not in listed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("token", "new", "--unit", "nowhere", "--name", "X", "--role", "device"), "no such unit"),
        (("token", "new", "--unit", "willow", "--name", "X", "--role", "nurse"), "never for a"),
        (("token", "revoke", "4711"), "no such token"),
        (("staff", "disable", "nobody"), "nobody with this login name"),
        (("unit", "beds", "willow", "--beds", "2"), "there already"),
        (("unit", "beds", "willow", "--beds", "9-3"), "upwards"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    willow: Vigil, arguments: tuple[str, ...], sentence: str
) -> None:
    code, _, said = willow(*arguments)
    assert code == 1
    assert sentence in said
    assert "Traceback" not in said


def test_somebody_new_is_given_a_link_that_opens_once_and_no_password(
    willow: Vigil, sessions: sessionmaker[Session]
) -> None:
    arguments = ("--name", "Wanda", "--unit", "willow", "--role", "nurse")
    code, printed, said = willow("staff", "new", "wanda", *arguments)
    assert code == 0, said
    assert "wanda is nurse on Willow Unit" in said
    address, _, token = printed.strip().partition("?link=")
    assert address == f"{settings().public_origin}/welcome"
    now = clock.now()
    with sessions.begin() as session:
        person = staff.by_login_name(session, "wanda")
        assert not sign_in.proves(person, PASSWORD)
        links.choose_password(session, token, password=PASSWORD, now=now)
        assert sign_in.proves(person, PASSWORD)
        with pytest.raises(NotFound):
            links.choose_password(session, token, password=PASSWORD, now=now)
    code, _, said = willow("staff", "new", "wanda", *arguments)
    assert (code, "Traceback" in said) == (1, False)


def test_a_weak_password_is_refused(willow: Vigil, sessions: sessionmaker[Session]) -> None:
    new_person(willow, "wanda", "nurse")
    code, _, said = willow("staff", "password", "wanda", stdin="x\n")
    assert code == 1
    assert "at least 15 characters" in said
    with sessions() as session:
        assert sign_in.proves(staff.by_login_name(session, "wanda"), PASSWORD)


def test_a_person_is_moved_on_and_let_go(willow: Vigil, sessions: sessionmaker[Session]) -> None:
    new_person(willow, "wanda", "nurse")
    assert willow("staff", "post", "wanda", "--unit", "willow", "--role", "charge_nurse")[0] == 0
    assert "wanda\tcharge_nurse" in willow("staff", "list")[1]
    changed = willow("staff", "password", "wanda", stdin="another sentence of hers\n")
    assert changed[0] == 0
    assert willow("staff", "disable", "wanda")[0] == 0
    with sessions() as session:
        person = staff.by_login_name(session, "wanda")
        assert person is not None
        assert person.disabled_at is not None
    assert "wanda" not in willow("staff", "list")[1]


def test_a_unit_says_how_its_sheet_opens(willow: Vigil, sessions: sessionmaker[Session]) -> None:
    code, said, _ = willow("unit", "sheet", "willow", "--temperature", "F", "--pressure", "kPa")
    assert (code, said.strip()) == (
        0,
        "Willow Unit types °F and kPa; values of before show after the own value is set.",
    )
    assert "show always" in willow("unit", "sheet", "willow", "--previous", "always")[1]
    assert willow("unit", "sheet", "willow", "--temperature", "K")[0] == 2
    with sessions() as session:
        unit = units.by_code(session, "willow")
        assert unit is not None
        chosen = (unit.previous_values, unit.temperature_unit, unit.pressure_unit)
    assert chosen == ("always", "°F", "kPa")


@pytest.mark.parametrize(
    ("text", "labels"),
    [("1-3", ["1", "2", "3"]), (" 7 , window,", ["7", "window"]), ("A-1", ["A-1"]), ("", [])],
)
def test_beds_are_named_one_by_one_or_in_runs(text: str, labels: list[str]) -> None:
    assert labels_in(text) == labels


def test_a_run_of_beds_is_bounded() -> None:
    with pytest.raises(Invalid):
        labels_in("1-99999999")


def test_a_workstation_s_code_is_printed_once_and_is_not_what_is_kept(
    willow: Vigil, sessions: sessionmaker[Session]
) -> None:
    made = ("workstation", "new", "--unit", "willow", "--label", "Tablet 2", "--kind", "tablet")
    code, printed, _ = willow(*made)
    assert code == 0
    with sessions() as session:
        row = session.scalars(select(Workstation)).one()
        assert row.claimed_at is None
        assert row.token_sha256 == token_hash(printed.strip().replace("-", ""))
    assert "waits for its code" in willow("workstation", "list", "--unit", "willow")[1]
    assert willow("workstation", "revoke", str(row.id))[0] == 0
    assert "revoked" in willow("workstation", "list", "--unit", "willow")[1]
    assert willow("workstation", "revoke", "999")[0] == 1


def test_one_thing_is_forbidden_and_allowed_again(willow: Vigil) -> None:
    assert new_person(willow, "wim", "nurse")[0] == 0
    what = ("--unit", "willow", "--permission", "manage_stays")
    code, said, _ = willow("staff", "restrict", "wim", *what, "--reason", "not trained yet")
    assert code == 0
    assert "may not manage_stays on Willow Unit" in said
    code, _, refused = willow("staff", "restrict", "wim", *what, "--reason", "again")
    assert code == 1
    assert "restricted already" in refused
    code, _, refused = willow("staff", "restrict", "wim", *what, "--reason", " ")
    assert code == 1
    assert "Say why" in refused
    assert willow("staff", "lift", "wim", *what)[0] == 0
    code, _, refused = willow("staff", "lift", "wim", *what)
    assert code == 1
    assert "not restricted" in refused


def test_a_unit_reserves_scales_that_exist(willow: Vigil, sessions: sessionmaker[Session]) -> None:
    def reserved() -> list[str]:
        with sessions() as session:
            unit = units.by_code(session, "willow")
            return unit.reserved_scales if unit else []

    assert willow("unit", "reserve", "willow", "--scales", "CIWA-Ar, cows")[0] == 0
    assert reserved() == ["ciwa-ar", "cows"]
    code, _, refused = willow("unit", "reserve", "willow", "--scales", "cows,phq-9")
    assert code == 1
    assert "phq-9" in refused
    assert reserved() == ["ciwa-ar", "cows"]
    assert willow("unit", "reserve", "willow", "--scales", "")[0] == 0
    assert reserved() == []


def test_whether_safety_checks_need_the_tag_of_the_door_is_the_units_choice(
    willow: Vigil, sessions: sessionmaker[Session]
) -> None:
    def required() -> bool:
        with sessions() as session:
            unit = units.by_code(session, "willow")
            assert unit is not None
            return unit.door_tags_required

    assert not required()
    code, out, _ = willow("unit", "door-tags", "willow", "required")
    assert (code, out) == (
        0,
        "Safety checks on Willow Unit need the tag of the door, or a reason.\n",
    )
    assert required()
    assert willow("unit", "door-tags", "willow", "optional")[0] == 0
    assert not required()
    code, _, refused = willow("unit", "door-tags", "willow", "perhaps")
    assert code == 1
    assert "`required` or `optional`" in refused
