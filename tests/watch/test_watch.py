"""The watch: it moves what is past its time, survives poison, and says that it is awake."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from backend import watch
from backend.alerts.models import Alert
from backend.core import clock
from backend.core.postgres import WATCH
from backend.rounds import service as rounds
from backend.rounds.models import Round, RoundState
from tests import build
from tests.conftest import sessions_on
from tests.people import the_ward


@pytest.fixture
def sessions(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[sessionmaker[Session]]:
    """The watch, and we, on a database of our own."""
    with sessions_on(fresh_database) as made, sessions_on(fresh_database, WATCH) as its:
        monkeypatch.setattr(watch, "watch_session", its)
        yield made


def _stays(sessions: sessionmaker[Session], *beds: str) -> list[int]:
    with sessions.begin() as session:
        ward = the_ward(session)
        admitted = clock.now() - timedelta(minutes=45)
        return [
            build.stay(session, ward, bed=bed, admitted_at=admitted, orders={"ciwa-b": 240}).id
            for bed in beds
        ]


def test_a_turn_moves_everything_that_is_past_its_time(sessions: sessionmaker[Session]) -> None:
    _stays(sessions, "1", "2", "3")
    assert watch.turn() == 6  # each scheduled -> due -> late
    assert watch.turn() == 0
    with sessions() as session:
        assert set(session.scalars(select(Round.state))) == {RoundState.LATE}
        assert len(session.scalars(select(Alert)).all()) == 3


def test_a_poisoned_row_becomes_an_alarm_and_the_others_go_on(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned, well = _stays(sessions, "1", "2")
    honest = rounds.move_on

    def move_on(session: Session, row: Round, now: object) -> None:
        if row.stay_id == poisoned:
            raise ZeroDivisionError
        honest(session, row, now)  # type: ignore[arg-type]

    monkeypatch.setitem(watch.JOBS, "rounds", (rounds.past_its_time, move_on))
    watch.turn()
    watch.turn()
    with sessions() as session:
        rules = {
            alert.stay_id: (alert.rule, alert.level.value)
            for alert in session.scalars(select(Alert))
        }
    assert rules == {
        poisoned: ("cannot-evaluate/rounds", "urgent"),
        well: ("overdue/ciwa-b", "advisory"),
    }


def test_a_heartbeat_makes_the_pulse_young(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        assert session.execute(text("SELECT watch_age_s FROM pulse")).scalar() is None
    watch.beat()
    with sessions() as session:
        age = session.execute(text("SELECT watch_age_s FROM pulse")).scalar_one()
    assert 0 <= age < 5


def test_a_deed_moves_the_change_number_and_a_view_does_not(
    sessions: sessionmaker[Session],
) -> None:
    from backend.audit import service as audit  # noqa: PLC0415

    def change() -> str:
        with sessions() as session:
            return str(session.execute(text("SELECT change FROM pulse")).scalar_one())

    (stay_id,) = _stays(sessions, "1")
    before = change()
    with sessions.begin() as session:
        ward = the_ward(session)
        nora = ward.staff["nora"].id
        for _ in range(2):
            audit.viewed(session, nora, stay_id=stay_id, unit_id=ward.unit.id, now=clock.now())
    assert change() == before
    with sessions.begin() as session:
        audit.record(session, nora, "test.done", unit_id=ward.unit.id, stay_id=stay_id)
    assert int(change()) > int(before)
