"""The second factor: an app's digits or a recovery code, each of them once."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg
import pyotp
import pytest
import time_machine
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.access import enrolling, half_signed_in, signed_in
from backend.accounts.factors import queries, service
from backend.accounts.factors.models import Authenticator, RecoveryCode
from backend.accounts.sign_in import throttle
from backend.accounts.sign_in.models import ONE_FACTOR, SignIn
from backend.accounts.staff.models import Staff
from backend.audit.models import AuditEntry
from backend.core import clock
from backend.core.errors import Invalid, Unavailable
from backend.main import app
from tests import people
from tests.accounts.test_step_up import hidden
from tests.people import PASSWORD, Ward

Browser = Callable[[str | None], TestClient]


def enrol(session: Session, person: Staff, *, now: datetime | None = None) -> pyotp.TOTP:
    """An app of this person, and what it shows. Its first digits were used an hour ago."""
    now = now or clock.now()
    made = service.begin_app(session, person, now=now - timedelta(hours=1))
    shows = pyotp.TOTP(service.seed_of(made))
    first = shows.at(now - timedelta(hours=1))
    service.confirm_app(session, person, code=first, now=now - timedelta(hours=1))
    return shows


def half(client: Browser, session: Session, person: Staff) -> TestClient:
    browser = client(None)
    browser.cookies.set("vigil", people.sign_in(session, person, assurance=ONE_FACTOR))
    return browser


def test_without_a_second_factor_only_ones_own_account_opens(client: Browser) -> None:
    browser = client(None)
    browser.post("/sign-in", data={"login_name": "nora", "password": PASSWORD})
    assert browser.get("/").headers["location"] == "/account?to=/"
    assert browser.get("/account").status_code == 200
    assert "One more step" in browser.get("/account").text


def _asks(dependant: object) -> set[object]:
    found = set()
    for inner in dependant.dependencies:  # type: ignore[attr-defined]
        found |= {inner.call} | _asks(inner)
    return found


def test_half_signed_in_every_other_route_is_closed(
    client: Browser, session: Session, ward: Ward
) -> None:
    """Read off the route table: what needs a person at all opens only whole, but for a few."""
    open_to_half = set()
    browser = half(client, session, ward.staff["nora"])
    for route in iter_route_contexts(app.routes):
        calls = _asks(getattr(route, "dependant", None)) if route.methods else set()
        for method in route.methods or ():
            if half_signed_in not in calls or method == "HEAD":
                continue
            if signed_in not in calls:
                open_to_half.add((method, route.path))
                assert route.path == "/sign-out" or enrolling in calls or "/code" in str(route.path)
                continue
            path = re.sub(r"{\w+}", "1", str(route.path))
            answer = browser.request(method, path)
            assert answer.status_code == (303 if method == "GET" else 403), path
            if method == "GET":
                assert answer.headers["location"].startswith("/account?"), path
    assert open_to_half == {
        ("GET", "/sign-in/code"),
        ("POST", "/sign-in/code"),
        ("POST", "/sign-out"),
        ("GET", "/account"),
        ("POST", "/account/app"),
        ("GET", "/account/app"),
        ("POST", "/account/app/confirm"),
        ("GET", "/account/passkeys/new"),
        ("POST", "/account/passkeys/begin"),
        ("POST", "/account/passkeys"),
    }


def test_nobody_sees_an_account_without_signing_in(client: Browser) -> None:
    for who in (None, "dana"):
        browser = client(who)
        for path in ("/account", "/account/app", "/sign-in/code"):
            assert browser.get(path).headers["location"] == f"/sign-in?to={path}"
        for path in ("/account/app", "/account/app/confirm", "/sign-in/code"):
            assert browser.post(path, data={"code": "1"}).status_code == 401


def test_a_stolen_password_enrols_no_second_app(
    client: Browser, session: Session, ward: Ward
) -> None:
    """Nor does it open the page of somebody who has one."""
    nora = ward.staff["nora"]
    enrol(session, nora)
    browser = half(client, session, nora)
    assert browser.get("/account").headers["location"] == "/sign-in/code?to=/account"
    opened = {"key": "6f0b4c55-9b6e-4f4f-8d1c-19895f0c7c1e", **people.opens(nora)}
    assert browser.post("/account/app", data=opened).status_code == 403
    assert browser.post("/account/app/confirm", data=opened | {"code": "1"}).status_code == 403
    assert len(session.scalars(select(Authenticator)).all()) == 1


def test_from_the_password_over_the_picture_to_the_board(client: Browser, session: Session) -> None:
    browser = client(None)
    browser.post("/sign-in", data={"login_name": "nora", "password": PASSWORD})
    before = browser.cookies["vigil"]
    assert (
        browser.post("/account/app", data=hidden(browser.get("/account").text)).status_code == 303
    )
    page = browser.get("/account/app").text
    seed = re.search(r'class="seed">([A-Z2-7 ]+)<', page)
    assert seed
    assert "data:image/svg+xml" in page
    wrong = browser.post("/account/app/confirm", data=hidden(page) | {"code": "12 34"})
    assert wrong.status_code == 422
    assert "other digits" in wrong.text
    code = pyotp.TOTP(seed[1].replace(" ", "")).now()
    done = browser.post("/account/app/confirm", data=hidden(wrong.text) | {"code": code})
    codes = re.findall(r"<li>(\d{4}-\d{4}-\d{4})</li>", done.text)
    assert len(set(codes)) == 10
    assert browser.cookies["vigil"] != before
    assert browser.get("/").status_code == 200
    row = session.scalars(select(SignIn)).one()
    assert row.expires_at - row.created_at == timedelta(hours=12)


def test_the_second_step_opens_the_board_with_a_new_token(
    client: Browser, session: Session, ward: Ward
) -> None:
    shows = enrol(session, ward.staff["nora"])
    browser, thief = client(None), client(None)
    first = browser.post(
        "/sign-in", data={"login_name": "nora", "password": PASSWORD, "to": "/alerts"}
    )
    assert first.headers["location"] == "/sign-in/code?to=/alerts"
    thief.cookies.set("vigil", browser.cookies["vigil"])
    wrong = browser.post("/sign-in/code", data={"code": "000000", "to": "/alerts"})
    assert wrong.status_code == 401
    assert hidden(wrong.text)["to"] == "/alerts"
    code = shows.now()
    spaced = f"{code[:3]} {code[3:]}"
    second = browser.post("/sign-in/code", data={"code": spaced, "to": "/alerts"})
    assert second.headers["location"] == "/alerts"
    assert browser.get("/alerts").status_code == 200
    assert thief.get("/alerts").headers["location"].startswith("/sign-in?")


def test_digits_are_accepted_once(session: Session, ward: Ward) -> None:
    nora, now = ward.staff["nora"], clock.now()
    shows = enrol(session, nora, now=now)
    code = shows.at(now)
    assert service.accepts(session, nora, code=code, now=now)
    assert not service.accepts(session, nora, code=code, now=now)
    session.expire_all()  # as after a restart: what was used stands in the database
    assert not service.accepts(session, nora, code=code, now=now + timedelta(seconds=20))


@pytest.mark.parametrize(
    ("off", "accepted"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)]
)
def test_a_telephones_clock_may_be_half_a_minute_off(
    session: Session, ward: Ward, off: int, accepted: bool
) -> None:
    nora, now = ward.staff["nora"], clock.now()
    shows = enrol(session, nora, now=now)
    code = shows.at(now + timedelta(seconds=off))
    assert service.accepts(session, nora, code=code, now=now) is accepted


def test_earlier_digits_are_worth_nothing_after_later_ones(session: Session, ward: Ward) -> None:
    nora, now = ward.staff["nora"], clock.now()
    shows = enrol(session, nora, now=now)
    assert service.accepts(session, nora, code=shows.at(now), now=now)
    earlier = shows.at(now - timedelta(seconds=30))
    assert not service.accepts(session, nora, code=earlier, now=now)


def test_the_digits_that_enrolled_an_app_do_not_sign_in(session: Session, ward: Ward) -> None:
    nora, now = ward.staff["nora"], clock.now()
    made = service.begin_app(session, nora, now=now)
    code = pyotp.TOTP(service.seed_of(made)).at(now)
    assert not service.accepts(session, nora, code=code, now=now)
    service.confirm_app(session, nora, code=code, now=now)
    assert not service.accepts(session, nora, code=code, now=now)


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "١٢٣٤٥٦", "½½½½½½", "12345a", "-12345", "\ud800", "x" * 100]
)
def test_what_is_no_code_is_no_code(session: Session, ward: Ward, code: str) -> None:
    enrol(session, ward.staff["nora"])
    assert not service.accepts(session, ward.staff["nora"], code=code, now=clock.now())


def test_a_recovery_code_opens_once_and_with_or_without_its_dashes(
    session: Session, ward: Ward
) -> None:
    nora, now = ward.staff["nora"], clock.now()
    enrol(session, nora)
    first, second, *_ = service.make_recovery_codes(session, nora, now=now)
    assert service.accepts(session, nora, code=first, now=now)
    assert not service.accepts(session, nora, code=first, now=now)
    assert service.accepts(session, nora, code=second.replace("-", " "), now=now)
    assert queries.recovery_codes_left(session, nora.id) == 8
    used = select(AuditEntry).where(AuditEntry.action == "factor.recovery_code_used")
    assert len(session.scalars(used).all()) == 2


def test_new_recovery_codes_end_the_old_ones_and_are_nobody_elses(
    session: Session, ward: Ward
) -> None:
    nora, now = ward.staff["nora"], clock.now()
    enrol(session, nora)
    old = service.make_recovery_codes(session, nora, now=now)[0]
    new = service.make_recovery_codes(session, nora, now=now)[0]
    assert not service.accepts(session, nora, code=old, now=now)
    assert not service.accepts(session, ward.staff["chen"], code=new, now=now)
    assert service.accepts(session, nora, code=new, now=now)


def test_the_database_holds_nothing_that_could_be_typed(session: Session, ward: Ward) -> None:
    nora = ward.staff["nora"]
    shows = enrol(session, nora)
    code = service.make_recovery_codes(session, nora, now=clock.now())[0]
    app_row = session.scalars(select(Authenticator)).one()
    assert shows.secret.encode() not in app_row.sealed_seed
    kept = session.scalars(select(RecoveryCode.code_sha256)).all()
    plain = code.replace("-", "").encode()
    assert all(plain not in one and len(one) == 32 for one in kept)
    # A seed that is moved to another person's row opens nothing.
    app_row.staff_id = ward.staff["chen"].id
    with pytest.raises(Unavailable):
        service.seed_of(app_row)


def test_a_new_app_replaces_the_old_one_only_when_it_has_shown_its_digits(
    session: Session, ward: Ward
) -> None:
    nora, now = ward.staff["nora"], clock.now()
    old = enrol(session, nora, now=now)
    new = pyotp.TOTP(service.seed_of(service.begin_app(session, nora, now=now)))
    assert not service.accepts(session, nora, code=new.at(now), now=now)
    with pytest.raises(Invalid):
        service.confirm_app(session, nora, code=old.at(now), now=now)
    assert service.accepts(session, nora, code=old.at(now), now=now)
    service.confirm_app(session, nora, code=new.at(now), now=now)
    later = now + timedelta(minutes=5)
    assert not service.accepts(session, nora, code=old.at(later), now=later)
    assert service.accepts(session, nora, code=new.at(later), now=later)


def test_guessing_digits_slows_down(client: Browser, session: Session, ward: Ward) -> None:
    shows = enrol(session, ward.staff["nora"])
    browser = half(client, session, ward.staff["nora"])
    for _ in range(throttle.ACCOUNT.free_tries):
        assert browser.post("/sign-in/code", data={"code": "000000"}).status_code == 401
    assert browser.post("/sign-in/code", data={"code": shows.now()}).status_code == 429


def test_changing_a_factor_asks_again_who_it_is(
    client: Browser, session: Session, ward: Ward
) -> None:
    nora = ward.staff["nora"]
    enrol(session, nora)
    browser = client("nora")
    opened = hidden(browser.get("/account").text)
    for path in ("/account/app", "/account/codes", "/account/password"):
        answer = browser.post(path, data=opened)
        assert answer.status_code == 403, path
        assert "Confirm that it is you" in answer.text
    for path in ("/account/app", "/account/password"):
        assert browser.get(path).headers["location"] == f"/step-up?to={path}"
    assert queries.recovery_codes_left(session, nora.id) == 10
    proved = browser.post("/step-up", data={"proof": PASSWORD, "to": "/account"})
    assert proved.headers["location"] == "/account"
    assert browser.post("/account/codes", data=opened).text.count("<li>") == 10


def test_an_apps_digits_prove_it_too(client: Browser, session: Session, ward: Ward) -> None:
    shows = enrol(session, ward.staff["nora"])
    browser, code = client("nora"), shows.now()
    assert browser.post("/step-up", data={"proof": code}).status_code == 303
    assert browser.post("/step-up", data={"proof": code}).status_code == 403


def test_a_form_of_ones_account_that_somebody_else_opened_is_refused(
    client: Browser, session: Session, ward: Ward
) -> None:
    """Two people at one machine: what nora opened does not change chen's second factor."""
    opened = hidden(client("nora").get("/account").text)
    chen = client(None)
    chen.cookies.set("vigil", people.sign_in(session, ward.staff["chen"], stepped_up=True))
    for path in ("/account/app", "/account/codes", "/account/password", "/account/sign-ins/end"):
        assert chen.post(path, data={"sign_in_id": 1} | opened).status_code in {409, 422}, path
    assert session.scalars(select(Authenticator)).all() == []


