"""Real commits, many at once: one open alert, one winner, one step."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from backend import watch
from backend.alerts import service as alerts
from backend.alerts.answers import service as answers
from backend.alerts.ladder import service as ladder
from backend.alerts.models import Alert, AlertState, AlertStep, StepKind
from backend.core import clock
from backend.core.postgres import WATCH
from backend.protocols import queries as protocols
from backend.stays.models import Stay
from tests import build
from tests.alerts.build import minutes, raised, taken, verdict
from tests.at_once import at_once, waiting
from tests.conftest import sessions_on
from tests.people import Ward, the_ward

Sessions = sessionmaker[Session]


@pytest.fixture
def sessions(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sessions]:
    """Connections of the application on a database of our own, the watch's too."""
    with sessions_on(fresh_database) as made, sessions_on(fresh_database, WATCH) as its:
        monkeypatch.setattr(watch, "watch_session", its)
        yield made


@pytest.fixture
def at() -> datetime:
    return clock.now() - timedelta(hours=1)


@pytest.fixture
def ward(sessions: Sessions) -> Ward:
    with sessions() as session:
        return the_ward(session)


@pytest.fixture
def stay(sessions: Sessions, ward: Ward) -> Stay:
    with sessions.begin() as session:
        return build.stay(session, ward)


@pytest.fixture
def alert_id(sessions: Sessions, ward: Ward, stay: Stay, at: datetime) -> int:
    with sessions.begin() as session:
        return raised(session, ward, stay, at=at).id


def _raise(sessions: Sessions, ward: Ward, stay: Stay, value: str) -> int:
    with sessions.begin() as session:
        at = clock.now()
        return alerts.raise_alert(
            session,
            stay=stay,
            verdict=verdict(value=value),
            protocol_id=protocols.in_force(session, ward.unit.id, at=at).id,
            now=at,
            actor_id=ward.staff["nora"].id,
        ).id


def _answer(sessions: Sessions, alert_id: int, deed: Callable[[Session, Alert], object]) -> None:
    with sessions.begin() as session:
        deed(session, session.get_one(Alert, alert_id))


def _standing(sessions: Sessions, alert_id: int) -> tuple[Alert, list[StepKind]]:
    with sessions() as session:
        steps = session.scalars(
            select(AlertStep.kind).where(AlertStep.alert_id == alert_id).order_by(AlertStep.id)
        )
        return session.get_one(Alert, alert_id), list(steps)


def test_sixteen_who_raise_at_once_raise_one(sessions: Sessions, ward: Ward, stay: Stay) -> None:
    found = at_once(*[partial(_raise, sessions, ward, stay, str(n)) for n in range(7, 23)])
    with sessions() as session:
        rows = session.scalars(select(Alert)).all()
        kinds = list(session.scalars(select(AlertStep.kind)))
    assert [row.id for row in rows] == [found[0]]
    assert set(found) == {found[0]}
    assert kinds.count(StepKind.RAISED) == 1
    assert kinds.count(StepKind.UPDATED) == 15


def test_raising_while_somebody_closes_ends_with_one_open_or_none_lost(
    sessions: Sessions, ward: Ward, stay: Stay
) -> None:
    """The raiser may find the open one gone between two looks; it must not fail, nor vanish."""
    for turn in range(8):
        first = _raise(sessions, ward, stay, str(turn))

        def close(session: Session, row: Alert) -> object:
            return answers.close(
                session,
                ward.staff["priya"].id,
                row,
                key=uuid4(),
                reason="Settled",
                at=clock.now(),
                may_close_emergency=True,
            )

        found = at_once(
            partial(_answer, sessions, first, close),
            *[partial(_raise, sessions, ward, stay, f"newer {n}") for n in range(3)],
        )
        assert all(isinstance(one, int) for one in found[1:]), found
        with sessions() as session:
            open_now = session.scalars(select(Alert).where(Alert.closed_at.is_(None))).all()
        assert len(open_now) <= 1
        assert set(found[1:]) <= {first, *(row.id for row in open_now)}


