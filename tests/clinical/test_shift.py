"""Shift windows on ordinary days and on the days when the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.clinical.shift import (
    LocalTimeError,
    following,
    is_repeated,
    local_to_utc,
    previous,
    shift_at,
    shifts_on,
)

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
TWELVES = [time(7), time(19)]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # year, month, day, ...


@pytest.mark.parametrize(
    ("zone", "day", "night_begins", "night_ends", "hours"),
    [
        (BERLIN, date(2026, 3, 28), utc(2026, 3, 28, 18), utc(2026, 3, 29, 5), 11),
        (BERLIN, date(2026, 10, 24), utc(2026, 10, 24, 17), utc(2026, 10, 25, 6), 13),
        (BERLIN, date(2026, 11, 23), utc(2026, 11, 23, 18), utc(2026, 11, 24, 6), 12),
        (NEW_YORK, date(2026, 3, 7), utc(2026, 3, 8, 0), utc(2026, 3, 8, 11), 11),
        (NEW_YORK, date(2026, 10, 31), utc(2026, 10, 31, 23), utc(2026, 11, 1, 12), 13),
        (NEW_YORK, date(2026, 11, 23), utc(2026, 11, 24, 0), utc(2026, 11, 24, 12), 12),
    ],
)
def test_the_night_lasts_as_long_as_it_lasts(
    zone: ZoneInfo, day: date, night_begins: datetime, night_ends: datetime, hours: float
) -> None:
    on_day, night = shifts_on(day, TWELVES, zone)
    assert (on_day.hours, on_day.ends_at, on_day.name) == (12, night_begins, "07:00-19:00")
    assert (night.starts_at, night.ends_at) == (night_begins, night_ends)
    assert (night.hours, night.name) == (hours, "19:00-07:00")


def test_the_moment_of_change_belongs_to_the_later_shift() -> None:
    change = utc(2026, 11, 23, 18)
    assert shift_at(change, TWELVES, BERLIN).starts_at == change
    assert shift_at(change - timedelta(microseconds=1), TWELVES, BERLIN).ends_at == change


@pytest.mark.parametrize(
    ("day", "start", "begins"),
    [
        # 02:30 does not exist: the shift begins when the clock jumps from 02:00 to 03:00.
        (date(2026, 3, 29), time(2, 30), utc(2026, 3, 29, 1)),
        (date(2026, 3, 29), time(2, 0), utc(2026, 3, 29, 1)),
        (date(2026, 3, 29), time(3, 0), utc(2026, 3, 29, 1)),
        # 02:30 is twice: the shift begins at the first.
        (date(2026, 10, 25), time(2, 30), utc(2026, 10, 25, 0, 30)),
    ],
)
def test_a_shift_that_starts_in_the_changed_hour(day: date, start: time, begins: datetime) -> None:
    shift = shifts_on(day, [start, time(14)], BERLIN)[0]
    assert shift.starts_at == begins


def test_a_shift_that_lies_wholly_in_the_lost_hour_is_not_there() -> None:
    starts = [time(2, 10), time(2, 40), time(14)]
    names = [shift.name for shift in shifts_on(date(2026, 3, 29), starts, BERLIN)]
    assert names == ["02:40-14:00", "14:00-02:10"]
    ordinary = [shift.name for shift in shifts_on(date(2026, 3, 28), starts, BERLIN)]
    assert ordinary == ["02:10-02:40", "02:40-14:00", "14:00-02:10"]


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001  # hypothesis wants naive ends
    st.lists(st.times().map(lambda t: t.replace(tzinfo=None)), min_size=1, max_size=4),
    st.sampled_from([BERLIN, NEW_YORK, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC")]),
)
def test_every_moment_lies_in_exactly_one_shift(
    moment: datetime, starts: list[time], zone: ZoneInfo
) -> None:
    shift = shift_at(moment, starts, zone)
    assert shift.starts_at <= moment < shift.ends_at
    assert previous(shift, starts, zone).ends_at == shift.starts_at
    assert following(shift, starts, zone).starts_at == shift.ends_at
    assert 0 < shift.hours <= 25


def test_eight_hour_shifts() -> None:
    shifts = shifts_on(date(2026, 11, 23), [time(22), time(6), time(14)], BERLIN)
    assert [s.name for s in shifts] == ["06:00-14:00", "14:00-22:00", "22:00-06:00"]
    assert [s.hours for s in shifts] == [8, 8, 8]


def test_a_unit_without_shift_times_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one time"):
        shifts_on(date(2026, 11, 23), [], BERLIN)


def test_a_time_that_was_typed_is_read_in_the_units_zone() -> None:
    assert local_to_utc(datetime(2026, 7, 1, 12), BERLIN) == utc(2026, 7, 1, 10)  # noqa: DTZ001  # as typed
    assert local_to_utc(datetime(2026, 7, 1, 12), NEW_YORK) == utc(2026, 7, 1, 16)  # noqa: DTZ001  # as typed


@pytest.mark.parametrize(
    ("zone", "typed"),
    [
        (BERLIN, datetime(2026, 3, 29, 2, 30)),  # noqa: DTZ001  # as typed
        (NEW_YORK, datetime(2026, 3, 8, 2, 0)),  # noqa: DTZ001  # as typed
    ],
)
def test_a_time_that_never_was_is_refused(zone: ZoneInfo, typed: datetime) -> None:
    with pytest.raises(LocalTimeError, match="did not exist") as refused:
        local_to_utc(typed, zone)
    assert refused.value.choices == ()


@pytest.mark.parametrize(
    ("zone", "typed", "choices"),
    [
        (BERLIN, datetime(2026, 10, 25, 2, 30), (utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30))),  # noqa: DTZ001, E501  # as typed
        (NEW_YORK, datetime(2026, 11, 1, 1, 30), (utc(2026, 11, 1, 5, 30), utc(2026, 11, 1, 6, 30))),  # noqa: DTZ001, E501  # as typed
    ],
)  # fmt: skip
def test_a_time_that_was_twice_gives_both_to_choose_from(
    zone: ZoneInfo, typed: datetime, choices: tuple[datetime, datetime]
) -> None:
    with pytest.raises(LocalTimeError, match="was twice") as refused:
        local_to_utc(typed, zone)
    assert refused.value.choices == choices


@pytest.mark.parametrize(
    ("moment", "repeated"),
    [
        (utc(2026, 10, 24, 23, 59), False),
        (utc(2026, 10, 25, 0, 0), True),
        (utc(2026, 10, 25, 1, 59), True),
        (utc(2026, 10, 25, 2, 0), False),
        (utc(2026, 3, 29, 1, 0), False),
    ],
)
def test_the_repeated_hour_is_known(moment: datetime, repeated: bool) -> None:
    assert is_repeated(moment, BERLIN) is repeated
