"""When a set is due, late and missed, and how its total shortens what was ordered."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from backend.clinical import scale, schedule
from tests.clinical.build import (
    ACVPU,
    CIWA_AR,
    CIWA_B,
    COWS,
    NEWS2,
    WELL,
    at,
    default_protocol,
    total,
    zeros,
)

PROTOCOL = default_protocol()


@pytest.mark.parametrize(
    ("interval", "grace"),
    [(5, 5), (15, 5), (20, 5), (24, 6), (30, 7.5), (60, 15), (120, 30), (240, 30), (1440, 30)],
)
def test_grace_is_a_quarter_but_at_least_five_and_at_most_thirty_minutes(
    interval: int, grace: float
) -> None:
    assert schedule.grace(interval, PROTOCOL) == timedelta(minutes=grace)


def test_a_set_is_missed_when_the_next_one_falls_due() -> None:
    times = schedule.times(at(0), 240, PROTOCOL)
    assert (times.due_at, times.late_at, times.missed_at) == (at(0), at(30), at(240))


def test_no_grace_reaches_past_the_next_round() -> None:
    protocol = replace(PROTOCOL, grace=replace(PROTOCOL.grace, at_least_minutes=20))
    times = schedule.times(at(0), 15, protocol)
    assert times.late_at == times.missed_at == at(15)


def test_the_next_is_counted_from_when_it_was_truly_done() -> None:
    assert schedule.next_due(at(10), 240) == at(250)


@pytest.mark.parametrize(
    ("now", "done", "state"),
    [
        (-1, None, "scheduled"),
        (0, None, "due"),
        (30, None, "due"),
        (30.1, None, "late"),
        (239.9, None, "late"),
        (240, None, "missed"),
        (300, -5, "done"),
        (300, 30, "done"),
        (300, 30.1, "done_late"),
        (300, 239.9, "done_late"),
        # What is done after the next one fell due does not make this one done.
        (300, 240, "missed"),
        (239, 240, "late"),
    ],
)
def test_the_states_of_a_round(now: float, done: float | None, state: str) -> None:
    times = schedule.times(at(0), 240, PROTOCOL)
    done_at = None if done is None else at(done)
    assert schedule.state(times, at(now), done_at) == state


@pytest.mark.parametrize(
    ("instrument", "wanted", "ordered", "minutes"),
    [
        (CIWA_B, 0, 360, 360),
        (CIWA_B, 20, 360, 360),
        (CIWA_B, 21, 360, 240),
        (CIWA_B, 40, 360, 240),
        (CIWA_B, 41, 360, 120),
        (CIWA_B, 60, 360, 120),
        (CIWA_B, 61, 360, 60),
        (CIWA_AR, 9, 240, 240),
        (CIWA_AR, 10, 240, 120),
        (CIWA_AR, 20, 240, 120),
        (CIWA_AR, 21, 240, 60),
        (COWS, 12, 360, 360),
        (COWS, 14, 360, 240),
        (COWS, 30, 360, 120),
        # The state of the patient never lengthens what was ordered.
        (CIWA_B, 0, 60, 60),
        (CIWA_AR, 21, 30, 30),
    ],
)
def test_the_total_shortens_and_never_lengthens(
    instrument: scale.Instrument, wanted: int, ordered: int, minutes: int
) -> None:
    score = total(instrument, wanted)
    assert schedule.interval(PROTOCOL, instrument.key, score, ordered) == minutes


@pytest.mark.parametrize(
    ("changed", "minutes"),
    [
        ({}, 720),
        ({"pulse_per_min": 91}, 360),
        ({"pulse_per_min": 111, "temperature_c": Decimal("39.1")}, 360),
        ({"respiratory_rate_per_min": 8}, 60),
        ({"pulse_per_min": 111, "respiratory_rate_per_min": 21, "spo2_percent": 95}, 60),
        ({"pulse_per_min": 131, "respiratory_rate_per_min": 25, "spo2_percent": 95}, 15),
    ],
)
def test_news2_asks_for_the_minimum_of_the_chart(
    changed: dict[str, scale.Answer], minutes: int
) -> None:
    score = scale.score(NEWS2, {**WELL, **changed})
    assert schedule.interval(PROTOCOL, "news2", score, 1440) == minutes


def test_an_incomplete_set_shortens_by_the_least_that_it_can_be() -> None:
    score = scale.score(CIWA_B, zeros(CIWA_B) | {i.id: 4 for i in CIWA_B.items[:11]})
    incomplete = scale.score(CIWA_B, {**score.answers, "upset": None})
    assert incomplete.lowest == 40
    assert schedule.interval(PROTOCOL, "ciwa-b", incomplete, 360) == 240
    red = scale.score(NEWS2, {"respiratory_rate_per_min": 8})
    assert schedule.interval(PROTOCOL, "news2", red, 240) == 60


def test_without_a_score_or_a_table_the_order_stands() -> None:
    assert schedule.interval(PROTOCOL, "ciwa-b", None, 360) == 360
    invalid = scale.score(CIWA_B, {"upset": 9})
    assert schedule.interval(PROTOCOL, "ciwa-b", invalid, 360) == 360
    awake = scale.score(ACVPU, {"consciousness": "A"})
    assert schedule.interval(PROTOCOL, "acvpu", awake, 60) == 60