def test_two_sets_at_once_see_each_other(sessions: Sessions, ward: Ward, stay: Stay) -> None:
    """Mild, then twice moderate: neither of the last two raises it alone, together they must."""

    def record(session: Session, total: int, age: int) -> None:
        build.recorded(
            session,
            ward,
            stay,
            answers=build.ciwa_b(total),
            observed_at=clock.now() - minutes(age),
        )

    def second() -> None:
        with sessions.begin() as session:
            record(session, 33, 1)

    with sessions.begin() as session:
        record(session, 18, 40)
    with sessions.begin() as session:
        record(session, 26, 20)
        done = waiting(session, second)
    done.result(timeout=20)
    with sessions() as session:
        rules = set(session.scalars(select(Alert.rule)))
    assert "higher-band-twice/ciwa-b" in rules


def test_of_two_who_take_it_at_once_one_has_it_and_the_other_is_told(
    sessions: Sessions, ward: Ward, alert_id: int, at: datetime
) -> None:
    def take(by: str) -> None:
        _answer(sessions, alert_id, lambda session, row: taken(session, ward, row, at=at, by=by))

    found = at_once(lambda: take("nora"), lambda: take("chen"))
    row, kinds = _standing(sessions, alert_id)
    assert sorted(type(one).__name__ for one in found) == ["Conflict", "NoneType"]
    winner = ("nora", "chen")[found.index(None)]
    assert row.acknowledged_by == ward.staff[winner].id
    assert kinds == [StepKind.RAISED, StepKind.ACKNOWLEDGED]


def test_a_double_click_is_one_deed(
    sessions: Sessions, ward: Ward, alert_id: int, at: datetime
) -> None:
    key = uuid4()

    def take() -> None:
        _answer(sessions, alert_id, lambda session, row: taken(session, ward, row, at=at, key=key))

    assert at_once(take, take, take, take) == [None] * 4
    assert _standing(sessions, alert_id)[1] == [StepKind.RAISED, StepKind.ACKNOWLEDGED]


def test_taking_races_the_climb_and_neither_is_lost(
    sessions: Sessions, ward: Ward, alert_id: int
) -> None:
    """Either it climbed and was then taken, or it was taken in time and did not climb."""
    now = clock.now()

    def take() -> None:
        _answer(sessions, alert_id, lambda session, row: taken(session, ward, row, at=now))

    found = at_once(take, watch.turn)
    row, kinds = _standing(sessions, alert_id)
    assert found[0] is None
    assert row.state is AlertState.ACKNOWLEDGED
    assert row.next_step_at == row.recheck_at
    climbed = kinds.count(StepKind.ESCALATED)
    assert row.rung == climbed
    assert climbed in (0, 1, 2)
    assert kinds[-1] is StepKind.ACKNOWLEDGED


def test_closing_races_the_climb_and_what_is_closed_stays_closed(
    sessions: Sessions, ward: Ward, alert_id: int
) -> None:
    def close(session: Session, row: Alert) -> object:
        return answers.close(
            session,
            ward.staff["nora"].id,
            row,
            key=uuid4(),
            reason="Settled",
            at=clock.now(),
            may_close_emergency=False,
        )

    at_once(lambda: _answer(sessions, alert_id, close), watch.turn, watch.turn)
    row, kinds = _standing(sessions, alert_id)
    assert (row.state, row.next_step_at) == (AlertState.CLOSED, None)
    assert kinds[-1] is StepKind.CLOSED
    assert kinds.count(StepKind.CLOSED) == 1


def _close(session: Session, row: Alert, ward: Ward) -> None:
    answers.close(
        session,
        ward.staff["nora"].id,
        row,
        key=uuid4(),
        reason="Settled",
        at=clock.now(),
        may_close_emergency=False,
    )


