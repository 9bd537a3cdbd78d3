"""What the next hours ask: visits, counted by hour and by whose they are."""

from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

from backend.clinical import forecast
from backend.clinical.forecast import Coming
from backend.clinical.task import Machine, Ordered
from tests.clinical.build import at, default_protocol

PROTOCOL = default_protocol()
TOGETHER = timedelta(minutes=30)


def coming(
    stay_id: int, due: float, minutes: int, owner: int | None = None, **said: object
) -> Coming:
    its = Machine(
        ordered=Ordered(interval_minutes=minutes, starts_at=at(due), **said),  # type: ignore[arg-type]
        protocol=PROTOCOL,
        zone=ZoneInfo("UTC"),
    )
    return Coming(stay_id=stay_id, owner=owner, its=its, task=its.first())


def test_what_is_overdue_is_due_now_and_the_next_counts_from_then() -> None:
    one = coming(1, -50, 60)
    dues = list(forecast.dues(one.its, one.task, start=at(0), end=at(240)))
    assert dues == [at(0), at(60), at(120), at(180)]


def test_an_order_that_ends_asks_for_nothing_after_its_end_and_once_is_once() -> None:
    ends = coming(1, 0, 60, until_at=at(100))
    assert list(forecast.dues(ends.its, ends.task, start=at(0), end=at(240))) == [at(0), at(60)]
    once = coming(1, 30, 30, once=True)
    assert list(forecast.dues(once.its, once.task, start=at(0), end=at(240))) == [at(30)]


def test_fixed_times_stay_fixed() -> None:
    # The evening begins at 19:00 UTC.
    fixed = coming(1, 0, 1380, at_times=(time(20), time(21)))
    assert list(forecast.dues(fixed.its, fixed.task, start=at(0), end=at(240))) == [at(60), at(120)]


def test_what_falls_due_at_one_bed_within_half_an_hour_is_one_visit() -> None:
    found = forecast.visits(
        [coming(1, 0, 240), coming(1, 30, 240), coming(1, 31, 240), coming(2, 5, 240)],
        start=at(0),
        hours=4,
        together=TOGETHER,
    )
    assert [(one.stay_id, one.at, one.tasks) for one in found] == [
        (1, at(0), 2),
        (2, at(5), 1),
        (1, at(31), 1),
    ]


def test_visits_are_counted_by_hour_and_by_whose_they_are() -> None:
    found = forecast.visits(
        [coming(1, 0, 60, owner=7), coming(2, 59, 120, owner=7), coming(3, 239, 60)],
        start=at(0),
        hours=4,
        together=TOGETHER,
    )
    counted = forecast.by_hour(found, start=at(0), hours=4)
    assert counted == {7: (2, 1, 2, 1), None: (0, 0, 0, 1)}
    late = replace(found[0], at=at(239))
    assert forecast.by_hour([late], start=at(0), hours=4) == {7: (0, 0, 0, 1)}
