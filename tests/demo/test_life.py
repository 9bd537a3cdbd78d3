"""The simulated staff: a history that holds together, told in figures, and a ward that goes on."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from backend.alerts.models import Alert
from backend.clinical import scale
from backend.core import clock
from backend.core.settings import settings
from backend.demo import describe, service
from backend.observations.models import Observation
from backend.observations.models import Score as ScoreRow
from backend.rounds.models import Round
from backend.stays.models import Placement, Stay
from tests.conftest import pointing_at, recreate, sessions_on

DAYS = 0.8


@pytest.fixture
def lived(
    server: str, fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[sessionmaker[Session]]:
    """A unit with most of a day behind it."""
    from backend.cli.migrate import upgrade  # noqa: PLC0415

    recreate(server, str(conninfo_to_dict(fresh_database)["dbname"]))
    with pointing_at(fresh_database):
        monkeypatch.setenv("VIGIL_DATA_DIR", str(tmp_path))
        settings.cache_clear()
        upgrade()
        service.make(lambda _: None, history=timedelta(days=DAYS))
        with sessions_on(fresh_database) as sessions:
            yield sessions


def test_its_history_holds_together_and_its_ward_goes_on(
    lived: sessionmaker[Session],
) -> None:
    now = clock.now()
    with lived() as session:
        unit_id = session.scalars(select(Stay.unit_id).limit(1)).one()
        sets = _how_many(session, Observation)
        _is_sound(session)
        told = "\n".join(describe.lines(session, unit_id, now))
    assert "MIMIC-III" in told
    assert "CTN-0097" in told
    assert f"{sets - _corrections(lived)} sets" in told

    stop = threading.Event()
    living = threading.Thread(target=service.live, args=(stop,), kwargs={"speed": 3600.0})
    living.start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with lived() as session:
            if _how_many(session, Observation) >= sets + 20:
                break
        time.sleep(0.2)
    stop.set()
    living.join(20)
    assert not living.is_alive()
    with lived() as session:
        assert _how_many(session, Observation) >= sets + 20
        _is_sound(session)


def _how_many(session: Session, kind: type[Observation]) -> int:
    return session.scalars(select(func.count()).select_from(kind)).one()


def _corrections(sessions: sessionmaker[Session]) -> int:
    corrected = Observation.supersedes_id.is_not(None)
    with sessions() as session:
        return session.scalars(select(func.count()).where(corrected)).one()


def _is_sound(session: Session) -> None:
    """What is stored is what the scales say now, and nothing of somebody who left is open."""
    for row in session.scalars(select(ScoreRow).where(ScoreRow.instrument.in_(scale.latest()))):
        instrument = scale.latest()[row.instrument]
        if row.answers and row.instrument not in {"news2", "acvpu"}:
            assert scale.score(instrument, row.answers).total == row.total
    left = select(Stay.id).where(Stay.discharged_at.is_not(None))
    open_alerts = select(Alert.id).where(Alert.stay_id.in_(left), Alert.closed_at.is_(None))
    assert session.scalars(open_alerts).all() == []
    open_rounds = select(Round.id).where(
        Round.stay_id.in_(left), Round.state.in_(["scheduled", "due", "late"])
    )
    assert session.scalars(open_rounds).all() == []
    lying = select(Placement.bed_id).where(Placement.until_at.is_(None))
    beds = session.scalars(lying).all()
    assert len(beds) == len(set(beds))
    ahead = select(Observation.id).where(Observation.entered_at < Observation.observed_at)
    assert session.scalars(ahead).all() == []