def test_a_set_that_comes_while_somebody_closes_is_not_swallowed(
    sessions: Sessions, ward: Ward, stay: Stay, alert_id: int
) -> None:
    """What was closed was closed without knowing of it, so it is raised anew."""
    with sessions.begin() as session:
        _close(session, session.get_one(Alert, alert_id), ward)
        second = waiting(session, partial(_raise, sessions, ward, stay, "9"))
    assert second.result(timeout=20) != alert_id
    assert _standing(sessions, alert_id)[1][-1] is StepKind.CLOSED


def test_what_the_session_read_before_waiting_is_read_again(
    sessions: Sessions, ward: Ward, stay: Stay, at: datetime
) -> None:
    """The recorder has the open alerts in its memory; a worse set of a colleague is in between."""
    with sessions.begin() as session:
        raised(session, ward, stay, at=at, level="advisory", rule="news2-7")

    def after_reading() -> None:
        with sessions.begin() as session:
            in_memory = list(session.scalars(select(Alert)))
            raised(session, ward, stay, at=at, level="urgent", value="7")
            assert len(in_memory) == 1

    with sessions.begin() as session:
        alert = raised(session, ward, stay, at=at, level="emergency", value="9")
        second = waiting(session, after_reading)
    second.result(timeout=20)
    row, kinds = _standing(sessions, alert.id)
    assert row.level == "emergency"
    assert kinds == [StepKind.RAISED, StepKind.WORSENED, StepKind.UPDATED]


def test_a_person_and_a_newer_set_close_it_once(
    sessions: Sessions, ward: Ward, alert_id: int
) -> None:
    def clear() -> None:
        with sessions.begin() as session:
            row = session.get_one(Alert, alert_id)
            alerts.clear(session, row, sentence="NEWS2 is 2.", now=clock.now())

    with sessions.begin() as session:
        _close(session, session.get_one(Alert, alert_id), ward)
        second = waiting(session, clear)
    second.result(timeout=20)
    row, kinds = _standing(sessions, alert_id)
    assert kinds == [StepKind.RAISED, StepKind.CLOSED]
    assert (row.closed_by, row.close_reason) == (ward.staff["nora"].id, "Settled")


def test_watches_side_by_side_take_each_step_once(
    sessions: Sessions, ward: Ward, at: datetime
) -> None:
    with sessions.begin() as session:
        ids = [
            raised(session, ward, build.stay(session, ward, bed=str(bed)), at=at).id
            for bed in range(1, 9)
        ]
    moved = at_once(*[watch.turn] * 4)
    assert sum(moved) == 16  # type: ignore[arg-type]  # two rungs each
    for one in ids:
        row, kinds = _standing(sessions, one)
        assert (row.rung, row.next_step_at) == (2, None)
        assert kinds == [StepKind.RAISED, StepKind.ESCALATED, StepKind.ESCALATED]
    assert watch.turn() == 0


def test_a_watch_that_hangs_in_the_middle_holds_up_only_its_own_row(
    sessions: Sessions, ward: Ward, stay: Stay, alert_id: int, at: datetime
) -> None:
    with sessions.begin() as session:
        other = raised(session, ward, stay, at=at, rule="news2-5").id
    with sessions() as hung:
        held = ladder.past_its_time(hung, clock.now(), ())
        assert held is not None
        assert watch.turn() == 2
        hung.rollback()
    assert watch.turn() == 2
    assert {_standing(sessions, one)[0].rung for one in (alert_id, other)} == {2}


def test_what_was_not_committed_is_done_again_after_a_restart(
    sessions: Sessions, alert_id: int
) -> None:
    """Nothing is kept in memory: a watch that dies half-way leaves the row as it was."""
    with sessions() as dying:
        row = ladder.past_its_time(dying, clock.now(), ())
        assert row is not None
        ladder.move_on(dying, row, clock.now())
    assert _standing(sessions, alert_id)[1] == [StepKind.RAISED]
    watch.turn()
    assert _standing(sessions, alert_id)[1] == [StepKind.RAISED, *[StepKind.ESCALATED] * 2]
