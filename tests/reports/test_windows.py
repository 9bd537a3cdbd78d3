"""Which shift is meant, also where the clocks change, and whatever was typed."""

from datetime import datetime

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.accounts.units.models import Unit
from backend.core import clock
from backend.core.errors import Invalid
from backend.reports.shift import csv_file, service, windows
from backend.reports.shift.report import Detail
from tests.people import Ward
from tests.reports import night
from tests.reports.night import report_of


def test_a_wrong_start_is_answered_with_the_shifts_of_that_day(ward: Ward) -> None:
    now = clock.now()
    with pytest.raises(Invalid, match=r"10 Mar 2026 they are: 07:00 to 19:00, 19:00 to 07:00"):
        windows.shift_starting(ward.unit, "2026-03-10T08:00", now)


@pytest.mark.parametrize(
    "typed",
    ["", "x" * 100_000, "2026-03-10\x00T07:00", "1e400", "0001-01-01T00:00", "9999-12-31T23:59",
     "9999-12-31T23:59:59+14:00", "2026-13-40T07:00", "2026-03-10", "2026-03-10T07:00+99:00"],
)  # fmt: skip
def test_no_start_breaks_the_search(ward: Ward, typed: str) -> None:
    with pytest.raises(Invalid):
        windows.shift_starting(ward.unit, typed, clock.now())
    if typed != "2026-03-10":
        with pytest.raises(Invalid):
            windows.shifts_of_day(ward.unit, typed)


def test_a_shift_that_has_not_begun_has_no_report(ward: Ward) -> None:
    with pytest.raises(Invalid, match="not begun"):
        windows.shift_starting(ward.unit, "2199-03-10T07:00", clock.now())


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-28", [12, 11]), ("2025-10-25", [12, 13]), ("2026-03-10", [12, 12])],
)
def test_shifts_on_days_of_23_and_25_hours(
    session: Session, ward: Ward, day: str, hours: list[int]
) -> None:
    found = windows.shifts_of_day(ward.unit, day)
    assert [shift.hours for shift in found] == hours
    last = found[-1]
    assert windows.shift_starting(ward.unit, f"{day}T19:00", clock.now()) == last
    report = report_of(session, ward, last)
    assert all(len(chart.bars) == hours[-1] for chart in report.charts)
    offsets = [value[-8:] for label, value in report.header() if label in ("starts", "ends")]
    assert (offsets[0] == offsets[1]) == (hours[-1] == 12)
    assert ("clocks change" in windows.window_words(last, night.BERLIN)) == (hours[-1] != 12)


def test_the_hour_that_comes_twice_is_counted_twice_and_told_apart(
    session: Session, ward: Ward
) -> None:
    shift = night.shift_of(ward, "2025-10-25T20:00")
    labels = [bar.label for bar in report_of(session, ward, shift).charts[0].bars]
    assert labels == [
        "19",
        "20",
        "21",
        "22",
        "23",
        "00",
        "01",
        "02A",
        "02B",
        "03",
        "04",
        "05",
        "06",
    ]
    for repeated, at in (("02A", "2025-10-26T00:30+00:00"), ("02B", "2025-10-26T01:30+00:00")):
        stay_at = datetime.fromisoformat(at)
        night.admitted(session, ward, stay_at, bed=None, news2=720)
        bars = {bar.label: bar.total for bar in report_of(session, ward, shift).charts[0].bars}
        assert bars[repeated] == 1


def test_three_shifts_a_day_are_found_by_their_own_windows(session: Session, ward: Ward) -> None:
    found = windows.shifts_of_day(ward.elsewhere, "2026-03-08")  # New York, clocks forward
    assert [one.hours for one in found] == [8, 8, 8]
    night_before = windows.shifts_of_day(ward.elsewhere, "2026-03-07")[-1]
    assert night_before.hours == 7
    session.execute(
        update(Unit).where(Unit.id == ward.elsewhere.id).values(name="=cmd|' /C calc'!A0")
    )
    session.refresh(ward.elsewhere)
    made = service.prepare(
        session,
        ward.elsewhere,
        night_before,
        detail=Detail.CODED,
        prepared_by="Olga",
        now=clock.now(),
    )
    assert b",'=cmd" in csv_file.body(made)
