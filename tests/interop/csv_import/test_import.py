"""An import as a whole: every row ends somewhere, nothing twice, nothing on the board, no alarm."""

import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from backend.accounts.units import queries as units
from backend.accounts.units import service as unit_service
from backend.alerts.models import Alert
from backend.audit.models import AuditEntry
from backend.core import clock
from backend.core.errors import Conflict, Invalid
from backend.interop.csv_import import service, storing, tally
from backend.interop.csv_import.service import import_file
from backend.interop.csv_import.tally import Summary
from backend.observations import queries as observations
from backend.observations.models import Observation, Source
from backend.patients.models import Patient
from backend.protocols import queries as protocols
from backend.rounds.models import Round
from backend.stays import queries as stay_queries
from backend.stays import service as stays
from backend.stays.models import Stay
from tests.interop.csv_import.conftest import (
    Imports,
    Row,
    ciwa_ar,
    mapping,
    rejected,
    row,
    written,
)

Sessions = sessionmaker[Session]
VITALS: list[Row] = [
    row("08:00", "hr", 88, "bpm"),
    row("08:00", "rr", 18),
    row("08:00", "sbp", 124),
    row("08:00", "dbp", 78),
    row("08:00", "spo2", 97),
    row("08:00", "temp", "98.6", "deg F"),
    row("08:00", "o2", "None"),
    row("08:00", "mind", "awake"),
]


def counts(summary: Summary) -> tuple[int, int, int]:
    """Stored, duplicate, rejected; and they are all there was."""
    assert summary.read == summary.stored + summary.duplicate + summary.rejected
    return summary.stored, summary.duplicate, summary.rejected


def sets_of(sessions: Sessions, source: str, who: str = "p1") -> Sequence[Observation]:
    with sessions() as session:
        return session.scalars(
            select(Observation)
            .join(Patient, Patient.id == Observation.patient_id)
            .where(Patient.source == source, Patient.source_id == who)
            .order_by(Observation.observed_at, Observation.id)
        ).all()


def stay_of(sessions: Sessions, source: str, who: str = "p1") -> Stay:
    with sessions() as session:
        return session.scalars(
            select(Stay)
            .join(Patient, Patient.id == Stay.patient_id)
            .where(Patient.source == source, Patient.source_id == who)
        ).one()


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2101, 3, 4, hour, minute, tzinfo=UTC)


def test_a_set_is_stored_in_our_units_and_scored(
    sessions: Sessions, imports: Imports, source: str
) -> None:
    summary = imports(VITALS)
    assert counts(summary) == (8, 0, 0)
    (one,) = sets_of(sessions, source)
    assert (one.pulse_per_min, float(one.temperature_c or 0)) == (88, 37.0)
    assert (one.source, one.observed_at) == (Source.IMPORT, at(8))
    with sessions() as session:
        score = observations.scores_of(session, [one.id])[one.id]["news2"]
    assert (score.total, score.status.value, score.definition) == (0, "ok", "news2/rcp-2017/v1")
    assert summary.as_json()["instruments"] == {
        "news2": {"complete": 1, "incomplete": 0, "totals": [0]}
    }


def test_what_is_missing_makes_no_total(sessions: Sessions, imports: Imports, source: str) -> None:
    summary = imports([*VITALS[:6], *ciwa_ar("09:00", 4, 4)[:9]])
    assert summary.as_json()["instruments"] == {
        "news2": {"complete": 0, "incomplete": 1, "totals": [None]},
        "ciwa-ar": {"complete": 0, "incomplete": 1, "totals": [None]},
    }
    later = sets_of(sessions, source)[1]
    with sessions() as session:
        score = observations.scores_of(session, [later.id])[later.id]["ciwa-ar"]
    assert (score.total, score.lowest, score.highest) == (None, 8, 12)


