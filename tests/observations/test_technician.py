"""A technician measures and asks; what the unit reserves for nurses, and notes, are not theirs."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from backend.accounts.units import service as units
from backend.clinical import scale
from backend.core import clock
from backend.core.errors import Invalid
from backend.observations import service
from backend.observations.models import Source
from backend.stays.models import Stay
from tests import build
from tests.people import Ward, opens

Client = Callable[[str | None], TestClient]
OBSERVED = [
    item for item in scale.latest()["ciwa-ar"].items if item.rater in service.OBSERVER_RATES
]
ASKED = [
    item for item in scale.latest()["ciwa-b"].items if item.rater not in service.OBSERVER_RATES
]


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    units.reserve(session, ward.staff["ada"].id, ward.unit, scales=["ciwa-ar"])
    return build.stay(session, ward)


def _record(
    session: Session,
    ward: Ward,
    stay: Stay,
    item: Any,
    reserved: tuple[str, ...],
    *,
    scale_key: str = "ciwa-ar",
) -> None:
    service.record(
        session,
        ward.staff["tess"].id,
        stay,
        key=uuid4(),
        sheet=build.sheet(observed_at=clock.now(), answers={scale_key: {item.id: 0}}),
        source=Source.TYPED,
        reserved=reserved,
    )


@pytest.mark.parametrize("item", OBSERVED, ids=lambda item: item.id)
def test_the_service_refuses_what_is_reserved(
    session: Session, ward: Ward, stay: Stay, item: Any
) -> None:
    with pytest.raises(Invalid) as refused:
        _record(session, ward, stay, item, ("ciwa-ar",))
    assert set(refused.value.fields) == {f"ciwa-ar.{item.id}"}
    assert "a nurse rates this" in refused.value.fields[f"ciwa-ar.{item.id}"]
    _record(session, ward, stay, item, ())


@pytest.mark.parametrize("item", ASKED, ids=lambda item: item.id)
def test_what_is_only_asked_is_theirs(session: Session, ward: Ward, stay: Stay, item: Any) -> None:
    assert len(ASKED) >= 17  # CIWA-B is mostly the patient's own rating
    _record(session, ward, stay, item, ("ciwa-b",), scale_key="ciwa-b")


def _form(ward: Ward, stay: Stay, name: str, **answers: str) -> dict[str, str]:
    return {
        "key": str(uuid4()),
        **opens(ward.staff[name]),
        "opened_for": str(stay.id),
        "outcome": "assessed",
    } | answers


def test_the_sheet_says_so_and_a_nurse_is_not_told(ward: Ward, client: Client, stay: Stay) -> None:
    path = f"/stays/{stay.id}"
    assert "For a nurse." in client("tess").get(f"{path}/record").text
    assert "For a nurse." not in client("nora").get(f"{path}/record").text
    for name, status in (("tess", 422), ("nora", 303)):
        browser = client(name)
        form = _form(ward, stay, name, **{"ciwa-ar.tremor": "4"})
        answer = browser.post(f"{path}/observations", data=form)
        assert answer.status_code == status, answer.text[:2000]
        if status == 422:
            assert "on this unit a nurse rates this" in answer.text


def test_a_technician_sees_that_there_is_a_note_and_not_what_it_says(
    session: Session, ward: Ward, client: Client, stay: Stay
) -> None:
    row = build.recorded(session, ward, stay, note="said she would not wake up")
    for path in (f"/stays/{stay.id}", f"/stays/{stay.id}/observations/{row.id}"):
        for name, sees in (("nora", True), ("theo", True), ("tess", False)):
            shown = client(name).get(path).text
            assert ("would not wake up" in shown) is sees, (name, path)
            assert ("as a note that nurses and physicians read" in shown) is not sees, (name, path)
