"""Whoever sees a patient is on record before the first byte leaves, or sees nobody."""

import re
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from backend.accounts import census
from backend.accounts.devices import service as devices
from backend.accounts.permissions import Role
from backend.audit.models import AuditEntry
from backend.core import clock
from tests import build
from tests.conftest import sessions_on
from tests.people import PEOPLE, Ward, the_ward
from tests.processes import serving, signed_in
from tests.test_access import GUARDED, Guarded, _ill

Browser = Callable[[str | None], TestClient]

# A piece of the board, which is read as a whole.
PIECE = "/beds/{stay_id}"
# Kept by a device before anybody looks: it is written down as a copy.
COPY = "/stays/{stay_id}/record/copy"
# Of one patient, by their address: every such page is a read.
OF_ONE = [
    route
    for route in GUARDED
    if route.method == "GET"
    and re.search(r"{(stay|alert)_id}", route.path)
    and route.path not in {PIECE, COPY}
]
# What a page cannot be asked without.
ASKING = {"/stays/{stay_id}/record/scale": {"instrument": "cows"}}


@pytest.fixture
def ill(session: Session, ward: Ward) -> dict[str, int]:
    return _ill(session, ward, elsewhere=False)


@pytest.fixture
def ask(
    session: Session, ward: Ward, client: Browser, ill: dict[str, int]
) -> Callable[[Guarded], Any]:
    """The answer of this route to somebody who may."""

    def asked(route: Guarded) -> Any:
        if route.for_machines:
            browser = client(None)
            token, _ = devices.enrol(
                session,
                ward.staff["ada"].id,
                unit_id=ward.unit.id,
                name="engine",
                role=Role.INTERFACE,
                now=clock.now(),
            )
            browser.headers["Authorization"] = f"Bearer {token}"
        else:
            browser = client(
                next(
                    name
                    for name, role in PEOPLE.items()
                    if route.allows(role) and name not in {"olga", "dana"}
                )
            )
        return browser.get(route.path.format(**ill), params=ASKING.get(route.path))

    return asked


def _views(session: Session) -> int:
    return session.query(AuditEntry).where(AuditEntry.action == "audit.viewed").count()


def _forbid(session: Session, action: str) -> None:
    session.execute(text("SET LOCAL ROLE vigil_owner"))
    rule = f"CHECK (action <> '{action}') NOT VALID"
    session.execute(text(f"ALTER TABLE audit_entry ADD CONSTRAINT nothing_is_read {rule}"))
    session.execute(text("SET LOCAL ROLE vigil_console"))


def test_a_copy_that_a_device_keeps_is_on_record_as_one(
    session: Session, client: Browser, ill: dict[str, int]
) -> None:
    path = COPY.format(**ill)
    assert client("nora").get(path).status_code == 200
    entry = session.query(AuditEntry).where(AuditEntry.action == "census.viewed").one()
    assert entry.subject == {"screen": f"copy of {ill['stay_id']}", "stay_ids": [ill["stay_id"]]}
    assert _views(session) == 0
    _forbid(session, "census.viewed")
    with capture_logs():
        refused = client("priya").get(path)
    assert refused.status_code >= 500
    assert "Pennywhistle" not in refused.text


def test_the_routes_of_one_patient_are_really_listed() -> None:
    assert len(OF_ONE) >= 10


@pytest.mark.parametrize("route", OF_ONE, ids=str)
def test_whoever_opens_a_page_of_a_patient_is_on_record(
    session: Session, ill: dict[str, int], ask: Callable[[Guarded], Any], route: Guarded
) -> None:
    assert ask(route).status_code == 200
    entry = session.query(AuditEntry).where(AuditEntry.action == "audit.viewed").one()
    assert (entry.stay_id, entry.deed) == (ill["stay_id"], False)
    assert entry.patient_id is not None
    assert (entry.sign_in_id is None) == route.for_machines