def test_a_password_alone_waits_twenty_minutes_for_its_second_factor(
    client: Browser, session: Session, ward: Ward
) -> None:
    enrol(session, ward.staff["nora"])
    browser = client(None)
    browser.post("/sign-in", data={"login_name": "nora", "password": PASSWORD})
    with time_machine.travel(clock.now() + timedelta(minutes=21), tick=False):
        assert browser.get("/sign-in/code").headers["location"].startswith("/sign-in?")


def test_beside_a_second_factor_a_password_may_be_shorter(
    client: Browser, session: Session, ward: Ward
) -> None:
    browser = client(None)
    browser.cookies.set("vigil", people.sign_in(session, ward.staff["nora"], stepped_up=True))
    opened = hidden(browser.get("/account/password").text)
    short = opened | {"password": "dusk harbour"}
    refused = browser.post("/account/password", data=short)
    assert refused.status_code == 422
    assert "at least 15" in refused.text
    enrol(session, ward.staff["nora"])
    assert browser.post("/account/password", data=short).status_code == 303
    assert browser.post("/account/password", data=opened | {"password": "dusk"}).status_code == 422


def test_one_sees_and_ends_ones_own_sign_ins_and_no_others(
    client: Browser, session: Session, ward: Ward
) -> None:
    here, there, foreign = client("nora"), client("nora"), client("chen")
    page = here.get("/account").text
    assert page.count("End it") == 1
    assert "This browser" in page
    chens = session.scalars(select(SignIn.id).where(SignIn.staff_id == ward.staff["chen"].id)).one()
    opened = hidden(page)
    not_mine = here.post("/account/sign-ins/end", data=opened | {"sign_in_id": chens})
    assert not_mine.status_code == 404
    assert foreign.get("/shift").status_code == 200
    assert here.post("/account/sign-ins/end", data=opened).status_code == 303
    assert there.get("/").headers["location"].startswith("/sign-in?")
    assert here.get("/shift").status_code == 200


def test_two_apps_cannot_both_count(fresh_database: str) -> None:
    with psycopg.connect(fresh_database) as connection:
        row = (
            "INSERT INTO authenticator (staff_id, sealed_seed, made_at, confirmed_at)"
            " SELECT id, 'x', now(), now() FROM staff WHERE login_name = 'nora'"
        )
        connection.execute(row)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(row)
