"""What a set raises and clears: over several scales, after a correction, beside a poisoned row."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from backend.alerts import queries as alerts
from backend.alerts.models import Level
from backend.clinical.deterioration import Seen
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.observations import evaluation, queries, service
from backend.observations.models import Observation
from backend.protocols import queries as protocols
from backend.stays.models import Stay
from tests import build
from tests.people import Ward

CALM = Vitals(respiratory_rate_per_min=16, spo2_percent=97)
WELL = Vitals(
    respiratory_rate_per_min=16,
    spo2_percent=97,
    on_oxygen=False,
    systolic_mmhg=120,
    pulse_per_min=70,
    temperature_c=Decimal("36.6"),
    consciousness="A",
)
SLOW = Vitals(respiratory_rate_per_min=10, spo2_percent=93)


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward, bed="9")


def seen(session: Session, ward: Ward, stay: Stay, minutes_ago: float, **sheet: Any) -> Observation:
    at = clock.now() - timedelta(minutes=minutes_ago)
    return build.recorded(session, ward, stay, observed_at=at, **sheet)


def called(session: Session, stay: Stay) -> set[str]:
    return {alert.rule for alert in alerts.open_on_stay(session, stay.id)}


def bed_9(session: Session, ward: Ward, stay: Stay) -> list[Observation]:
    """A falling score, and breathing that falls with it."""
    return [
        seen(session, ward, stay, 50, vitals=CALM),
        seen(session, ward, stay, 40, answers=build.ciwa_b(30)),
        seen(session, ward, stay, 20, answers=build.ciwa_b(14)),
        seen(session, ward, stay, 5, vitals=SLOW),
    ]


def test_scores_that_fall_with_the_breathing_call(session: Session, ward: Ward, stay: Stay) -> None:
    bed_9(session, ward, stay)
    (alert,) = alerts.open_on_stay(session, stay.id)
    assert (alert.rule, alert.level) == ("over-sedation", Level.URGENT)
    assert "fell from 30 to 14" in alert.sentence


def test_a_correction_of_any_value_that_it_rests_on_takes_it_back(
    session: Session, ward: Ward, stay: Stay
) -> None:
    """The score had never fallen: 30 was typed for another bed."""
    sets = bed_9(session, ward, stay)
    sheet = build.sheet(answers=build.ciwa_b(14), observed_at=sets[1].observed_at)
    service.correct(
        session,
        ward.staff["nora"].id,
        stay,
        key=uuid4(),
        supersedes_id=sets[1].id,
        reason="digits typed for another bed",
        sheet=sheet,
    )
    assert called(session, stay) == set()


def test_a_late_set_raises_only_what_still_holds(session: Session, ward: Ward, stay: Stay) -> None:
    seen(session, ward, stay, 5, vitals=WELL)
    seen(session, ward, stay, 30, vitals=Vitals(respiratory_rate_per_min=7))
    assert called(session, stay) == set()
    seen(session, ward, stay, 1, vitals=Vitals(respiratory_rate_per_min=7))
    assert "breathing-8" in called(session, stay)


def test_a_set_that_nobody_can_read_is_a_flag_and_stops_no_other(
    session: Session, ward: Ward, stay: Stay, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned = seen(session, ward, stay, 30, vitals=CALM)
    read = queries.seen

    def restore(stored: queries.StoredSet) -> Seen:
        if stored.observation.id == poisoned.id:
            raise KeyError("a definition that is gone")
        return read(stored)

    monkeypatch.setattr(queries, "seen", restore)
    monkeypatch.setattr(queries, "_read", {})
    seen(session, ward, stay, 10, vitals=Vitals(respiratory_rate_per_min=7))
    assert {"cannot-evaluate/sets", "breathing-8"} <= called(session, stay)
    monkeypatch.undo()
    seen(session, ward, stay, 1, vitals=CALM)
    assert "cannot-evaluate/sets" not in called(session, stay)


def test_a_rule_that_cannot_be_worked_out_is_a_flag_until_it_can(
    session: Session, ward: Ward, stay: Stay
) -> None:
    in_force = protocols.in_force(session, ward.unit.id, at=clock.now())
    lost = tuple(
        replace(rule, words={"word": "gone"}) if rule.id == "band-severe/ciwa-b" else rule
        for rule in in_force.protocol.rules
    )
    broken = replace(in_force, protocol=replace(in_force.protocol, rules=lost))
    seen(session, ward, stay, 1, answers=build.ciwa_b(30))
    nora = ward.staff["nora"].id
    evaluation.evaluate(session, nora, stay, in_force=broken, now=clock.now())
    (flag,) = alerts.open_on_stay(session, stay.id)
    assert flag.rule == "cannot-evaluate/rules"
    assert "(CIWA-B severe)" in flag.sentence
    evaluation.evaluate(session, nora, stay, in_force=in_force, now=clock.now())
    assert called(session, stay) == set()
