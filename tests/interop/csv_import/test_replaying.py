"""A replay goes through the live path: real alerts and orders, an honest clock, and a clean end."""

import itertools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from backend.accounts.units import queries as units
from backend.accounts.units.models import Bed
from backend.alerts.models import Alert
from backend.core import clock
from backend.core.errors import Conflict, Invalid
from backend.interop.csv_import import replaying, storing
from backend.interop.csv_import.replaying import Played, replay
from backend.observations.models import Observation, Source
from backend.patients import service as patients
from backend.patients.models import Patient
from backend.rounds.models import ObservationOrder
from backend.stays import queries as stay_queries
from backend.stays import service as stays
from backend.stays.models import Placement, Stay
from tests.interop.csv_import.conftest import Row, ciwa_ar, mapping, row, written

Sessions = sessionmaker[Session]
Replays = Callable[..., Played]


@pytest.fixture
def replays(sessions: Sessions, source: str, tmp_path: Path) -> Replays:
    """`replays(rows)` plays them a million times as fast, each test on a unit of its own."""

    def run(
        rows: Sequence[Row], *, speed: float = 1e6, sets: int = 1000, beds: int | None = None
    ) -> Played:
        left = iter([True] * sets + [False])
        path = written(tmp_path / "records.csv", rows)
        unit = "replay-" + source.replace("_", "-")[-30:]
        return replay(
            sessions,
            path,
            mapping(source),
            unit,
            speed=speed,
            wait=lambda _until: next(left),
            beds=beds,
        )

    return run


def stays_of(session: Session, source: str) -> Sequence[Stay]:
    return session.scalars(
        select(Stay)
        .join(Patient, Patient.id == Stay.patient_id)
        .where(Patient.source == f"{source} replay")
        .order_by(Stay.id)
    ).all()


def sets_of(session: Session, stay: Stay) -> Sequence[Observation]:
    return session.scalars(
        select(Observation).where(Observation.stay_id == stay.id).order_by(Observation.id)
    ).all()


def test_a_course_is_played_now_through_the_live_path(
    sessions: Sessions, replays: Replays, source: str
) -> None:
    before = clock.now()
    played = replays([*ciwa_ar("08:00", 1), *ciwa_ar("10:00", 7, 7, 7), row("11:00", "x", 1)])
    assert (played.patients, played.stored, dict(played.refused)) == (1, 2, {})
    assert played.rejected == {"item not mapped": 1}
    with sessions() as session:
        (stay,) = stays_of(session, source)
        first, second = sets_of(session, stay)
        assert before <= stay.admitted_at <= first.observed_at < second.observed_at
        assert second.observed_at <= second.entered_at <= clock.now()
        assert (first.source, stay.source) == (Source.REPLAY, "replay")
        raised = session.scalars(select(Alert.rule).where(Alert.stay_id == stay.id)).all()
        ordered = session.scalars(
            select(ObservationOrder.instrument).where(ObservationOrder.stay_id == stay.id)
        ).all()
    assert "band-severe/ciwa-ar" in raised
    assert list(ordered) == ["ciwa-ar"]


def test_the_clock_of_the_file_runs_by_the_speed(
    sessions: Sessions, replays: Replays, source: str
) -> None:
    replays([row("08:00", "hr", 80, "bpm"), row("12:00", "hr", 84, "bpm")], speed=1440)
    with sessions() as session:
        (stay,) = stays_of(session, source)
        times = [one.observed_at for one in sets_of(session, stay)]
    assert times[1] - times[0] == timedelta(seconds=10)


def test_what_was_charted_late_comes_late(
    sessions: Sessions, replays: Replays, source: str
) -> None:
    """08:00 is written down after 09:00, and keeps its own time."""
    replays(
        [
            row("08:00", "hr", 80, "bpm", written="09:30"),
            row("09:00", "hr", 90, "bpm", written="09:00"),
            row("10:00", "hr", 100, "bpm", written="09:55"),
        ]
    )
    with sessions() as session:
        (stay,) = stays_of(session, source)
        sets = sets_of(session, stay)
    assert [one.pulse_per_min for one in sets] == [90, 80, 100]
    assert sets[1].observed_at < sets[0].observed_at < sets[2].observed_at


