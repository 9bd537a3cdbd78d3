"""Silence climbs, a promise that is not kept lapses, an outage slows nothing down."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from backend.alerts import service as alerts
from backend.alerts.answers import service as answers
from backend.alerts.ladder import service as ladder
from backend.alerts.models import AlertState, StepKind
from backend.core import clock
from backend.stays.models import Stay
from tests import build
from tests.alerts.build import (
    CHARGE,
    NURSE,
    PHYSICIAN,
    kinds,
    let_time_pass,
    minutes,
    observed,
    raised,
    taken,
    told,
)
from tests.people import Ward

S = StepKind


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward)


@pytest.fixture
def at() -> datetime:
    return clock.now() - timedelta(hours=5)


@pytest.mark.parametrize(
    ("level", "times"),
    [
        ("emergency", [0, 5, 10, 15]),
        ("urgent", [0, 15, 30]),
        ("advisory", [0, 60, 240]),
    ],
)
def test_silence_climbs_at_the_minutes_of_the_protocol(
    *, session: Session, ward: Ward, stay: Stay, at: datetime, level: str, times: list[int]
) -> None:
    alert = raised(session, ward, stay, at=at, level=level)
    for rung, after in enumerate(times):
        if after:
            let_time_pass(session, at + minutes(after - 0.1))
            assert alert.rung == rung - 1
            let_time_pass(session, at + minutes(after))
        assert alert.rung == rung
    assert alert.next_step_at is None
    assert len(told(session, alert)) == len(times)
    assert told(session, alert)[-1] in (PHYSICIAN, "the medical director")


def test_seeing_it_does_not_stop_the_climb(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at)
    answers.see(session, ward.staff["nora"].id, alert, key=uuid4(), at=at)
    let_time_pass(session, at + minutes(15))
    assert told(session, alert) == [NURSE, CHARGE]


def test_a_promise_stops_the_climb_until_it_is_due(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at)
    taken(session, ward, alert, at=at + minutes(10), recheck_minutes=30)
    let_time_pass(session, at + minutes(39))
    assert kinds(session, alert) == [S.RAISED, S.ACKNOWLEDGED]
    let_time_pass(session, at + minutes(40))
    assert alert.state is AlertState.LAPSED
    assert kinds(session, alert)[2:] == [S.LAPSED, S.ESCALATED]
    assert told(session, alert) == [NURSE, CHARGE]
    assert alert.next_step_at == at + minutes(55)


def test_a_lapsed_alert_stays_lapsed_until_somebody_takes_it(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at)
    taken(session, ward, alert, at=at)
    let_time_pass(session, at + minutes(15))
    answers.see(session, ward.staff["chen"].id, alert, key=uuid4(), at=at + minutes(16))
    seen = alert.state
    taken(session, ward, alert, at=at + minutes(17), by="chen")
    assert (seen, alert.state) == (AlertState.LAPSED, AlertState.ACKNOWLEDGED)


def test_who_looked_again_has_kept_the_promise_even_if_it_still_holds(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    """It opens again for somebody to take, and does not climb at once."""
    alert = raised(session, ward, stay, at=at)
    taken(session, ward, alert, at=at)
    set_id = observed(session, ward, stay, at + minutes(12))
    raised(
        session,
        ward,
        stay,
        at=at + minutes(13),
        observation_id=set_id,
        observed_at=at + minutes(12),
    )
    let_time_pass(session, at + minutes(15))
    assert (alert.state, alert.rung) == (AlertState.OPEN, 0)
    assert kinds(session, alert)[-1] is S.KEPT
    let_time_pass(session, at + minutes(30))
    assert told(session, alert) == [NURSE, CHARGE]


@pytest.mark.parametrize("what", ["a set observed before", "a round that was missed after"])
def test_but_not_who_only_wrote_down(
    session: Session, ward: Ward, stay: Stay, at: datetime, what: str
) -> None:
    alert = raised(session, ward, stay, at=at)
    taken(session, ward, alert, at=at + minutes(5))
    before = what == "a set observed before"
    observed_at = at + minutes(4 if before else 8)
    raised(
        session,
        ward,
        stay,
        at=at + minutes(9),
        observation_id=observed(session, ward, stay, observed_at) if before else None,
        observed_at=observed_at,
        value="9",
    )
    let_time_pass(session, at + minutes(20))
    assert alert.state is AlertState.LAPSED


def test_a_promise_that_lapses_at_the_top_is_still_shown_as_lapsed(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at)
    let_time_pass(session, at + minutes(30))
    taken(session, ward, alert, at=at + minutes(31), by="priya")
    let_time_pass(session, at + minutes(46))
    assert (alert.state, alert.next_step_at) == (AlertState.LAPSED, None)
    assert kinds(session, alert)[-1] is S.LAPSED


def test_after_an_outage_all_who_should_know_are_told_at_once(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at, level="emergency")
    let_time_pass(session, at + minutes(20))
    assert (alert.rung, alert.next_step_at) == (3, None)


def test_a_late_watch_does_not_put_off_the_next_rung(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    alert = raised(session, ward, stay, at=at, level="emergency")
    let_time_pass(session, at + minutes(7))
    assert alert.next_step_at == at + minutes(10)


def test_what_is_closed_or_cleared_never_climbs(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    cleared = raised(session, ward, stay, at=at, level="emergency")
    alerts.clear(session, cleared, sentence="NEWS2 is 2.", now=at + minutes(1))
    closed = raised(session, ward, stay, at=at, rule="news2-5")
    answers.close(
        session,
        ward.staff["nora"].id,
        closed,
        key=uuid4(),
        reason="Settled",
        at=at + minutes(1),
        may_close_emergency=False,
    )
    assert ladder.past_its_time(session, at + timedelta(days=1), ()) is None


def test_an_alert_that_cannot_be_evaluated_is_left_alone(
    session: Session, ward: Ward, stay: Stay, at: datetime
) -> None:
    poisoned = raised(session, ward, stay, at=at)
    well = raised(session, ward, stay, at=at, rule="news2-5")
    assert ladder.past_its_time(session, at + minutes(20), [poisoned.id]) is well
