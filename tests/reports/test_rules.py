"""What a shift report counts, and what it must never smooth over."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from backend.alerts import queries as alert_queries
from backend.alerts.answers import service as answers
from backend.care.admission import service as admission
from backend.care.disclosures.notice import CODED
from backend.care.disclosures.service import Clearance
from backend.clinical.shift import Shift
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.reports.shift import csv_file
from backend.reports.shift.centiles import median, ninetieth
from backend.reports.shift.report import Detail, Kind, Report, Value
from backend.stays import service as stays
from backend.stays.models import DischargeReason
from tests import build
from tests.people import Ward
from tests.reports import night
from tests.reports.night import report_of


@pytest.fixture
def shift(ward: Ward) -> Shift:
    """An ordinary day shift, long past."""
    return night.shift_of(ward, "2026-03-10T08:00")


def figure(report: Report, section: str, subject: str, name: str) -> Value:
    """One figure of a report."""
    (value,) = (
        row.value
        for row in report.rows
        if (row.section, row.subject, row.figure) == (section, subject, name)
    )
    return value


def happened(report: Report) -> dict[str, Value]:
    """What became of the rounds that fell due, without the zeros and the lateness."""
    return {
        row.subject: row.value
        for row in report.rows
        if row.section == "observations" and row.figure == "all" and row.value
        if "lateness" not in row.subject and "%" not in row.subject and row.subject != "due"
    }


def test_of_nothing_there_is_no_median(session: Session, ward: Ward, shift: Shift) -> None:
    assert (median([]), ninetieth([])) == (None, None)
    report = report_of(session, ward, shift)
    for subject in ("lateness of those done, median, min", "done on time, %"):
        assert figure(report, "observations", subject, "all") is None
    assert figure(report, "alerts", "to seen, median, min", "all") is None
    assert b",none," in csv_file.body(report)
    assert report.headlines[1].value == "none due"


@pytest.mark.parametrize(
    ("values", "middle", "nine_in_ten"),
    [([5], 5, 5), ([1, 2], 1.5, 2), (list(range(1, 11)), 5.5, 9), (list(range(1, 12)), 6, 10)],
)
def test_median_and_nearest_rank(values: list[float], middle: float, nine_in_ten: float) -> None:
    assert (median(values), ninetieth(values)) == (middle, nine_in_ten)


def test_what_falls_due_at_the_change_belongs_to_the_later_shift(
    session: Session, ward: Ward, shift: Shift
) -> None:
    night.admitted(session, ward, shift.ends_at, news2=240)
    night.watch(session, shift.ends_at + timedelta(hours=1))
    earlier, later = (
        report_of(session, ward, one) for one in (shift, night.shift_of(ward, "2026-03-10T20:00"))
    )
    assert figure(earlier, "observations", "due", "all") == 0
    assert figure(later, "observations", "due", "all") > 0  # type: ignore[operator]
    assert figure(earlier, "census", "admitted", "count") == 0
    assert figure(later, "census", "admitted", "count") == 1


def test_who_leaves_at_the_change_is_there_until_the_end(
    session: Session, ward: Ward, shift: Shift
) -> None:
    stay = night.admitted(session, ward, shift.starts_at)
    with clock.as_if(shift.ends_at):
        priya, reason = ward.staff["priya"].id, DischargeReason.COMPLETED
        admission.discharge(session, priya, stay, at=shift.ends_at, reason=reason)
    earlier, later = (
        report_of(session, ward, one) for one in (shift, night.shift_of(ward, "2026-03-10T20:00"))
    )
    for report, left, staying in ((earlier, 0, 1), (later, 1, 0)):
        assert figure(report, "census", "discharged", "count") == left
        assert figure(report, "census", "at the end", "count") == staying


def test_a_set_that_is_taken_back_was_not_made(session: Session, ward: Ward, shift: Shift) -> None:
    stay = night.admitted(session, ward, shift.starts_at, news2=720)
    wrong = night.chart(session, ward, stay, shift.starts_at + timedelta(minutes=10))
    assert happened(report_of(session, ward, shift)) == {"on time": 1}
    with clock.as_if(shift.starts_at + timedelta(minutes=20)):
        night.taken_back(session, ward, stay, wrong)
    session.expire_all()
    night.watch(session, shift.ends_at + timedelta(days=1))
    report = report_of(session, ward, shift)
    # The same round was called for anew, nobody came, and it counts once.
    assert happened(report) == {"missed": 1}
    assert figure(report, "sets", "sets that stand", "count") == 0
    assert figure(report, "sets", "taken back", "count") == 1
    assert figure(report, "acuity", "nothing open, assessed in this shift", "count") == 0


def test_an_older_set_taken_back_is_told_as_such(
    session: Session, ward: Ward, shift: Shift
) -> None:
    stay = night.admitted(session, ward, shift.starts_at, news2=240)
    first = night.chart(session, ward, stay, shift.starts_at + timedelta(minutes=5))
    second_at = shift.starts_at + timedelta(hours=4)
    night.chart(session, ward, stay, second_at)
    with clock.as_if(second_at + timedelta(hours=1)):
        admission.discharge(
            session,
            ward.staff["priya"].id,
            stay,
            at=second_at + timedelta(hours=1),
            reason=DischargeReason.COMPLETED,
        )
        night.taken_back(session, ward, stay, first)
    session.expire_all()
    assert happened(report_of(session, ward, shift)) == {"on time": 1, "taken back": 1}


def test_a_round_is_judged_by_the_set_as_it_reads_now(
    session: Session, ward: Ward, shift: Shift
) -> None:
    stay = night.admitted(session, ward, shift.starts_at, ciwa_b=720)
    at = shift.starts_at + timedelta(minutes=5)
    wrong = night.chart(session, ward, stay, at, answers=build.ciwa_b(10))
    since = shift.ends_at + timedelta(hours=2)
    with clock.as_if(since):
        night.corrected_to(
            session, ward, stay, wrong, outcome="refused", answers={}, vitals=Vitals()
        )
    session.expire_all()
    report = report_of(session, ward, shift)
    assert happened(report)["refused"] == 1
    assert "on time" not in happened(report)
    words = "put right or taken back since the shift ended"
    assert figure(report, "sets", words, "count") == 1
    (corrected,) = (table for table in report.tables if table.key == "corrections")
    assert corrected.rows[0][-1] == "yes"


def test_an_incomplete_set_is_partly_done_and_has_no_total(
    session: Session, ward: Ward, shift: Shift
) -> None:
    stay = night.admitted(session, ward, shift.starts_at, ciwa_b=720)
    half = {"ciwa-b": {"tense": 4, "upset": 3}}
    night.chart(session, ward, stay, shift.starts_at + timedelta(minutes=5), answers=half)
    report = report_of(session, ward, shift)
    assert happened(report)["partly done"] == 1
    assert figure(report, "scores", "CIWA-B", "last total") == "incomplete, at least 7"
    assert figure(report, "scores", "CIWA-B", "band") == "not known"
    assert figure(report, "scores", "CIWA-B", "highest") is None


def test_what_was_due_when_the_stay_ended_is_called_off_not_forgotten(
    session: Session, ward: Ward, shift: Shift
) -> None:
    stay = night.admitted(session, ward, shift.starts_at, news2=240)
    at = shift.starts_at + timedelta(minutes=50)
    with clock.as_if(at):
        priya = ward.staff["priya"].id
        admission.discharge(session, priya, stay, at=at, reason=DischargeReason.DIED)
    session.expire_all()
    report = report_of(session, ward, shift)
    assert happened(report) == {"called off": 1}
    assert figure(report, "census", "discharged: died", "count") == 1


def test_a_silent_watch_does_not_hide_what_was_missed(
    session: Session, ward: Ward, shift: Shift
) -> None:
    night.admitted(session, ward, shift.starts_at, news2=240)  # and the watch never turns
    assert happened(report_of(session, ward, shift)) == {"missed": 1}
    soon = shift.starts_at + timedelta(minutes=10)
    assert happened(report_of(session, ward, shift, now=soon)) == {"still open": 1}


def test_lateness_leaves_out_what_was_missed_and_counts_early_as_none(
    session: Session, ward: Ward, shift: Shift
) -> None:
    start = shift.starts_at
    stay = night.admitted(session, ward, start, news2=120)
    for minutes in (20, 100, 180, 340):  # 20 after due, 40 before, 40 before, 40 after
        night.watch(session, start + timedelta(minutes=minutes))
        night.chart(session, ward, stay, start + timedelta(minutes=minutes))
        session.expire_all()
    night.watch(session, shift.ends_at)
    report = report_of(session, ward, shift)
    assert happened(report)["on time"] == 3
    assert happened(report)["late"] == 1
    assert happened(report)["missed"] > 0  # type: ignore[operator]
    assert figure(report, "observations", "lateness of those done, median, min", "all") == 10
    assert figure(report, "observations", "lateness, 90th centile, min", "all") == 40


def test_a_gap_that_reaches_in_from_the_shift_before_is_seen_whole(
    session: Session, ward: Ward, shift: Shift
) -> None:
    stay = night.admitted(session, ward, shift.starts_at - timedelta(hours=10))
    night.chart(session, ward, stay, shift.starts_at - timedelta(hours=3))
    night.chart(session, ward, stay, shift.starts_at + timedelta(hours=5))
    asleep = shift.starts_at + timedelta(hours=8)
    night.chart(session, ward, stay, asleep, outcome="asleep", vitals=Vitals())
    report = report_of(session, ward, shift)
    assert figure(report, "patients", "", "longest gap") == 8 * 60


def test_an_alert_is_told_as_high_as_it_stood_at_the_end(
    session: Session, ward: Ward, shift: Shift
) -> None:
    stay = night.admitted(session, ward, shift.starts_at)
    at = shift.ends_at - timedelta(minutes=30)
    night.chart(session, ward, stay, at, vitals=night.ILL)
    (worst, *_) = alert_queries.open_on_unit(session, ward.unit.id)
    assert worst.level == "emergency"
    taken_at = shift.ends_at + timedelta(minutes=12)
    with clock.as_if(taken_at):
        answers.acknowledge(
            session,
            ward.staff["nora"].id,
            worst,
            key=uuid4(),
            plan="Bedside now",
            recheck_minutes=15,
            at=taken_at,
        )
        answers.close(
            session,
            ward.staff["priya"].id,
            worst,
            key=uuid4(),
            reason="Seen, transferred",
            at=taken_at,
            may_close_emergency=True,
        )
    session.expire_all()
    report = report_of(session, ward, shift)
    assert figure(report, "acuity", "worst open alert: emergency", "count") == 1
    assert figure(report, "alerts", "to acknowledged, median, min", "emergency") == 42
    assert figure(report, "alerts", "of these by a person", "emergency") == 1
    assert figure(report, "alerts", "open at the end", "emergency") == 1
    night_report = report_of(session, ward, night.shift_of(ward, "2026-03-10T20:00"))
    assert figure(night_report, "alerts", "raised", "emergency") == 0


def test_who_was_not_assessed_is_not_among_the_quiet(
    session: Session, ward: Ward, shift: Shift
) -> None:
    night.admitted(session, ward, shift.starts_at - timedelta(days=1))
    report = report_of(session, ward, shift)
    quiet = "nothing open, but not assessed in this shift"
    assert figure(report, "acuity", quiet, "count") == 1
    assert figure(report, "acuity", "nothing open, assessed in this shift", "count") == 0


def test_another_units_patients_are_not_counted(session: Session, ward: Ward, shift: Shift) -> None:
    stays.admit(
        session,
        ward.staff["olga"].id,
        key=uuid4(),
        patient_id=build.patient(session, ward).id,
        unit_id=ward.elsewhere.id,
        at=shift.starts_at,
    )
    assert figure(report_of(session, ward, shift), "census", "at the end", "count") == 0


def test_counts_tell_nobody_apart(session: Session, ward: Ward, shift: Shift) -> None:
    stay = night.admitted(session, ward, shift.starts_at - timedelta(hours=1), news2=240)
    night.chart(session, ward, stay, shift.starts_at + timedelta(hours=1), vitals=night.ILL)
    counts, coded = (
        report_of(session, ward, shift, detail=detail) for detail in (Detail.COUNTS, Detail.CODED)
    )
    whose = (Kind.BED, Kind.CODE, Kind.NAME)
    assert not [c for table in counts.tables for c in table.columns if c.kind in whose]
    assert {row.bed for row in coded.rows if row.section == "patients"} == {"7"}
    told = csv_file.body(coded) + csv_file.body(counts)
    assert b"Pennywhistle" not in told
    nobody = report_of(session, ward, shift, detail=Detail.IDENTIFIED)
    assert b"Pennywhistle" not in csv_file.body(nobody)
    cleared = Clearance(named={stay.id: None}, stamp=CODED)
    named = report_of(session, ward, shift, detail=Detail.IDENTIFIED, clearance=cleared)
    assert b"Pennywhistle, Rosa" in csv_file.body(named)


def test_the_digest_is_of_the_figures_and_not_of_when_they_were_read(
    session: Session, ward: Ward, shift: Shift
) -> None:
    stay = night.admitted(session, ward, shift.starts_at, news2=720)
    night.watch(session, shift.ends_at)
    first = report_of(session, ward, shift)
    again = report_of(session, ward, shift, now=shift.ends_at + timedelta(days=9))
    assert first.sha256 == again.sha256
    night.chart(session, ward, stay, shift.starts_at + timedelta(hours=1), written_at=shift.ends_at)
    session.expire_all()
    assert report_of(session, ward, shift).sha256 != first.sha256