def test_importing_twice_stores_nothing_twice(
    sessions: Sessions, imports: Imports, source: str
) -> None:
    rows = [*VITALS, *ciwa_ar("09:00", 3), row("10:00", "hr", "fast", "bpm")]
    first = imports(rows)
    again = imports(rows)
    assert counts(first) == (18, 0, 1)
    assert counts(again) == (0, 18, 1)
    assert again.as_json()["instruments"] == first.as_json()["instruments"]
    assert len(sets_of(sessions, source)) == 2


def test_the_order_of_the_rows_does_not_matter(
    sessions: Sessions, imports: Imports, source: str
) -> None:
    rows = [*VITALS, *ciwa_ar("09:00", 3), *ciwa_ar("11:00", 2, who="p2")]
    assert counts(imports(rows)) == (28, 0, 0)
    assert counts(imports(rows[::-1], name="reversed.csv.gz")) == (0, 28, 0)
    assert len(sets_of(sessions, source)) == 2
    assert len(sets_of(sessions, source, "p2")) == 1


def test_rows_that_come_later_stand_beside_what_was_stored(
    sessions: Sessions, imports: Imports, source: str
) -> None:
    imports(VITALS[:3])
    later = imports(
        [
            *VITALS[1:5],
            row("08:00", "hr", 90, "bpm"),
            row("08:00", "art-sbp", 131),
            row("12:00", "hr", 70, "bpm"),
        ]
    )
    assert counts(later) == (4, 2, 1)
    assert later.reasons == {"another value at the same time": 1}
    first, beside, arterial, noon = sets_of(sessions, source)
    assert (first.pulse_per_min, first.systolic_mmhg, first.spo2_percent) == (88, 124, None)
    assert (beside.pulse_per_min, beside.diastolic_mmhg, beside.spo2_percent) == (None, 78, 97)
    assert (arterial.systolic_mmhg, arterial.note) == (131, "arterial line: Systolic pressure")
    assert noon.observed_at == at(12)
    assert stay_of(sessions, source).discharged_at == at(12) + timedelta(seconds=1)
    assert counts(imports([*VITALS[:5], row("08:00", "art-sbp", 131)])) == (0, 6, 0)


def test_a_row_for_each_reason_is_written_beside_the_file(imports: Imports) -> None:
    rows = [
        row("08:00", "hr", 88, "bpm"),
        row("08:00", "weight", 80, "kg"),
        row("08:00", "sbp", 11647),
        row("08:00", "rr", "slow"),
        row("08:00", "hr", 91, "bpm"),
        row("08:00", "hr", 88, "bpm"),
        row("later", "hr", 88, "bpm"),
    ]
    summary = imports(rows)
    assert counts(summary) == (1, 1, 5)
    assert rejected(summary) == [
        (3, "item not mapped"),
        (4, "impossible value"),
        (5, "not a number"),
        (6, "another value at the same time"),
        (8, "time cannot be read"),
    ]
    assert summary.rejects.name == "records.csv.rejected.csv"
    lines = summary.rejects.read_text("utf-8").splitlines()
    assert lines[0] == "line,reason,detail,who,visit,seen,written,code,value,unit"
    assert "p1,v1,2101-03-04T08:00:00Z,,sbp,11647," in lines[2]
    assert stat.S_IMODE(summary.rejects.stat().st_mode) == 0o600


def test_rejected_rows_can_be_mended_and_taken_in_from_their_file(
    sessions: Sessions, imports: Imports, source: str
) -> None:
    first = imports([row("08:00", "hr", 88, "bpm"), row("08:00", "rr", "18x")])
    mended = first.rejects.parent / "mended.csv"
    mended.write_text(first.rejects.read_text("utf-8").replace("18x", "18"), "utf-8")
    again = import_file(sessions, mended, mapping(source), "past")
    assert counts(again) == (1, 0, 0)
    assert {one.respiratory_rate_per_min for one in sets_of(sessions, source)} == {None, 18}


