"""CIWA-B against the structure of Busto 1989 and the bands of the usual form."""

from decimal import Decimal

import pytest

from backend.clinical import scale
from tests.clinical.build import CIWA_B, total, zeros


def test_it_has_twenty_scored_items_and_two_that_are_never_added() -> None:
    assert len(CIWA_B.items) == 20
    assert [entry.id for entry in CIWA_B.unscored] == ["sleep_hours", "sleep_latency_min"]
    assert [i.id for i in CIWA_B.items if i.rater == "observed"] == [
        "obs_restless",
        "obs_tremor",
        "obs_sweat",
    ]
    assert all(item.legal == (0, 1, 2, 3, 4) for item in CIWA_B.items)


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        (0, "none"),
        (1, "mild"),
        (20, "mild"),
        (21, "moderate"),
        (40, "moderate"),
        (41, "severe"),
        (60, "severe"),
        (61, "very severe"),
        (80, "very severe"),
    ],
)
def test_the_usual_form_bands(wanted: int, word: str) -> None:
    score = total(CIWA_B, wanted)
    assert score.status == "ok"
    assert score.total == wanted
    assert score.band is not None
    assert (score.band.word, score.band_system) == (word, "usual-form")


def test_all_ones_total_twenty_and_all_fours_eighty() -> None:
    assert scale.score(CIWA_B, {item.id: 1 for item in CIWA_B.items}).total == 20
    assert scale.score(CIWA_B, {item.id: 4 for item in CIWA_B.items}).total == 80


@pytest.mark.parametrize(("wanted", "word"), [(19, "mild"), (20, "moderate"), (41, "severe")])
def test_wikem_differs_at_exactly_twenty(wanted: int, word: str) -> None:
    score = scale.score(CIWA_B, total(CIWA_B, wanted).answers, band_system="wikem")
    assert score.band is not None
    assert score.band.word == word


def test_the_sleep_anchors_are_turned_round_so_the_number_is_stored_as_it_is() -> None:
    for name, best in (("sleep_restful", "very restful"), ("sleep_enough", "yes, fully")):
        item = CIWA_B.by_id[name]
        assert item.anchors[0] == best
        assert item.anchors[4].startswith("not")
        assert item.asked_daily
    assert scale.score(CIWA_B, zeros(CIWA_B)).total == 0
    worst = scale.score(CIWA_B, zeros(CIWA_B, sleep_restful=4, sleep_enough=4))
    assert worst.total == 8
    assert worst.band is not None
    assert worst.band.word == "mild"


def test_hours_slept_and_minutes_to_fall_asleep_change_no_total() -> None:
    answers = {**zeros(CIWA_B), "sleep_hours": Decimal("3.5"), "sleep_latency_min": 120}
    score = scale.score(CIWA_B, answers)
    assert score.total == 0
    assert dict(score.unscored) == {"sleep_hours": Decimal("3.5"), "sleep_latency_min": 120}
    assert "sleep_hours" not in score.answers


@pytest.mark.parametrize("hours", [25, -1, Decimal("NaN"), Decimal("Infinity"), True, "7"])
def test_impossible_hours_of_sleep_are_refused(hours: scale.Answer) -> None:
    score = scale.score(CIWA_B, {**zeros(CIWA_B), "sleep_hours": hours})
    assert score.status == "invalid"
    assert score.illegal["sleep_hours"] == "Hours slept must be a number from 0 to 24 h."


def test_nineteen_ones_and_one_missing_are_incomplete_between_nineteen_and_twentythree() -> None:
    answers: dict[str, scale.Answer | None] = {item.id: 1 for item in CIWA_B.items}
    score = scale.score(CIWA_B, answers | {"upset": None})
    assert score.status == "incomplete"
    assert score.total is None
    assert score.band is None
    assert (score.lowest, score.highest) == (19, 23)
    assert score.possible == (19, 20, 21, 22, 23)
    assert [band.word for band in score.possible_bands] == ["mild", "moderate"]
    assert score.missing == ("upset",)


@pytest.mark.parametrize("observed", ["obs_restless", "obs_tremor", "obs_sweat"])
def test_an_observed_item_at_its_worst_raises_its_own_alarm_under_a_mild_total(
    observed: str,
) -> None:
    score = scale.score(CIWA_B, zeros(CIWA_B, **{observed: 4}))
    assert score.total == 4
    assert [(alarm.items, alarm.level) for alarm in score.alarms] == [((observed,), "urgent")]
    assert scale.score(CIWA_B, zeros(CIWA_B, **{observed: 3})).alarms == ()


def test_all_observed_items_at_their_worst_are_still_mild() -> None:
    score = scale.score(CIWA_B, zeros(CIWA_B, obs_restless=4, obs_tremor=4, obs_sweat=4))
    assert score.total == 12
    assert score.band is not None
    assert score.band.word == "mild"
    assert len(score.alarms) == 3
