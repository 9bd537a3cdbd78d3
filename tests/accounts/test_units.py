"""A unit has a clock, shifts and beds that exist, or it is not made."""

from datetime import time
from typing import Any

import pytest
from sqlalchemy.orm import Session

from backend.accounts.units import queries, service
from backend.accounts.units.models import Unit
from backend.core.errors import Conflict, Invalid
from tests.people import Ward


def opened(session: Session, ward: Ward, **fields: Any) -> Unit:
    values: dict[str, Any] = {
        "code": "Willow",
        "name": "Willow  Unit ",
        "time_zone": "America/New_York",
        "shift_starts": [time(19), time(7)],
    } | fields
    return service.create(session, ward.staff["ada"].id, **values)


def test_a_unit_is_found_by_its_code(session: Session, ward: Ward) -> None:
    unit = opened(session, ward)
    assert (unit.code, unit.name, unit.shift_starts) == (
        "willow",
        "Willow Unit",
        [time(7), time(19)],
    )
    assert queries.by_code(session, " WILLOW ") is unit
    assert queries.by_code(session, "birch") is None


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"code": ""}, "code"),
        ({"code": "a b"}, "code"),
        ({"code": "x" * 41}, "code"),
        ({"name": " "}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"time_zone": "+02:00"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"shift_starts": []}, "shift_starts"),
        ({"shift_starts": [time(7), time(7)]}, "shift_starts"),
        ({"shift_starts": [time(hour) for hour in range(7)]}, "shift_starts"),
    ],
)
def test_a_unit_that_cannot_be_is_refused(
    session: Session, ward: Ward, fields: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(Invalid) as refused:
        opened(session, ward, **fields)
    assert list(refused.value.fields) == [wrong]


def test_a_code_is_given_once(session: Session, ward: Ward) -> None:
    with pytest.raises(Conflict):
        opened(session, ward, code="LANTERN")


def test_new_beds_stand_behind_those_that_are_there(session: Session, ward: Ward) -> None:
    service.add_beds(session, ward.staff["ada"].id, ward.unit, labels=["14", "13"], room="N")
    labels = [bed.label for bed in queries.beds(session, ward.unit.id)]
    assert labels == [*(str(number) for number in range(1, 13)), "14", "13"]


@pytest.mark.parametrize("labels", [["20", "7"], ["20", "20"]])
def test_two_beds_with_one_label_are_refused_and_none_is_added(
    session: Session, ward: Ward, labels: list[str]
) -> None:
    with pytest.raises(Conflict):
        service.add_beds(session, ward.staff["ada"].id, ward.unit, labels=labels)
    assert len(queries.beds(session, ward.unit.id)) == 12


@pytest.mark.parametrize("label", ["", " ", "x" * 21, "a\x00", "a\nb" * 9])
def test_a_label_fits_on_a_plate(session: Session, ward: Ward, label: str) -> None:
    with pytest.raises(Invalid):
        service.add_beds(session, ward.staff["ada"].id, ward.unit, labels=[label])