def test_an_impossible_value_never_reaches_a_score(
    sessions: Sessions, imports: Imports, source: str
) -> None:
    imports([*VITALS[:2], row("08:00", "sbp", 11647)])
    (one,) = sets_of(sessions, source)
    assert one.systolic_mmhg is None
    with sessions() as session:
        score = observations.scores_of(session, [one.id])[one.id]["news2"]
    assert "systolic_mmhg" not in score.answers
    assert score.total is None


def test_an_implausible_but_possible_value_is_stored(
    sessions: Sessions, imports: Imports, source: str
) -> None:
    assert counts(imports([row("08:00", "hr", 230, "bpm")])) == (1, 0, 0)
    assert sets_of(sessions, source)[0].pulse_per_min == 230


def test_history_raises_nothing_and_lies_in_no_bed(
    sessions: Sessions, imports: Imports, source: str
) -> None:
    ill = [row("08:00", "rr", 30), row("08:00", "spo2", 85), row("08:00", "mind", "confused")]
    summary = imports([*ill, *ciwa_ar("09:00", 7, 7, 7)])
    assert {flag.rule for flag in summary.flags} >= {"news2-7", "band-severe/ciwa-ar"}
    stay = stay_of(sessions, source)
    assert (stay.admitted_at, stay.discharged_at) == (at(8), at(9) + timedelta(seconds=1))
    with sessions() as session:
        unit = units.by_code(session, "past")
        assert unit is not None
        assert stay.id not in {one.id for one in stay_queries.current(session, unit.id)}
        for table in (Alert, Round):
            rows = select(func.count()).select_from(table).where(table.stay_id == stay.id)
            assert session.scalars(rows).one() == 0
        actions = session.scalars(
            select(AuditEntry.action).where(AuditEntry.stay_id == stay.id)
        ).all()
    assert set(actions) == {"stay.imported", "observation.imported"}


def test_the_summary_says_what_would_have_been_flagged_and_when(imports: Imports) -> None:
    summary = imports([*ciwa_ar("08:00", 1), *ciwa_ar("10:00", 7, 7, 7), *ciwa_ar("12:00", 1)])
    severe = [flag for flag in summary.as_json()["findings"] if flag["rule"].startswith("band-")]
    assert severe == [
        {
            "patient": "p1",
            "stay": "v1",
            "at": "2101-03-04T10:00:00+00:00",
            "rule": "band-severe/ciwa-ar",
            "level": "urgent",
            "title": "CIWA-Ar severe",
            "sentence": "CIWA-Ar is 21: severe (ASAM 2020).",
        }
    ]
    totals = summary.as_json()["instruments"]["ciwa-ar"]
    assert totals == {"complete": 3, "incomplete": 0, "totals": [1, 21, 1]}


def test_a_total_of_the_file_is_held_against_its_items(
    sessions: Sessions, imports: Imports, source: str
) -> None:
    rows = [
        *ciwa_ar("08:00", 3, 2),
        row("08:00", "total", 5),
        *ciwa_ar("10:00", 3, 2),
        row("10:00", "total", 7),
        *ciwa_ar("12:00", 3, 2)[:9],
        row("12:00", "total", 5),
        row("14:00", "total", 5),
        row("16:00", "total", ""),
    ]
    summary = imports(rows)
    assert counts(summary) == (30, 0, 4)
    assert summary.reasons == {
        "no value": 1,
        "total differs from the items": 1,
        "total of an incomplete set": 1,
        "total without its items": 1,
    }
    (wrong,) = [flag for flag in summary.flags if flag.rule.startswith("imported-total/")]
    assert (wrong.at, "7" in wrong.sentence, "5" in wrong.sentence) == (at(10), True, True)
    right, differs, incomplete = sets_of(sessions, source)
    assert right.note is None
    assert "total of 7" in (differs.note or "")
    assert "incomplete" in (incomplete.note or "")
    assert counts(imports(rows)) == (0, 30, 4)


