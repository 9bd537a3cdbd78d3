"""Links that open once: to set up, to come in, to replace a password; a second factor stays."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
import time_machine
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from backend.accounts.factors import queries as factors
from backend.accounts.links import service
from backend.accounts.links.models import Link, LinkKind
from backend.accounts.permissions import Role
from backend.accounts.sign_in import service as sign_in
from backend.accounts.sign_in.models import SignIn
from backend.accounts.staff import queries as staff_queries
from backend.accounts.staff import service as staff
from backend.accounts.staff.models import Posting, Staff
from backend.accounts.units.models import Bed, Unit
from backend.cli import serve
from backend.core import clock
from backend.core.errors import NotFound
from tests import people
from tests.accounts.test_factors import enrol
from tests.accounts.test_step_up import hidden
from tests.conftest import sessions_on
from tests.people import PASSWORD, Ward
from tests.processes import serving

Browser = Callable[[str | None], TestClient]
NEW = "a sentence nobody guesses"
SET_UP = {
    "name": "Robin Vale",
    "login_name": "robin",
    "password": NEW,
    "unit_name": "Willow Unit",
    "unit_code": "willow",
    "time_zone": "Europe/Berlin",
    "shift_starts": "07:00, 19:00",
    "beds": "1-3, window",
}


@pytest.fixture
def ada(client: Browser, session: Session, ward: Ward) -> TestClient:
    """An administrator who has just proved once more who they are."""
    browser = client(None)
    browser.cookies.set("vigil", people.sign_in(session, ward.staff["ada"], stepped_up=True))
    return browser


@pytest.fixture
def empty(session: Session) -> str:
    """A database in which nobody can sign in yet, and the link that sets it up."""
    session.execute(update(Staff).values(password_hash=None))
    link = service.first_run(session, now=clock.now())
    assert link
    return link


def invite(ada: TestClient, **more: str) -> str:
    opened = hidden(ada.get("/admin/staff").text)
    form = opened | {"name": "Rowan Ash", "login_name": "rowan", "role": "nurse"} | more
    answer = ada.post("/admin/staff", data=form)
    assert answer.status_code == 200, answer.text
    return link_in(answer.text)


def link_in(text: str) -> str:
    found = re.search(r"/welcome\?link=([\w-]{40,})", text)
    assert found
    return found[1]


def test_from_the_invitation_to_ones_own_second_factor(
    ada: TestClient, client: Browser, session: Session
) -> None:
    link = invite(ada)
    rowan = client(None)
    page = rowan.get("/welcome", params={"link": link})
    assert "Welcome, Rowan Ash" in page.text
    weak = rowan.post("/welcome", data=hidden(page.text) | {"password": "too short"})
    assert weak.status_code == 422
    assert hidden(weak.text)["link"] == link
    done = rowan.post("/welcome", data=hidden(weak.text) | {"password": NEW})
    assert done.headers["location"] == "/account"
    assert "One more step" in rowan.get("/account").text
    assert rowan.get("/").headers["location"].startswith("/account")
    assert sign_in.begin(session, login_name="rowan", password=NEW, now=clock.now())


def test_a_link_opens_once(ada: TestClient, client: Browser) -> None:
    link = invite(ada)
    assert client(None).post("/welcome", data={"link": link, "password": NEW}).status_code == 303
    again = client(None).post("/welcome", data={"link": link, "password": NEW + " again"})
    assert again.status_code == 404
    assert client(None).get("/welcome", params={"link": link}).status_code == 404


@pytest.mark.parametrize("kind", [LinkKind.INVITATION, LinkKind.RECOVERY])
def test_a_link_expires(session: Session, ward: Ward, kind: LinkKind) -> None:
    now = clock.now()
    link = service.make(session, ward.staff["ada"].id, kind, ward.staff["nora"], now=now)
    service.waiting(session, link, kind, now=now + service.LASTS[kind] - timedelta(seconds=1))
    with pytest.raises(NotFound):
        service.waiting(session, link, kind, now=now + service.LASTS[kind])


def test_a_newer_link_takes_the_place_of_the_older(session: Session, ward: Ward) -> None:
    now, nora = clock.now(), ward.staff["nora"]
    old = service.make(session, ward.staff["ada"].id, LinkKind.RECOVERY, nora, now=now)
    other = service.make(
        session, ward.staff["ada"].id, LinkKind.RECOVERY, ward.staff["chen"], now=now
    )
    service.make(session, ward.staff["ada"].id, LinkKind.RECOVERY, nora, now=now)
    with pytest.raises(NotFound):
        service.waiting(session, old, LinkKind.RECOVERY, now=now)
    assert service.waiting(session, other, LinkKind.RECOVERY, now=now)


@pytest.mark.parametrize("link", ["", "x", "x" * 5000, "\x00", "é", "' OR 1=1 --"])
def test_what_is_no_link_opens_nothing(client: Browser, link: str) -> None:
    for path in ("/welcome", "/first-run"):
        assert client(None).get(path, params={"link": link}).status_code in {404, 414, 422}, path
        data = {"link": link, "password": NEW}
        assert client(None).post(path, data=data).status_code in {404, 422}, path


def test_only_the_hash_of_a_link_is_kept(session: Session, ward: Ward) -> None:
    link = service.make(
        session, ward.staff["ada"].id, LinkKind.RECOVERY, ward.staff["nora"], now=clock.now()
    )
    assert session.scalars(select(Link.token_sha256)).one() == sign_in.token_hash(link)


def test_looking_at_a_link_uses_nothing_up(ada: TestClient, client: Browser) -> None:
    """A preview in a message must not spend it."""
    link = invite(ada)
    for _ in range(3):
        assert client(None).get("/welcome", params={"link": link}).status_code == 200


def test_nobody_signs_in_before_choosing_a_password(ada: TestClient, session: Session) -> None:
    invite(ada)
    for password in ("", "awaited", NEW):
        now = clock.now()
        assert sign_in.begin(session, login_name="rowan", password=password, now=now) is None
    rowan = staff_queries.by_login_name(session, "rowan")
    assert not sign_in.proves(rowan, "awaited")


def test_a_new_password_never_drops_the_second_factor(
    ada: TestClient, client: Browser, session: Session, ward: Ward
) -> None:
    nora = ward.staff["nora"]
    shows, before = enrol(session, nora), client("nora")
    opened = hidden(ada.get(f"/admin/staff/{nora.id}").text)
    opened.pop("sign_in_id")
    link = link_in(ada.post(f"/admin/staff/{nora.id}/link", data=opened).text)
    browser = client(None)
    page = browser.get("/welcome", params={"link": link})
    assert "Your second factor stays" in page.text
    done = browser.post("/welcome", data={"link": link, "password": NEW})
    assert done.headers["location"] == "/sign-in/code"
    assert before.get("/").headers["location"].startswith("/sign-in")
    assert browser.get("/account").headers["location"].startswith("/sign-in/code")
    assert factors.any_of(session, nora.id)
    answer = browser.post("/sign-in/code", data={"code": shows.now()})
    assert answer.headers["location"] == "/"


def test_somebody_let_go_meanwhile_comes_in_by_no_link(
    ada: TestClient, client: Browser, session: Session, ward: Ward
) -> None:
    link = invite(ada)
    rowan = staff_queries.by_login_name(session, "rowan")
    assert rowan
    staff.disable(session, ward.staff["ada"].id, rowan, now=clock.now())
    assert client(None).get("/welcome", params={"link": link}).status_code == 404
    data = {"link": link, "password": NEW}
    assert client(None).post("/welcome", data=data).status_code == 404


def test_the_first_run_makes_an_administrator_and_a_unit(
    client: Browser, session: Session, empty: str
) -> None:
    browser = client(None)
    page = browser.get("/first-run", params={"link": empty})
    assert page.status_code == 200
    done = browser.post("/first-run", data=hidden(page.text) | SET_UP)
    assert done.headers["location"] == "/account"
    robin = staff_queries.by_login_name(session, "robin")
    unit = session.scalars(select(Unit).where(Unit.code == "willow")).one()
    beds = session.scalars(select(Bed.label).where(Bed.unit_id == unit.id)).all()
    assert robin
    posting = session.scalars(select(Posting).where(Posting.staff_id == robin.id)).one()
    assert (posting.role, posting.unit_id) == (Role.ADMINISTRATOR, unit.id)
    assert beds == ["1", "2", "3", "window"]
    assert browser.post("/first-run", data={"link": empty} | SET_UP).status_code == 404
    assert service.first_run(session, now=clock.now()) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "short"),
        ("login_name", "no spaces"),
        ("name", ""),
        ("unit_code", "Wíllow"),
        ("time_zone", "Mars/Olympus"),
        ("shift_starts", "seven"),
        ("shift_starts", "07:00+01:00"),
        ("beds", "9-3"),
        ("unit_name", "x" * 150),
    ],
)
def test_a_mistake_at_the_first_run_makes_nothing_and_loses_nothing_typed(
    client: Browser, session: Session, empty: str, name: str, value: str
) -> None:
    units = session.scalars(select(func.count()).select_from(Unit)).one()
    answer = client(None).post("/first-run", data={"link": empty} | SET_UP | {name: value})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    kept = [typed for key, typed in SET_UP.items() if key not in {name, "password"}]
    assert all(f'value="{typed}"' in answer.text for typed in kept)
    assert NEW not in answer.text
    assert session.scalars(select(func.count()).select_from(Unit)).one() == units
    assert staff_queries.by_login_name(session, "robin") is None
    assert client(None).post("/first-run", data={"link": empty} | SET_UP).status_code == 303


def test_once_somebody_can_sign_in_the_first_run_is_over(
    client: Browser, session: Session, empty: str, ward: Ward
) -> None:
    staff_id = ward.staff["nora"].id
    session.execute(update(Staff).where(Staff.id == staff_id).values(password_hash="x"))  # noqa: S106
    assert client(None).post("/first-run", data={"link": empty} | SET_UP).status_code == 404


def test_the_link_of_a_first_run_expires(client: Browser, empty: str) -> None:
    with time_machine.travel(clock.now() + timedelta(hours=25), tick=False):
        assert client(None).get("/first-run", params={"link": empty}).status_code == 404


def test_an_invitation_sets_nothing_up_and_a_first_run_welcomes_nobody(
    client: Browser, session: Session, ward: Ward, empty: str
) -> None:
    ada, nora = ward.staff["ada"], ward.staff["nora"]
    link = service.make(session, ada.id, LinkKind.INVITATION, nora, now=clock.now())
    assert client(None).get("/first-run", params={"link": link}).status_code == 404
    assert client(None).get("/welcome", params={"link": empty}).status_code == 404


@pytest.fixture
def bare(fresh_database: str) -> Iterator[sessionmaker[Session]]:
    with sessions_on(fresh_database) as sessions:
        with sessions.begin() as session:
            session.execute(update(Staff).values(password_hash=None))
        yield sessions


def test_the_server_says_how_to_begin_only_where_nobody_can_sign_in(
    bare: sessionmaker[Session],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("backend.core.db.new_session", bare)
    serve._say_how_to_begin()  # noqa: SLF001
    first = re.search(r"/first-run\?link=([\w-]{43})\n", capsys.readouterr().out)
    assert first
    serve._say_how_to_begin()  # noqa: SLF001
    second = re.search(r"/first-run\?link=([\w-]{43})\n", capsys.readouterr().out)
    assert second
    with bare.begin() as session:
        with pytest.raises(NotFound):
            service.waiting(session, first[1], LinkKind.FIRST_RUN, now=clock.now())
        nora = session.scalars(select(Staff).where(Staff.login_name == "nora")).one()
        nora.password_hash = "x"  # noqa: S105
    serve._say_how_to_begin()  # noqa: SLF001
    assert capsys.readouterr().out == ""


def test_without_an_account_every_page_leads_to_signing_in_and_nothing_opens(
    bare: sessionmaker[Session], fresh_database: str
) -> None:
    """There is no default account: on an empty database no name and no password open anything."""
    with serving(fresh_database) as served:
        headers = {"Sec-Fetch-Site": "same-origin"}
        with httpx.Client(base_url=served.address, headers=headers, timeout=30) as browser:
            assert browser.get("/").headers["location"].startswith("/sign-in")
            for name in ("admin", "root", "console", "nora", "ada"):
                for password in ("", "admin", PASSWORD, sign_in.DEMO_PASSWORD):
                    data = {"login_name": name, "password": password}
                    assert browser.post("/sign-in", data=data).status_code in {401, 422, 429}
    with bare() as session:
        assert session.scalars(select(func.count()).select_from(SignIn)).one() == 0


def test_of_two_who_come_at_once_with_one_link_one_gets_in(fresh_database: str) -> None:
    with sessions_on(fresh_database) as sessions, sessions.begin() as session:
        staff = people.the_ward(session).staff
        link = service.make(
            session, staff["ada"].id, LinkKind.RECOVERY, staff["nora"], now=clock.now()
        )
    with serving(fresh_database) as one, serving(fresh_database) as other:

        def come(number: int) -> int:
            address = (one, other)[number % 2].address
            data = {"link": link, "password": f"{NEW} number {number}"}
            headers = {"Sec-Fetch-Site": "same-origin"}
            return httpx.post(
                f"{address}/welcome", data=data, headers=headers, timeout=60
            ).status_code

        with ThreadPoolExecutor(8) as pool:
            statuses = sorted(pool.map(come, range(8)))
    assert statuses.count(303) == 1
    assert set(statuses) <= {303, 404, 503}


def test_the_link_is_shown_with_the_address_that_people_type(ada: TestClient) -> None:
    opened = hidden(ada.get("/admin/staff").text)
    form = opened | {"name": "Rowan Ash", "login_name": "rowan", "role": "nurse"}
    shown = re.search(r'class="seed">([^<]+)<', ada.post("/admin/staff", data=form).text)
    assert shown
    assert urlsplit(shown[1]).path == "/welcome"
    assert shown[1].startswith(str(ada.base_url).rstrip("/"))
