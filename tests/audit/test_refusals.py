"""Whoever was kept out is on record, with what they asked for and nothing that they typed."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from backend.audit.models import AuditEntry
from backend.core import db
from tests.people import Ward
from tests.test_access import NOBODY_HAS, _ill

Browser = Callable[[str | None], TestClient]


def _refused(session: Session) -> list[AuditEntry]:
    return (
        session.query(AuditEntry)
        .where(AuditEntry.action == "access.refused")
        .order_by(AuditEntry.id)
        .all()
    )


def test_a_role_without_the_right_is_on_record(
    session: Session, ward: Ward, client: Browser
) -> None:
    ids = _ill(session, ward, elsewhere=False)
    assert client("ada").get(f"/stays/{ids['stay_id']}").status_code == 403
    (entry,) = _refused(session)
    assert (entry.actor_id, entry.unit_id) == (ward.staff["ada"].id, ward.unit.id)
    assert (entry.object_type, entry.object_id) == ("stay", ids["stay_id"])
    assert entry.subject == {
        "status": 403,
        "method": "GET",
        "path": f"/stays/{ids['stay_id']}",
    }
    assert entry.patient_id is not None, "who tried to see this patient can be asked"
    assert entry.sign_in_id is not None
    assert not entry.deed, "no screen is woken for it"


def test_what_lies_on_another_unit_is_on_record_like_what_is_made_up(
    session: Session, ward: Ward, client: Browser
) -> None:
    ids = _ill(session, ward, elsewhere=True)
    nora = client("nora")
    for number in (ids["stay_id"], NOBODY_HAS):
        assert nora.get(f"/stays/{number}").status_code == 404
    foreign, made_up = _refused(session)
    assert (foreign.subject["status"], made_up.subject["status"]) == (404, 404)
    assert foreign.patient_id is not None
    assert made_up.patient_id is None


def test_a_screen_whose_sign_in_has_ended_is_on_record_once(
    session: Session, ward: Ward, client: Browser
) -> None:
    assert ward
    stranger = client(None)
    stranger.cookies.set("vigil", "an-old-token-of-somebody")
    for _ in range(5):
        assert stranger.get("/summary", headers={"HX-Request": "true"}).status_code == 401
    (entry,) = _refused(session)
    assert (entry.actor_id, entry.unit_id, entry.subject["status"]) == (None, None, 401)
    assert "token" not in str(entry.subject)


def test_nothing_that_was_typed_is_kept(session: Session, ward: Ward, client: Browser) -> None:
    ids = _ill(session, ward, elsewhere=False)
    path = f"/stays/{ids['stay_id']}/discharge?name=Pennywhistle"
    assert client("tess").post(path, data={"reason": "Pennywhistle"}).status_code == 403
    assert "Pennywhistle" not in str([entry.subject for entry in _refused(session)])


def test_a_refusal_that_cannot_be_written_down_is_still_a_refusal(
    session: Session, ward: Ward, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = _ill(session, ward, elsewhere=False)
    monkeypatch.setattr(db, "apart", _broken)
    assert client("ada").get(f"/stays/{ids['stay_id']}").status_code == 403


def _broken() -> None:
    raise OSError("no database")
