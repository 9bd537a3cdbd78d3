"""What people may do about an alert, once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from backend.alerts import queries
from backend.alerts import service as alerts
from backend.alerts.answers import service as answers
from backend.alerts.models import Alert, AlertState, StepKind
from backend.core import clock
from backend.core.errors import Conflict, Invalid, NotAllowed
from backend.stays.models import Stay
from tests.alerts.build import CHARGE, NURSE, kinds, minutes, raised, taken, told
from tests.people import Ward

S = StepKind


@pytest.fixture
def at() -> datetime:
    return clock.now() - timedelta(hours=1)


@pytest.fixture
def alert(session: Session, ward: Ward, at: datetime) -> Alert:
    return raised(session, ward, at=at)


Deed = Callable[[Session, int, Alert, UUID, datetime], Alert]
DEEDS: dict[StepKind, Deed] = {
    S.SEEN: lambda session, by, alert, key, at: answers.see(session, by, alert, key=key, at=at),
    S.ACKNOWLEDGED: lambda session, by, alert, key, at: answers.acknowledge(
        session, by, alert, key=key, plan="Call the physician", recheck_minutes=30, at=at
    ),
    S.CALLED: lambda session, by, alert, key, at: answers.log_call(
        session, by, alert, key=key, called="Dr Vance", response="coming", read_back=True, at=at
    ),
    S.ESCALATED: lambda session, by, alert, key, at: answers.escalate(
        session, by, alert, key=key, at=at
    ),
    S.CLOSED: lambda session, by, alert, key, at: answers.close(
        session, by, alert, key=key, reason="Settled", at=at, may_close_emergency=False
    ),
}
each_deed = pytest.mark.parametrize("kind", list(DEEDS))


@each_deed
def test_a_retry_gets_the_first_answer(
    session: Session, ward: Ward, alert: Alert, at: datetime, kind: StepKind
) -> None:
    nora, key = ward.staff["nora"].id, uuid4()
    DEEDS[kind](session, nora, alert, key, at)
    before = (alert.state, alert.rung, alert.next_step_at, alert.recheck_at, alert.closed_at)
    DEEDS[kind](session, nora, alert, key, at + minutes(2))
    assert before == (
        alert.state,
        alert.rung,
        alert.next_step_at,
        alert.recheck_at,
        alert.closed_at,
    )
    assert kinds(session, alert) == [S.RAISED, kind]


@each_deed
def test_one_key_is_one_deed(
    session: Session, ward: Ward, alert: Alert, at: datetime, kind: StepKind
) -> None:
    """The same key from somebody else, on another alert or for another deed is not a retry."""
    nora, chen, key = ward.staff["nora"].id, ward.staff["chen"].id, uuid4()
    other = raised(session, ward, session.get_one(Stay, alert.stay_id), at=at, rule="news2-5")
    DEEDS[kind](session, nora, alert, key, at)
    another = S.SEEN if kind is not S.SEEN else S.CALLED
    for deed, by, which in ((kind, chen, alert), (kind, nora, other), (another, nora, alert)):
        with pytest.raises(Conflict, match="already sent"):
            DEEDS[deed](session, by, which, key, at)


def test_a_second_call_under_the_first_ones_key_is_not_lost(
    session: Session, ward: Ward, alert: Alert, at: datetime
) -> None:
    key = uuid4()
    DEEDS[S.CALLED](session, ward.staff["nora"].id, alert, key, at)
    with pytest.raises(Conflict, match="other values"):
        answers.log_call(
            session,
            ward.staff["nora"].id,
            alert,
            key=key,
            called="Dr Ilves",
            response="no answer",
            read_back=False,
            at=at,
        )


@each_deed
def test_nothing_more_can_be_done_to_a_closed_alert(
    session: Session, ward: Ward, alert: Alert, at: datetime, kind: StepKind
) -> None:
    nora = ward.staff["nora"].id
    DEEDS[S.CLOSED](session, nora, alert, uuid4(), at)
    with pytest.raises(Conflict, match="has been closed"):
        DEEDS[kind](session, nora, alert, uuid4(), at)


def test_seen_is_not_taken(session: Session, ward: Ward, alert: Alert, at: datetime) -> None:
    climbs_at = alert.next_step_at
    answers.see(session, ward.staff["nora"].id, alert, key=uuid4(), at=at + minutes(1))
    answers.see(session, ward.staff["chen"].id, alert, key=uuid4(), at=at + minutes(2))
    assert alert.state is AlertState.SEEN
    assert (alert.seen_at, alert.seen_by) == (at + minutes(1), ward.staff["nora"].id)
    assert alert.next_step_at == climbs_at


def test_taken_is_a_promise_with_a_name_a_plan_and_a_time(
    session: Session, ward: Ward, alert: Alert, at: datetime
) -> None:
    taken(session, ward, alert, at=at, plan="Call the physician", recheck_minutes=30)
    assert alert.state is AlertState.ACKNOWLEDGED
    assert alert.acknowledged_by == ward.staff["nora"].id
    assert alert.recheck_at == alert.next_step_at == at + minutes(30)
    assert alert.seen_at == at


def test_only_the_units_times_can_be_promised(
    session: Session, ward: Ward, alert: Alert, at: datetime
) -> None:
    with pytest.raises(Invalid) as refused:
        taken(session, ward, alert, at=at, recheck_minutes=45)
    assert refused.value.fields == {"recheck_minutes": "One of 15, 30, 60 minutes."}
    assert alert.state is AlertState.OPEN


def test_what_somebody_has_is_taken_over_only_knowingly(
    session: Session, ward: Ward, alert: Alert, at: datetime
) -> None:
    nora, chen = ward.staff["nora"].id, ward.staff["chen"].id
    taken(session, ward, alert, at=at)
    with pytest.raises(Conflict, match="Somebody else has taken this"):
        taken(session, ward, alert, at=at, by="chen")
    with pytest.raises(Conflict, match="Somebody else has taken this"):
        taken(session, ward, alert, at=at, by="chen", taking_over_from=ward.staff["priya"].id)
    taken(session, ward, alert, at=at + minutes(5), by="chen", taking_over_from=nora)
    assert (alert.acknowledged_by, alert.recheck_at) == (chen, at + minutes(20))


def test_a_promise_can_be_made_anew_by_who_made_it(
    session: Session, ward: Ward, alert: Alert, at: datetime
) -> None:
    taken(session, ward, alert, at=at)
    taken(session, ward, alert, at=at + minutes(10))
    assert alert.recheck_at == at + minutes(25)


def test_escalated_by_hand_the_next_is_told_now(
    session: Session, ward: Ward, alert: Alert, at: datetime
) -> None:
    answers.escalate(session, ward.staff["nora"].id, alert, key=uuid4(), at=at + minutes(2))
    assert told(session, alert) == [NURSE, CHARGE]
    assert alert.next_step_at == at + minutes(17)


def test_escalating_does_not_release_the_promise(
    session: Session, ward: Ward, alert: Alert, at: datetime
) -> None:
    taken(session, ward, alert, at=at)
    answers.escalate(session, ward.staff["nora"].id, alert, key=uuid4(), at=at + minutes(2))
    assert (alert.state, alert.next_step_at) == (AlertState.ACKNOWLEDGED, alert.recheck_at)


def test_nobody_stands_above_the_top(
    session: Session, ward: Ward, alert: Alert, at: datetime
) -> None:
    nora = ward.staff["nora"].id
    for _ in range(2):
        answers.escalate(session, nora, alert, key=uuid4(), at=at)
    assert alert.next_step_at is None
    with pytest.raises(Conflict, match="top of the ladder"):
        answers.escalate(session, nora, alert, key=uuid4(), at=at)
    assert alert.rung == 2


def test_escalating_to_the_top_does_not_release_the_promise_either(
    session: Session, ward: Ward, alert: Alert, at: datetime
) -> None:
    taken(session, ward, alert, at=at)
    for _ in range(2):
        answers.escalate(session, ward.staff["nora"].id, alert, key=uuid4(), at=at)
    with pytest.raises(Conflict, match="top of the ladder"):
        answers.escalate(session, ward.staff["nora"].id, alert, key=uuid4(), at=at)
    session.refresh(alert)
    assert alert.next_step_at == alert.recheck_at


def test_a_call_is_logged_with_who_how_what_and_read_back(
    session: Session, ward: Ward, alert: Alert, at: datetime
) -> None:
    answers.log_call(
        session,
        ward.staff["nora"].id,
        alert,
        key=uuid4(),
        called="Dr Vance",
        how="by phone",
        response="Comes in ten minutes",
        read_back=True,
        at=at,
    )
    step = queries.steps(session, alert.id)[-1]
    assert step.sentence == "Called Dr Vance by phone: Comes in ten minutes"
    assert (step.detail["read_back"], step.actor_id) == (True, ward.staff["nora"].id)
    assert alert.state is AlertState.OPEN


@pytest.mark.parametrize(
    ("level", "by_physician", "cleared", "closes"),
    [
        ("urgent", False, False, True),
        ("advisory", False, False, True),
        ("emergency", False, False, False),
        ("emergency", True, False, True),
        ("emergency", False, True, True),
    ],
)
def test_an_emergency_needs_newer_evidence_or_a_physician_to_close(
    *,
    session: Session,
    ward: Ward,
    at: datetime,
    level: str,
    by_physician: bool,
    cleared: bool,
    closes: bool,
) -> None:
    alert = raised(session, ward, at=at, level=level)
    if cleared:
        alerts.clear(session, alert, sentence="NEWS2 is 2.", now=at + minutes(1))

    def close() -> None:
        answers.close(
            session,
            ward.staff["nora"].id,
            alert,
            key=uuid4(),
            reason="Settled",
            at=at + minutes(2),
            may_close_emergency=by_physician,
        )

    if closes:
        close()
        assert (alert.close_reason, alert.next_step_at) == ("Settled", None)
        return
    with pytest.raises(NotAllowed, match="newer set"):
        close()
    assert alert.closed_at is None