@pytest.mark.parametrize("route", OF_ONE, ids=str)
def test_what_cannot_be_written_down_is_not_shown(
    session: Session, ask: Callable[[Guarded], Any], route: Guarded
) -> None:
    _forbid(session, "audit.viewed")
    with capture_logs():
        answer = ask(route)
    assert answer.status_code >= 500
    assert "Pennywhistle" not in answer.text
    assert "NEWS2" not in answer.text


def test_a_refused_set_shows_its_patient_and_so_is_a_read(
    session: Session, client: Browser, ill: dict[str, int]
) -> None:
    answer = client("nora").post(f"/stays/{ill['stay_id']}/observations", data={})
    assert answer.status_code == 422
    assert _views(session) == (1 if "Pennywhistle" in answer.text else 0)


@pytest.fixture
def committed(fresh_database: str) -> tuple[str, int]:
    """A stay that every process sees, and its number."""
    with sessions_on(fresh_database) as sessions, sessions.begin() as session:
        stay = build.stay(session, the_ward(session), bed="7")
        number = stay.id
    return fresh_database, number


def test_a_read_whose_commit_fails_sends_no_byte_of_the_patient(
    committed: tuple[str, int],
) -> None:
    """The trigger fires at the commit, when the page has been made already."""
    url, stay_id = committed
    with serving(url) as served, signed_in(served.address) as nora:
        nora.headers["Connection"] = "close"
        with psycopg.connect(url) as admin:
            admin.execute(
                "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'the disk is full'; END $$"
            )
            admin.execute(
                "CREATE CONSTRAINT TRIGGER lost AFTER INSERT ON audit_entry DEFERRABLE"
                " INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.action IN"
                " ('audit.viewed', 'census.viewed')) EXECUTE FUNCTION lose()"
            )
        chart, board = nora.get(f"/stays/{stay_id}"), nora.get("/")
        assert (chart.status_code, board.status_code) == (500, 500)
        assert "Pennywhistle" not in chart.text + board.text
        with psycopg.connect(url) as admin:
            admin.execute("DROP TRIGGER lost ON audit_entry")
        assert "Pennywhistle" in nora.get(f"/stays/{stay_id}").text
        with psycopg.connect(url) as admin:
            found = admin.execute(
                "SELECT count(*), count(sign_in_id) FROM audit_entry WHERE action = 'audit.viewed'"
            ).fetchone()
        assert found == (1, 1)


def test_a_board_that_asks_again_and_again_is_one_entry_until_somebody_comes(
    committed: tuple[str, int],
) -> None:
    url, stay_id = committed

    def seen() -> list[Any]:
        with psycopg.connect(url) as admin:
            return admin.execute(
                "SELECT subject -> 'stay_ids', subject ->> 'screen' FROM audit_entry"
                " WHERE action = 'census.viewed' ORDER BY id"
            ).fetchall()

    with serving(url) as served:
        with signed_in(served.address) as nora:
            for path in ("/", "/summary", "/ward", f"/beds/{stay_id}", "/summary", "/ward"):
                assert nora.get(path).status_code == 200
            assert seen() == [([stay_id], "board")]
            with sessions_on(url) as sessions, sessions.begin() as session:
                other = build.stay(session, the_ward(session), bed="8").id
            deadline = time.monotonic() + 10
            while f'id="bed-{other}"' not in nora.get("/ward").text:  # the word is on its way
                assert time.monotonic() < deadline
            nora.get("/summary")
            assert seen() == [([stay_id], "board"), ([stay_id, other], "board")]
        with signed_in(served.address) as again:
            again.get("/")
        assert len(seen()) == 3, "who signs in anew has seen it anew"


def test_an_hour_later_it_is_written_again(
    session: Session, client: Browser, ill: dict[str, int]
) -> None:
    """In one process; what is remembered is remembered at the commit."""
    assert ill
    nora = client("nora")

    def boards() -> int:
        return session.query(AuditEntry).where(AuditEntry.action == "census.viewed").count()

    nora.get("/")
    assert boards() == 1
    session.dispatch.after_commit(session)  # the test's session never really commits
    nora.get("/")
    assert boards() == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(census, "AGAIN_AFTER", census.AGAIN_AFTER * 0)
        nora.get("/")
    assert boards() == 2
