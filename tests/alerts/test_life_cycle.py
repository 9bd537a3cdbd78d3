"""Whatever happens to an alert, in whatever order, silence is never for good."""

from datetime import timedelta
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.alerts import queries
from backend.alerts import service as alerts
from backend.alerts.answers import service as answers
from backend.alerts.models import Alert, AlertState, AlertStep, Level, StepKind
from backend.core import clock
from backend.core.errors import Conflict, NotAllowed
from backend.protocols import queries as protocols
from tests import build
from tests.alerts.build import kinds, let_time_pass, minutes, observed, raised, taken
from tests.people import Ward

PEOPLE = ("nora", "chen", "priya")
LEVELS = ("advisory", "urgent", "emergency")
# A kind of step for each state that it may leave behind, beside those that change no state.
LEADS_TO = {
    StepKind.RAISED: AlertState.OPEN,
    StepKind.WORSENED: AlertState.OPEN,
    StepKind.RETURNED: AlertState.OPEN,
    StepKind.KEPT: AlertState.OPEN,
    StepKind.ACKNOWLEDGED: AlertState.ACKNOWLEDGED,
    StepKind.LAPSED: AlertState.LAPSED,
    StepKind.CLOSED: AlertState.CLOSED,
}


class Life(RuleBasedStateMachine):
    """One patient, one rule, three people, a watch, and time."""

    session: Session
    ward: Ward

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = self.session.begin_nested()
        self.stay = build.stay(self.session, self.ward)
        self.now = clock.now() - timedelta(hours=40)
        self.ended: list[int] = []

    def teardown(self) -> None:
        self.savepoint.rollback()
        self.session.expunge_all()

    @property
    def alert(self) -> Alert:
        return self.session.scalars(select(Alert).order_by(Alert.id.desc()).limit(1)).one()

    @initialize(level=st.sampled_from(LEVELS))
    def begins(self, level: str) -> None:
        self.meets_it(level=level, by_a_new_set=True)

    @rule(level=st.sampled_from(LEVELS), by_a_new_set=st.booleans())
    def meets_it(self, level: str, *, by_a_new_set: bool) -> None:
        set_id = observed(self.session, self.ward, self.stay) if by_a_new_set else None
        before = self._open()
        found = raised(
            self.session,
            self.ward,
            self.stay,
            at=self.now,
            level=level,
            observation_id=set_id,
            value=str(set_id or "missed"),
        )
        assert found.closed_at is None
        if before is not None:
            assert found.id == before.id
            height = alerts.HEIGHT
            assert height[found.level] >= height[Level(level)]

    @rule()
    def no_longer_meets_it(self) -> None:
        if (alert := self._open()) is not None:
            alerts.clear(self.session, alert, sentence="NEWS2 is 1.", now=self.now)
            assert alert.next_step_at is None
            assert (alert.closed_at is None) == (alert.level is Level.EMERGENCY)

    @rule(by=st.sampled_from(PEOPLE))
    @precondition(lambda self: self._open())
    def is_seen(self, by: str) -> None:
        alert = self.alert
        was = alert.next_step_at
        answers.see(self.session, self._id(by), alert, key=uuid4(), at=self.now)
        assert alert.next_step_at == was

    @rule(by=st.sampled_from(PEOPLE), knowingly=st.booleans(), choice=st.integers(0, 2))
    @precondition(lambda self: self._open())
    def is_taken(self, by: str, choice: int, *, knowingly: bool) -> None:
        alert = self.alert
        protocol = protocols.by_id(self.session, alert.protocol_id).protocol
        had = alert.acknowledged_by if alert.state is AlertState.ACKNOWLEDGED else None
        try:
            taken(
                self.session,
                self.ward,
                alert,
                at=self.now,
                by=by,
                recheck_minutes=protocol.recheck_minutes[alert.level][choice],
                taking_over_from=had if knowingly else None,
            )
        except Conflict:
            assert had not in (None, self._id(by))
            assert not knowingly
        else:
            assert alert.acknowledged_by == self._id(by)

    @rule(by=st.sampled_from(PEOPLE))
    @precondition(lambda self: self._open())
    def somebody_is_called(self, by: str) -> None:
        answers.log_call(
            self.session,
            self._id(by),
            self.alert,
            key=uuid4(),
            called="Dr Vance",
            response="on the way",
            read_back=True,
            at=self.now,
        )

    @rule(by=st.sampled_from(PEOPLE))
    @precondition(lambda self: self._open())
    def is_sent_up(self, by: str) -> None:
        alert = self.alert
        rung = alert.rung
        try:
            answers.escalate(self.session, self._id(by), alert, key=uuid4(), at=self.now)
        except Conflict:
            assert rung == self._top(alert)
        else:
            assert alert.rung == rung + 1

    @rule(by=st.sampled_from(PEOPLE))
    @precondition(lambda self: self._open())
    def is_closed(self, by: str) -> None:
        alert = self.alert
        physician = by == "priya"
        try:
            answers.close(
                self.session,
                self._id(by),
                alert,
                key=uuid4(),
                reason="Settled",
                at=self.now,
                may_close_emergency=physician,
            )
        except NotAllowed:
            assert alert.level is Level.EMERGENCY
            assert alert.cleared_at is None
            assert not physician
        else:
            self.ended.append(alert.id)

    @rule(passed=st.integers(1, 45), awake=st.booleans())
    def time_passes(self, passed: int, *, awake: bool) -> None:
        self.now += minutes(passed)
        if awake:
            let_time_pass(self.session, self.now)
            alert = self.alert
            assert alert.next_step_at is None or alert.next_step_at > self.now

    def _open(self) -> Alert | None:
        return next(iter(queries.open_on_stay(self.session, self.stay.id)), None)

    def _id(self, name: str) -> int:
        return self.ward.staff[name].id

    def _top(self, alert: Alert) -> int:
        return len(alerts.rungs(self.session, alert)) - 1

    @invariant()
    def there_is_at_most_one_open_alert(self) -> None:
        assert len(queries.open_on_stay(self.session, self.stay.id)) <= 1

    @invariant()
    def silence_is_never_for_good(self) -> None:
        """What is open has a next step, unless nobody stands above or a newer set cleared it."""
        alert = self._open()
        if alert is None or alert.next_step_at is not None:
            return
        at_the_top = alert.rung == self._top(alert)
        assert alert.cleared_at or (at_the_top and alert.state is not AlertState.ACKNOWLEDGED)

    @invariant()
    def a_promise_ends_when_it_said(self) -> None:
        alert = self._open()
        if alert is not None and alert.state is AlertState.ACKNOWLEDGED and not alert.cleared_at:
            assert alert.next_step_at == alert.recheck_at

    @invariant()
    def what_has_ended_rests(self) -> None:
        for ended in self.session.scalars(select(Alert).where(Alert.closed_at.is_not(None))):
            assert ended.next_step_at is None
            assert kinds(self.session, ended)[-1] is StepKind.CLOSED

    @invariant()
    def the_steps_tell_how_it_came_to_stand_so(self) -> None:
        for alert in self.session.scalars(select(Alert)):
            states = [LEADS_TO[kind] for kind in kinds(self.session, alert) if kind in LEADS_TO]
            seen = alert.state is AlertState.SEEN
            assert states[-1] == (AlertState.OPEN if seen else alert.state)

    @invariant()
    def who_was_told_is_written_down(self) -> None:
        """As many rungs as it has climbed since it was last raised anew."""
        for alert in self.session.scalars(select(Alert)):
            steps = queries.steps(self.session, alert.id)
            anew = [
                place
                for place, step in enumerate(steps)
                if step.kind in (StepKind.RAISED, StepKind.WORSENED, StepKind.RETURNED)
            ]
            since = [step for step in steps[anew[-1] :] if "told" in step.detail]
            assert len(since) == alert.rung + 1

    @invariant()
    def no_key_is_used_twice(self) -> None:
        keys = self.session.execute(
            select(func.count(AlertStep.key), func.count(AlertStep.key.distinct()))
        ).one()
        assert keys[0] == keys[1]


def test_silence_is_never_for_good(session: Session, ward: Ward) -> None:
    life = type("OneLife", (Life,), {"session": session, "ward": ward})
    run_state_machine_as_test(
        life,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
