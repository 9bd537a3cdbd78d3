"""Raised once, brought up to date, worse, cleared, back again."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.alerts import queries
from backend.alerts import service as alerts
from backend.alerts.answers import service as answers
from backend.alerts.models import Alert, AlertState, Level, StepKind
from backend.audit.models import AuditEntry
from backend.core import clock
from backend.patients.models import Patient
from backend.stays import service as stays
from backend.stays.models import DischargeReason, Stay
from tests import build
from tests.alerts.build import kinds, minutes, observed, raised, taken, told
from tests.people import Ward

S = StepKind


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward)


@pytest.fixture
def at() -> datetime:
    return clock.now() - timedelta(hours=1)


def _close(session: Session, ward: Ward, alert: Alert, at: datetime, by: str = "nora") -> None:
    answers.close(
        session,
        ward.staff[by].id,
        alert,
        key=uuid4(),
        reason="Known and expected",
        at=at,
        may_close_emergency=by == "priya",
    )


def test_one_alert_per_patient_and_rule(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    first = raised(session, ward, stay, at=at)
    again = raised(session, ward, stay, at=at + minutes(5), value="9", observed_at=at + minutes(5))
    other = raised(session, ward, stay, at=at, rule="news2-5")
    assert again is first
    assert other is not first
    assert first.sentence == "NEWS2 is 9, 7 or more."
    assert first.raised_at == at
    assert kinds(session, first) == [S.RAISED, S.UPDATED]


def test_each_step_keeps_the_evidence_of_its_time(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at, value="8")
    raised(session, ward, stay, at=at + minutes(5), value="9")
    steps = queries.steps(session, alert.id)
    assert [step.detail["evidence"][0]["value"] for step in steps] == ["8", "9"]
    assert {step.detail["protocol_id"] for step in steps} == {alert.protocol_id}


def test_the_same_evidence_again_leaves_nothing_behind(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at)
    raised(session, ward, stay, at=at + minutes(5), observed_at=at)
    assert kinds(session, alert) == [S.RAISED]


def test_worse_alerts_again_from_the_foot_of_the_ladder(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at)
    taken(session, ward, alert, at=at + minutes(1))
    raised(session, ward, stay, at=at + minutes(5), level="emergency")
    assert (alert.level, alert.state, alert.rung) == (Level.EMERGENCY, AlertState.OPEN, 0)
    assert alert.next_step_at == at + minutes(10)
    assert kinds(session, alert)[-1] is S.WORSENED


def test_milder_never_lowers_the_level(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at, level="emergency")
    taken(session, ward, alert, at=at)
    raised(session, ward, stay, at=at + minutes(5), level="advisory")
    assert (alert.level, alert.state) == (Level.EMERGENCY, AlertState.ACKNOWLEDGED)


def test_what_a_newer_set_clears_is_over(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at)
    alerts.clear(session, alert, sentence="NEWS2 is 2, below 7.", now=at + minutes(9))
    assert (alert.state, alert.closed_at) == (AlertState.CLOSED, at + minutes(9))
    assert (alert.closed_by, alert.close_reason) == (None, "NEWS2 is 2, below 7.")
    assert kinds(session, alert) == [S.RAISED, S.CLEARED, S.CLOSED]


def test_a_cleared_emergency_waits_for_a_person_and_climbs_no_further(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at, level="emergency")
    alerts.clear(session, alert, sentence="NEWS2 is 2, below 7.", now=at + minutes(3))
    assert (alert.closed_at, alert.next_step_at) == (None, None)
    taken(session, ward, alert, at=at + minutes(4))
    assert alert.next_step_at is None
    _close(session, ward, alert, at + minutes(5))
    assert alert.closed_by == ward.staff["nora"].id


def test_what_comes_back_alerts_again(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at, level="emergency")
    taken(session, ward, alert, at=at)
    alerts.clear(session, alert, sentence="NEWS2 is 2, below 7.", now=at + minutes(3))
    raised(session, ward, stay, at=at + minutes(9), level="emergency", value="7")
    assert (alert.cleared_at, alert.state, alert.rung) == (None, AlertState.OPEN, 0)
    assert alert.next_step_at == at + minutes(14)
    assert kinds(session, alert)[-1] is S.RETURNED
    assert len(told(session, alert)) == 2


def test_clearing_twice_leaves_one_step(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at, level="emergency")
    for later in (3, 6):
        alerts.clear(session, alert, sentence="NEWS2 is 2.", now=at + minutes(later))
    assert kinds(session, alert) == [S.RAISED, S.CLEARED]
    assert alert.cleared_at == at + minutes(3)


def test_what_a_person_closed_is_not_raised_again_by_the_same_set(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    set_id = observed(session, ward, stay)
    closed = raised(session, ward, stay, at=at, observation_id=set_id)
    _close(session, ward, closed, at + minutes(5))
    again = raised(session, ward, stay, at=at + minutes(6), observation_id=set_id)
    assert again is closed
    assert queries.open_on_stay(session, stay.id) == []


@pytest.mark.parametrize("what", ["a newer set", "worse", "no set at all"])
def test_but_by_anything_new_it_is(
    session: Session, ward: Ward, stay: Stay, at: datetime, what: str
) -> None:
    set_id = None if what == "no set at all" else observed(session, ward, stay)
    closed = raised(session, ward, stay, at=at, observation_id=set_id)
    _close(session, ward, closed, at + minutes(5))
    if what == "a newer set":
        set_id = observed(session, ward, stay)
    level = "emergency" if what == "worse" else "urgent"
    new = raised(session, ward, stay, at=at + minutes(6), observation_id=set_id, level=level)
    assert new is not closed
    assert queries.open_on_stay(session, stay.id) == [new]


def test_what_only_a_newer_set_closed_is_raised_again_when_that_set_was_wrong(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    set_id = observed(session, ward, stay)
    closed = raised(session, ward, stay, at=at, observation_id=set_id)
    alerts.clear(session, closed, sentence="NEWS2 is 2.", now=at + minutes(3))
    again = raised(session, ward, stay, at=at + minutes(6), observation_id=set_id)
    assert again is not closed


def test_the_end_of_a_stay_ends_its_alerts(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at, level="emergency")
    alerts.close_all(session, ward.staff["priya"].id, stay, at=at, reason="Discharged: completed.")
    assert (alert.state, alert.next_step_at) == (AlertState.CLOSED, None)


def test_an_alert_left_open_by_an_earlier_stay_does_not_swallow_a_new_one(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    """A set typed after the discharge raises one on the old stay, maybe on another unit."""
    priya = ward.staff["priya"].id
    ended = clock.now() - timedelta(minutes=30)
    stays.discharge(session, priya, stay, at=ended, reason=DischargeReason.COMPLETED)
    left = raised(session, ward, stay, at=at)
    anew = build.stay(
        session,
        ward,
        bed="8",
        admitted_at=clock.now() - timedelta(minutes=10),
        patient_row=session.get_one(Patient, stay.patient_id),
    )
    new = raised(session, ward, anew, at=clock.now())
    assert left.closed_at is not None
    assert (new.stay_id, new.closed_at) == (anew.id, None)


def test_every_move_is_on_the_audit_trail(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at)
    alerts.clear(session, alert, sentence="NEWS2 is 2.", now=at + minutes(3))
    entries = session.scalars(
        select(AuditEntry).where(AuditEntry.action.startswith("alert.")).order_by(AuditEntry.id)
    ).all()
    assert [entry.action for entry in entries] == ["alert.raised", "alert.cleared", "alert.closed"]
    assert {entry.subject["alert_id"] for entry in entries} == {alert.id}
