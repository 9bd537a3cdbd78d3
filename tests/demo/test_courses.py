"""What the demo invents: the same every time, shaped like what was published, and never absurd."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.clinical import scale
from backend.demo import courses
from backend.demo.people import KINDS, Kind, on_shift, person

OPIOIDS = [one for number in range(1, 1_500) if (one := person(number)).kind is Kind.OPIOIDS]


def test_a_number_makes_the_same_person_and_the_same_course_every_time() -> None:
    assert person(7) == person(7)
    assert person(7) != person(8)
    assert courses.at_hour(person(7), 31.5) == courses.at_hour(person(7), 31.5)


@pytest.mark.parametrize("day", range(14))
def test_the_daily_worst_is_shared_out_as_in_the_trial(day: int) -> None:
    """To seven points in a hundred: of some four hundred people that is three times the spread."""
    scored, *published = courses.CTN_0097[day]
    worst = [courses.worst_cows(one, day) for one in OPIOIDS]
    for limit, known in zip((8, 5, 4), published, strict=True):
        share = sum(total >= limit for total in worst) / len(worst)
        assert share == pytest.approx(known / scored, abs=0.07)


@pytest.mark.parametrize(
    ("share", "minutes"), [(0.0, 0), (0.5, 15), (0.9, 85), (0.95, 124), (0.99, 249)]
)
def test_sets_are_written_down_as_late_as_in_the_record(share: float, minutes: int) -> None:
    assert courses.delay_minutes(share) == pytest.approx(minutes)
    assert courses.delay_minutes(0.9999) < courses.LONGEST_DELAY


@given(number=st.integers(1, 5_000), hour=st.floats(0, 400))
def test_what_is_found_can_be_written_down(number: int, hour: float) -> None:
    someone = person(number)
    found = courses.at_hour(someone, hour)
    rng = random.Random(number)  # noqa: S311 (invents)
    assert set(found.totals) == set(courses.INSTRUMENTS[someone.kind])
    for name, total in found.totals.items():
        answers = courses.answers_adding_up_to(name, total, rng)
        score = scale.score(scale.latest()[name], answers)
        assert score.total == total
        assert not score.alarms


def test_somebody_who_gets_worse_is_one_whom_the_ward_must_not_miss() -> None:
    rng = random.Random(1)  # noqa: S311 (invents)
    calm = courses.Found(totals={}, strain=0.3, sinking=0.0)
    lowest = courses.Found(totals={}, strain=0.5, sinking=1.0)
    assert (courses.sinking_signs(rng, calm).respiratory_rate_per_min or 0) < 20
    assert (courses.sinking_signs(rng, lowest).respiratory_rate_per_min or 0) >= 25
    assert (courses.sinking_signs(rng, lowest).spo2_percent or 100) <= 93


def test_every_kind_has_a_scale_a_stay_and_a_use() -> None:
    assert set(KINDS) == set(Kind) == set(courses.INSTRUMENTS)
    assert all(0 < shortest < longest and uses for _, shortest, longest, uses in KINDS.values())


@pytest.mark.parametrize(
    ("hour", "has_it"), [(6.9, "noah"), (7, "nora"), (18.9, "nora"), (19, "noah")]
)
def test_who_has_the_shift(hour: float, has_it: str) -> None:
    assert has_it in on_shift(hour)
