"""Safety rounds in the shift report: counted apart, with the longest gap."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from backend.clinical.safety import NotSeenKind
from backend.core import clock
from backend.protocols import queries as protocols
from backend.reports.shift.report import Detail, Report
from backend.reports.shift.safety import BY_REASON
from backend.rounds import queries as rounds
from backend.rounds.orders import service as orders
from backend.rounds.safety import service as safety
from backend.rounds.safety.models import SafetyCheck
from backend.stays.models import Stay
from tests import build
from tests.people import Ward
from tests.reports.night import report_of, shift_of, watch

UP = safety.Look(answers={"place": "D", "doing": "A"})
FREE = safety.Look(answers={}, not_seen=NotSeenKind.NOBODY_FREE)


def test_every_reason_has_a_line_in_the_report() -> None:
    assert set(BY_REASON) == set(NotSeenKind)


def counts_of(report: Report, key: str) -> dict[str, Any]:
    table = next(table for table in report.tables if table.key == key)
    return {str(row[0]): row[1] for row in table.rows}


@pytest.fixture
def night(session: Session, ward: Ward) -> dict[str, Any]:
    """q30 from half an hour before the shift to its fourth hour, looked at now and then."""
    shift = shift_of(ward, "2026-11-16T20:00")
    start = shift.starts_at
    stay = build.stay(session, ward, admitted_at=start - timedelta(hours=6))
    at = start - timedelta(minutes=30)
    with clock.as_if(at):
        build.watched(session, ward, stay, "q30")

    def look(minute: float, what: safety.Look = UP) -> SafetyCheck:
        moment = start + timedelta(minutes=minute)
        watch(session, moment)
        with clock.as_if(moment):
            nora = ward.staff["nora"].id
            return safety.record(session, nora, stay, key=uuid4(), look=what, draw=0.0)

    look(-20)
    look(9)  # 29 minutes after: early
    look(50)  # due at 39, in grace until 46.5: late
    look(80, FREE)  # due at 80
    look(190)  # due at 110 and at 140, both missed, and at 170: late
    wrong = look(200)
    with clock.as_if(start + timedelta(minutes=201)):
        safety.take_back(
            session,
            ward.staff["nora"].id,
            stay,
            key=uuid4(),
            check_id=wrong.id,
            reason="somebody else",
            of_others=True,
        )
    look(215)
    watch(session, start + timedelta(minutes=239))
    end(session, ward, stay, start + timedelta(minutes=240))
    return {"stay": stay, "shift": shift}


def end(session: Session, ward: Ward, stay: Stay, at: datetime) -> None:
    standing = rounds.standing(session, stay.id, "safety")
    assert standing is not None
    orders.end(
        session,
        ward.staff["chen"].id,
        stay,
        standing,
        reason="calm",
        at=at,
        in_force=protocols.in_force(session, stay.unit_id, at=at),
    )


def test_safety_rounds_are_counted_apart_from_observations(
    session: Session, ward: Ward, night: dict[str, Any]
) -> None:
    report = report_of(session, ward, night["shift"])
    told = counts_of(report, "safety")
    assert told == {
        "patients on safety rounds": 1,
        "checks due": 7,
        "on time": 2,
        "late": 2,
        "missed": 2,
        "not found": 0,
        "off unit": 0,
        "nobody free": 1,
        "called off": 0,
        "still open": 0,
        "lateness of those done, median, min": 5.5,
        "lateness, 90th centile, min": 20.0,
        "longest gap, min": 140.0,
        "checks made": 5,
        "of these with the tag of the door": 0,
        "of these late entries": 0,
    }
    assert counts_of(report, "observations")["due"] == 0


def test_who_sees_counts_only_sees_no_patient_and_others_see_one_line_each(
    session: Session, ward: Ward, night: dict[str, Any]
) -> None:
    counts = report_of(session, ward, night["shift"], detail=Detail.COUNTS)
    assert "safety-list" not in {table.key for table in counts.tables}
    coded = report_of(session, ward, night["shift"])
    (line,) = next(table for table in coded.tables if table.key == "safety-list").rows
    assert line[-1] == 140.0
    assert "Pennywhistle" not in str(line)