def test_when_a_row_was_written_down_is_kept(
    sessions: Sessions, imports: Imports, source: str
) -> None:
    imports(
        [
            row("08:00", "hr", 80, "bpm", written="08:15"),
            row("08:00", "rr", 18, written="09:30"),
            row("10:00", "hr", 80, "bpm", written="09:50"),
            row("11:00", "hr", 80, "bpm"),
        ]
    )
    late, ahead, unknown = sets_of(sessions, source)
    assert (late.entered_at, late.late_entry) == (at(9, 30), True)
    assert (ahead.entered_at, ahead.late_entry) == (at(9, 50), False)
    assert unknown.entered_at == unknown.observed_at


def test_stays_of_one_patient_that_overlap_are_not_both_taken(
    sessions: Sessions, imports: Imports, source: str
) -> None:
    rows = [
        row("08:00", "hr", 80, "bpm", visit="a"),
        row("12:00", "hr", 80, "bpm", visit="a"),
        *(row(f"{hour:02}:00", "rr", 30, visit="b") for hour in range(10, 14)),
        row("13:00", "hr", 80, "bpm", visit="c"),
    ]
    summary = imports(rows)
    assert counts(summary) == (3, 0, 4)
    assert summary.reasons == {"overlaps another stay of the patient": 4}
    assert summary.flags == []
    assert len(summary.totals) == 3
    # The same through a second file, against what the first has stored.
    other = imports([row("11:00", "hr", 80, "bpm", visit="d")], name="other.csv")
    assert other.reasons == {"overlaps another stay of the patient": 1}
    assert len(sets_of(sessions, source)) == 3


def test_a_stay_of_another_unit_is_not_touched(imports: Imports) -> None:
    imports(VITALS)
    elsewhere = imports([*VITALS, row("09:00", "hr", 80, "bpm")], unit="another")
    assert elsewhere.reasons == {"stay is on another unit": 9}


def test_a_unit_that_is_not_there_is_opened_with_the_shipped_protocol(
    sessions: Sessions, imports: Imports
) -> None:
    imports(VITALS, unit="new-here")
    with sessions() as session:
        unit = units.by_code(session, "new-here")
        assert unit is not None
        assert protocols.in_force(session, unit.id, at=clock.now()).version == 1


def test_a_unit_whose_protocol_nobody_approved_takes_nothing_in(
    sessions: Sessions, imports: Imports
) -> None:
    with sessions.begin() as session:
        actor = storing.importer(session).id
        unit_service.create(
            session, actor, code="empty", name="Empty", time_zone="UTC", shift_starts=[time(7)]
        )
    with pytest.raises(Exception, match="no protocol yet"):
        imports(VITALS, unit="empty")


def test_many_sets_are_written_in_batches(
    sessions: Sessions, imports: Imports, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "AT_ONCE", 3)
    rows = [
        row(f"{hour:02}:{minute:02}", "hr", 60 + hour, "bpm", who=who)
        for who in ("p1", "p2")
        for hour in range(10)
        for minute in (0, 30)
    ]
    assert counts(imports(rows)) == (40, 0, 0)
    assert len(sets_of(sessions, source)) == 20
    assert counts(imports(rows)) == (0, 40, 0)