def test_the_end_leaves_nobody_in_bed_and_nothing_open(
    sessions: Sessions, replays: Replays, source: str
) -> None:
    rows = [one for who in ("a", "b") for one in ciwa_ar("08:00", 7, 7, 7, who=who)]
    assert replays(rows).stored == 2
    with sessions() as session:
        for stay in stays_of(session, source):
            assert stay.discharged_at is not None
            open_alerts = select(func.count()).where(
                Alert.stay_id == stay.id, Alert.closed_at.is_(None)
            )
            assert session.scalars(open_alerts).one() == 0
            in_bed = select(Placement).where(
                Placement.stay_id == stay.id, Placement.until_at.is_(None)
            )
            assert session.scalars(in_bed).all() == []


def test_stopping_it_ends_every_stay(sessions: Sessions, replays: Replays, source: str) -> None:
    rows = [row(f"{hour:02}:00", "hr", 80, "bpm", who=who) for hour in range(9) for who in "abc"]
    played = replays(rows, sets=5)
    assert (played.patients, played.stored) == (3, 5)
    with sessions() as session:
        assert all(stay.discharged_at for stay in stays_of(session, source))


def test_a_bed_that_falls_free_takes_the_next_patient(
    sessions: Sessions, replays: Replays, source: str
) -> None:
    replays([row("08:00", "hr", 80, "bpm", who="first")])  # a unit with twelve free beds
    rows = [row(seen, "hr", 80, "bpm", who=who) for seen in ("08:00", "09:00") for who in "abc"]
    played = replays(rows, beds=1)
    assert (played.patients, played.stored) == (3, 6)
    with sessions() as session:
        ended = [(stay.admitted_at, stay.discharged_at) for stay in stays_of(session, source)]
        beds = session.scalars(
            select(Placement.bed_id)
            .join(Stay, Stay.id == Placement.stay_id)
            .join(Patient, Patient.id == Stay.patient_id)
            .where(Patient.source == f"{source} replay")
        ).all()
    assert all(end and end <= begin for (_, end), (begin, _) in itertools.pairwise(ended))
    assert len(set(beds)) == 1


def test_a_replay_that_was_killed_stands_in_nobodys_way(
    sessions: Sessions, replays: Replays, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row("08:00", "hr", 80, "bpm"), row("09:00", "hr", 80, "bpm")]
    with monkeypatch.context() as killed:
        killed.setattr(replaying, "discharge", lambda *_: None)
        replays(rows, sets=1)
    with sessions() as session:
        assert [stay.discharged_at for stay in stays_of(session, source)] == [None]
    assert replays(rows).stored == 2
    with sessions() as session:
        assert all(stay.discharged_at for stay in stays_of(session, source))


def test_beds_that_are_taken_are_not_played_in(
    sessions: Sessions, source: str, tmp_path: Path
) -> None:
    """On a ward that has its own patients: only free beds, or beds that were asked for."""
    path = written(tmp_path / "records.csv", [row("08:00", "hr", 80, "bpm")])

    def play(beds: int | None) -> Played:
        return replay(
            sessions, path, mapping(source), "lantern", speed=1e6, wait=lambda _: True, beds=beds
        )

    with sessions.begin() as session:
        unit = units.by_code(session, "lantern")
        assert unit is not None
        for bed in stay_queries.free_beds(session, unit.id):
            bed.retired_at = datetime.fromisoformat("2020-01-01T00:00:00Z")
        unit_id = unit.id
        _occupied_bed(session, unit_id)
    with pytest.raises(Conflict, match="No bed"):
        play(None)
    assert play(2).stored == 1
    with sessions() as session:
        labels = [bed.label for bed in units.beds(session, unit_id)]
    assert labels == ["taken", "R1", "R2"]


def _occupied_bed(session: Session, unit_id: int) -> None:
    actor = storing.importer(session).id
    bed = Bed(unit_id=unit_id, label="taken")
    session.add(bed)
    session.flush()
    patient = patients.register(
        session, actor, unit_id=unit_id, family_name="Pennywhistle", given_name="Rosa"
    )
    stays.admit(
        session,
        actor,
        key=uuid4(),
        patient_id=patient.id,
        unit_id=unit_id,
        at=clock.now(),
        bed_id=bed.id,
    )


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), 2e6])
def test_a_speed_that_makes_no_sense_is_refused(replays: Replays, speed: float) -> None:
    with pytest.raises(Invalid, match="speed"):
        replays([row("08:00", "hr", 80, "bpm")], speed=speed)
