"""The drawing tells the truth: gaps are gaps, lower bounds are open, days of 25 hours are long."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from backend.observations.chart.plot import LEFT, RIGHT, Axis, Value, joined

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 17, 1, tzinfo=UTC)


def values(*hours: float, sure: tuple[bool, ...] = ()) -> list[Value]:
    known = sure or (True,) * len(hours)
    return [
        Value(at=NOW - timedelta(hours=24 - hour), value=hour, shown="", title="", sure=is_sure)
        for hour, is_sure in zip(hours, known, strict=True)
    ]


def runs(found: list[Value], *breaks: float, longest: float = 8) -> list[list[float]]:
    moments = [NOW - timedelta(hours=24 - hour) for hour in breaks]
    drawn, gaps = joined(found, moments, timedelta(hours=longest))
    assert len(gaps) == max(0, len(drawn) - 1)
    return [[one.value for one in run] for run in drawn]


def test_values_that_follow_each_other_are_joined() -> None:
    assert runs(values(0, 4, 8)) == [[0, 4, 8]]


def test_no_line_is_drawn_through_a_sleep_or_a_refusal() -> None:
    assert runs(values(0, 4, 8), 6) == [[0, 4], [8]]


def test_what_happened_at_a_value_is_not_between_two() -> None:
    assert runs(values(0, 4, 8), 4) == [[0, 4, 8]]


def test_no_line_is_drawn_through_a_long_silence() -> None:
    assert runs(values(0, 4, 13)) == [[0, 4], [13]]


def test_no_line_is_drawn_to_a_lower_bound() -> None:
    assert runs(values(0, 4, 8, sure=(True, False, True))) == [[0], [4], [8]]


def test_nothing_draws_nothing() -> None:
    assert joined([], [], timedelta(hours=1)) == ([], [])


def axis(start: datetime, hours: float) -> Axis:
    end = start + timedelta(hours=hours)
    return Axis(start=start, end=end, now=end, zone=BERLIN)


@pytest.mark.parametrize(
    ("start", "hours", "repeated"),
    [
        (datetime(2026, 10, 24, 22, tzinfo=UTC), 25, 1),
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 23, 0),
    ],
)
def test_hours_are_as_long_on_the_nights_when_the_clocks_change(
    start: datetime, hours: int, repeated: int
) -> None:
    ticks = axis(start, hours).ticks
    words = [tick.words for tick in ticks]
    assert words[0] == words[-1] == "00:00"
    assert words.count("02:00") == 1 + repeated or "02:00" not in words
    steps = {round(b.x - a.x, 0) for a, b in pairwise(ticks)}
    hour = (RIGHT - LEFT) / hours
    assert steps <= {round(n * hour + d, 0) for n in (1, 2, 3) for d in (-0.6, 0, 0.6)}


def test_a_month_has_days_not_hours() -> None:
    ticks = axis(datetime(2026, 10, 10, tzinfo=UTC), 30 * 24).ticks
    assert 6 <= len(ticks) <= 12
    assert all(":" not in tick.words for tick in ticks)


def test_shift_boundaries_are_the_units_own() -> None:
    drawn = axis(datetime(2026, 11, 16, 0, tzinfo=UTC), 36)
    starts = drawn.shifts([time(7), time(19)])
    expected = [datetime(2026, 11, 16, hour, tzinfo=UTC) for hour in (6, 18)]
    expected.append(datetime(2026, 11, 17, 6, tzinfo=UTC))
    assert [x for x, _ in starts] == [drawn.x(at) for at in expected]
    assert axis(datetime(2026, 11, 1, tzinfo=UTC), 30 * 24).shifts([time(7)]) == []


def test_the_hour_that_comes_twice_says_which_of_the_two_it_is() -> None:
    night = axis(datetime(2026, 10, 24, 22, tzinfo=UTC), 12).ticks
    twice = [(tick.words, tick.day) for tick in night if tick.words == "02:00"]
    assert twice == [("02:00", "CEST"), ("02:00", "CET")]
    assert all(tick.day == "" for tick in night if tick.words == "03:00")
