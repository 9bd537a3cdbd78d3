"""A machine reads what was seen on safety rounds, and has no way to say that it looked."""

from collections.abc import Callable
from uuid import uuid4

from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from backend.accounts.permissions import Role
from backend.rounds.safety import service
from tests import build
from tests.care.build import restriction
from tests.people import Ward

Machine = Callable[..., TestClient]


def test_looks_are_read_with_their_corrections_and_never_sent(
    session: Session, ward: Ward, machine: Machine
) -> None:
    stay, nora = build.stay(session, ward), ward.staff["nora"].id
    look = service.Look(answers={"place": "R", "doing": "S", "breathing": "Y"}, note="restless")
    row = service.record(session, nora, stay, key=uuid4(), look=look)
    service.take_back(
        session, nora, stay, key=uuid4(), check_id=row.id, reason="other door", of_others=True
    )
    path = f"/api/v1/stays/{stay.id}/safety-checks"
    back, first = machine().get(path).json()["safety_checks"]
    assert (first["id"], first["superseded_by_id"]) == (row.id, back["id"])
    assert (back["change"], back["reason"]) == ("taken_back", "other door")
    said = ("place", "doing", "breathing", "concern", "tag_scanned", "note")
    assert [first[name] for name in said] == ["R", "S", "Y", None, False, "restless"]
    assert machine(Role.DEVICE).get(path).status_code == 403
    assert machine().post(path, json={}).status_code == 405
    sets = f"/api/v1/stays/{stay.id}/observations"
    sent = {
        "observed_at": first["observed_at"],
        "scores": {"safety": {"place": "R", "doing": "A"}},
    }
    key = {"Idempotency-Key": str(uuid4())}
    assert machine().post(sets, json=sent, headers=key).status_code == 422
    restriction(session, ward, stay)
    told = machine().get(path)
    assert told.status_code == 200
    assert "restless" not in told.text
    assert "other door" not in told.text