def test_an_import_that_was_cut_off_goes_on(
    sessions: Sessions, imports: Imports, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away in the third batch: two are kept, and the next run stores the rest."""
    rows = [row(f"{hour:02}:00", "hr", 70, "bpm") for hour in range(10)]
    monkeypatch.setattr(service, "AT_ONCE", 2)
    whole, batches = storing.sets, iter(range(100))

    def cut_off(*arguments: object) -> None:
        if next(batches) == 2:
            raise ConnectionError
        whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(storing, "sets", cut_off)
    with pytest.raises(ConnectionError):
        imports(rows)
    assert len(sets_of(sessions, source)) == 4
    monkeypatch.setattr(storing, "sets", whole)
    assert counts(imports(rows)) == (6, 4, 0)
    assert len(sets_of(sessions, source)) == 10


def test_a_second_import_waits_for_its_turn(
    imports: Imports, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one import stores, another is refused in words; afterwards it finds all known."""
    whole, refused = storing.sets, []

    def meanwhile(*arguments: object) -> None:
        with pytest.raises(Conflict, match="Another import is running") as error:
            imports(VITALS, name="meanwhile.csv", origin=source)
        refused.append(error)
        whole(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as during:
        during.setattr(storing, "sets", meanwhile)
        assert counts(imports(VITALS)) == (8, 0, 0)
    assert len(refused) == 1
    assert counts(imports(VITALS, name="meanwhile.csv")) == (0, 8, 0)


@pytest.fixture
def no_pulse_of_77(sessions: Sessions) -> Iterator[None]:
    """A rule that only the database knows."""

    def change(what: str) -> None:
        with sessions.begin() as session:
            session.execute(text("SET LOCAL ROLE NONE"))
            session.execute(text(f"ALTER TABLE observation {what}"))

    change("ADD CONSTRAINT no_77 CHECK (pulse_per_min <> 77) NOT VALID")
    yield
    change("DROP CONSTRAINT no_77")


def test_what_the_database_refuses_is_rejected_and_the_rest_is_stored(
    sessions: Sessions,
    imports: Imports,
    source: str,
    no_pulse_of_77: None,  # noqa: ARG001
) -> None:
    rows = [row(f"{hour:02}:00", "hr", 70 + hour, "bpm") for hour in range(10)]
    summary = imports([*rows, row("07:00", "rr", 18)])
    assert counts(summary) == (9, 0, 2)
    assert summary.reasons == {"refused by the database": 2}
    assert "no_77" in summary.rejects.read_text("utf-8")
    assert len(sets_of(sessions, source)) == 9


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_without_a_header_is_refused(
    sessions: Sessions, source: str, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "empty.csv"
    path.write_text(content, "utf-8")
    with pytest.raises(Invalid, match="header"):
        import_file(sessions, path, mapping(source), "past")


def test_a_file_of_nothing_but_its_header_stores_nothing(imports: Imports) -> None:
    assert counts(imports([])) == (0, 0, 0)


def test_a_file_that_is_not_there_is_said_so(sessions: Sessions, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        import_file(sessions, tmp_path / "none.csv", mapping("x"), "past")


def test_a_packed_file_cut_short_stores_nothing(
    sessions: Sessions, source: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "cut.csv.gz", VITALS * 50)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(Invalid, match="damaged"):
        import_file(sessions, path, mapping(source), "past")
    assert sets_of(sessions, source) == []


def test_a_folder_that_nobody_may_write_to_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir()
    beside = tally.place_of_rejects(folder / "records.csv")
    folder.chmod(0o555)
    instead = tally.place_of_rejects(folder / "records.csv")
    folder.chmod(0o755)
    assert beside == folder.resolve() / "records.csv.rejected.csv"
    assert instead.parent != folder.resolve()
    assert instead.name == "records.csv.rejected.csv"


def test_a_live_stay_is_no_place_for_history(
    sessions: Sessions, imports: Imports, source: str
) -> None:
    """The same patient lies here now: history of another time goes into a stay of its own."""
    imports([row("08:00", "hr", 80, "bpm")])
    with sessions.begin() as session:
        patient_id = stay_of(sessions, source).patient_id
        unit = units.by_code(session, "past")
        assert unit is not None
        live = stays.admit(
            session,
            unit_id=unit.id,
            actor_id=stay_of(sessions, source).admitted_by,
            key=uuid4(),
            patient_id=patient_id,
            at=at(9),
        )
        live_id = live.id
    summary = imports([row("10:00", "hr", 80, "bpm", visit="v2")])
    assert summary.reasons == {"overlaps another stay of the patient": 1}
    with sessions() as session:
        assert observations.recent(session, live_id) == []
