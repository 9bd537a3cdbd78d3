"""NEWS2 against every edge of chart 4, and the mistakes that public calculators make."""

from decimal import Decimal
from typing import Any

import pytest

from backend.clinical import scale
from backend.clinical.vitals import Vitals
from tests.clinical.build import NEWS2, WELL


def news2(**changed: Any) -> scale.Score:
    return scale.score(NEWS2, {**WELL, **changed})


EDGES: dict[str, list[tuple[Any, int]]] = {
    "respiratory_rate_per_min": [
        (0, 3), (8, 3), (9, 1), (11, 1), (12, 0), (20, 0), (21, 2), (24, 2), (25, 3), (60, 3),
    ],
    "spo2_percent": [
        (48, 3), (91, 3), (92, 2), (93, 2), (94, 1), (95, 1), (96, 0), (99, 0), (100, 0),
    ],
    "systolic_mmhg": [
        (40, 3), (90, 3), (91, 2), (100, 2), (101, 1), (110, 1), (111, 0), (219, 0), (220, 3),
        (165, 0),
    ],
    "pulse_per_min": [
        (20, 3), (40, 3), (41, 1), (50, 1), (51, 0), (90, 0), (91, 1), (110, 1), (111, 2),
        (130, 2), (131, 3), (230, 3),
    ],
    "temperature_c": [
        ("31.0", 3), ("35.0", 3), ("35.1", 1), ("36.0", 1), ("36.1", 0), ("37.5", 0), ("38.0", 0),
        ("38.1", 1), ("39.0", 1), ("39.1", 2), ("42.0", 2),
    ],
    "consciousness": [("A", 0), ("C", 3), ("V", 3), ("P", 3), ("U", 3)],
    "on_oxygen": [(False, 0), (True, 2)],
}  # fmt: skip


@pytest.mark.parametrize(
    ("parameter", "value", "points"),
    [(name, value, points) for name, rows in EDGES.items() for value, points in rows],
)
def test_each_edge_of_the_chart(parameter: str, value: Any, points: int) -> None:
    answer = Decimal(value) if parameter == "temperature_c" else value
    score = news2(**{parameter: answer})
    assert score.status == "ok"
    assert score.points[parameter] == points
    assert score.total == points
    assert score.red == ((parameter,) if points == 3 else ())


@pytest.mark.parametrize(
    ("spo2", "on_oxygen", "points"),
    [(s, o, p) for o in (False, True) for s, p in ((83, 3), (84, 2), (85, 2), (86, 1), (87, 1))]
    + [(88, False, 0), (92, False, 0), (93, False, 0), (96, False, 0), (98, False, 0)]
    + [(88, True, 0), (92, True, 0), (93, True, 1), (94, True, 1), (95, True, 2), (96, True, 2)]
    + [(97, True, 3), (98, True, 3), (100, True, 3)],
)
def test_scale_two_never_costs_points_for_a_high_saturation_on_air(
    spo2: int, on_oxygen: bool, points: int
) -> None:
    score = news2(spo2_percent=spo2, on_oxygen=on_oxygen, spo2_scale=2)
    assert score.points["spo2_percent"] == points
    assert score.total == points + (2 if on_oxygen else 0)


def test_scale_two_on_oxygen_at_98_totals_five_with_a_single_three() -> None:
    score = news2(spo2_percent=98, on_oxygen=True, spo2_scale=2)
    assert (score.total, score.red) == (5, ("spo2_percent",))


def test_scale_one_has_no_penalty_for_99_on_oxygen_beyond_the_oxygen() -> None:
    score = news2(spo2_percent=99, on_oxygen=True)
    assert dict(score.points)["spo2_percent"] == 0
    assert score.total == 2


def test_one_and_two_are_not_a_single_three() -> None:
    score = news2(spo2_percent=93, on_oxygen=True, spo2_scale=2)
    assert score.total == 3
    assert score.red == ()
    assert score.band is not None
    assert score.band.word == "low"


def test_a_single_three_shows_at_a_total_of_three_and_four_and_at_five_and_more() -> None:
    for changed, total, word in (
        ({"respiratory_rate_per_min": 8}, 3, "low-medium"),
        ({"respiratory_rate_per_min": 8, "spo2_percent": 95}, 4, "low-medium"),
        ({"respiratory_rate_per_min": 8, "spo2_percent": 93}, 5, "medium"),
        ({"respiratory_rate_per_min": 8, "spo2_percent": 91, "pulse_per_min": 91}, 7, "high"),
    ):
        score = news2(**changed)
        assert score.total == total
        assert score.band is not None
        assert score.band.word == word
        assert "respiratory_rate_per_min" in score.red


@pytest.mark.parametrize(
    ("changed", "total", "word"),
    [
        ({}, 0, "low"),
        ({"pulse_per_min": 91}, 1, "low"),
        ({"pulse_per_min": 111, "respiratory_rate_per_min": 21}, 4, "low"),
        ({"pulse_per_min": 111, "respiratory_rate_per_min": 21, "spo2_percent": 95}, 5, "medium"),
        ({"pulse_per_min": 111, "respiratory_rate_per_min": 21, "spo2_percent": 93}, 6, "medium"),
        ({"pulse_per_min": 131, "respiratory_rate_per_min": 21, "spo2_percent": 93}, 7, "high"),
    ],
)
def test_the_thresholds_of_the_chart(changed: dict[str, Any], total: int, word: str) -> None:
    score = news2(**changed)
    assert score.total == total
    assert score.band is not None
    assert score.band.word == word


@pytest.mark.parametrize(
    ("name", "values", "total", "word"),
    [
        ("over-sedation", (8, 92, 105, 58, "V", "36.2"), 9, "high"),
        ("autonomic withdrawal", (22, 97, 165, 124, "A", "38.3"), 5, "medium"),
        ("delirium tremens", (24, 95, 170, 135, "C", "38.6"), 10, "high"),
    ],
)
def test_the_pictures_of_a_detox_unit(
    name: str, values: tuple[int, int, int, int, str, str], total: int, word: str
) -> None:
    rate, spo2, systolic, pulse, consciousness, temperature = values
    score = news2(
        respiratory_rate_per_min=rate,
        spo2_percent=spo2,
        systolic_mmhg=systolic,
        pulse_per_min=pulse,
        consciousness=consciousness,
        temperature_c=Decimal(temperature),
    )
    assert score.total == total, name
    assert score.band is not None
    assert score.band.word == word


def test_the_ceiling_is_20() -> None:
    score = news2(
        respiratory_rate_per_min=25,
        spo2_percent=91,
        on_oxygen=True,
        systolic_mmhg=90,
        pulse_per_min=131,
        consciousness="U",
        temperature_c=Decimal("35.0"),
    )
    assert score.total == 20


def test_a_missing_rate_does_not_hide_what_is_known() -> None:
    score = scale.score(NEWS2, {"systolic_mmhg": 85, "consciousness": "V"})
    assert score.status == "incomplete"
    assert (score.total, score.band) == (None, None)
    assert score.lowest == 6
    assert score.red == ("systolic_mmhg", "consciousness")
    assert [band.word for band in score.possible_bands] == ["medium", "high"]
    assert score.missing == (
        "respiratory_rate_per_min",
        "spo2_percent",
        "on_oxygen",
        "pulse_per_min",
        "temperature_c",
    )


def test_on_scale_two_the_points_of_a_saturation_wait_for_air_or_oxygen() -> None:
    score = scale.score(NEWS2, {**WELL, "spo2_percent": 97, "spo2_scale": 2, "on_oxygen": None})
    assert score.status == "incomplete"
    assert "spo2_percent" not in score.points
    assert score.possible == (0, 5)
    low = scale.score(NEWS2, {**WELL, "spo2_percent": 85, "spo2_scale": 2, "on_oxygen": None})
    assert low.points["spo2_percent"] == 2
    assert low.possible == (2, 4)


def test_an_incomplete_set_with_a_red_value_is_low_medium_at_least() -> None:
    score = scale.score(NEWS2, {**WELL, "consciousness": "V", "temperature_c": None})
    assert [band.word for band in score.possible_bands] == ["low-medium", "medium"]


@pytest.mark.parametrize(
    ("typed", "points"),
    [("36.04", 1), ("36.05", 0), ("36.1", 0), ("38.04", 0), ("38.05", 1), ("35.04", 3)],
)
def test_temperatures_are_rounded_to_a_tenth_before_scoring(typed: str, points: int) -> None:
    assert news2(temperature_c=Decimal(typed)).points["temperature_c"] == points


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("systolic_mmhg", 11647),
        ("systolic_mmhg", 0),
        ("spo2_percent", 101),
        ("spo2_percent", 29),
        ("respiratory_rate_per_min", 118),
        ("respiratory_rate_per_min", -999),
        ("respiratory_rate_per_min", Decimal("16.5")),
        ("respiratory_rate_per_min", True),
        ("respiratory_rate_per_min", "16"),
        ("pulse_per_min", 0),
        ("pulse_per_min", 3),
        ("pulse_per_min", 8388607),
        ("temperature_c", Decimal("384.5")),
        ("temperature_c", Decimal("NaN")),
        ("temperature_c", Decimal("sNaN")),
        ("temperature_c", Decimal("-Infinity")),
        ("temperature_c", Decimal("1e400")),
        ("temperature_c", 36.6),
        ("consciousness", "a"),
        ("consciousness", "X"),
        ("consciousness", ""),
        ("consciousness", 0),
        ("on_oxygen", 0),
        ("on_oxygen", "false"),
        ("spo2_scale", 3),
        ("spo2_scale", True),
        ("diastolic_mmhg", 80),
    ],
)
def test_what_cannot_be_is_invalid_and_never_scored(parameter: str, value: Any) -> None:
    score = news2(**{parameter: value})
    assert score.status == "invalid"
    assert (score.total, score.band, score.lowest, score.red) == (None, None, None, ())
    assert list(score.illegal) == [parameter]
    assert parameter not in score.answers


def test_an_invalid_set_has_no_red_value_either() -> None:
    score = news2(systolic_mmhg=11647, respiratory_rate_per_min=8)
    assert (score.status, score.red, score.total) == ("invalid", (), None)


def test_a_whole_number_may_come_as_a_decimal() -> None:
    assert news2(respiratory_rate_per_min=Decimal(25)).points["respiratory_rate_per_min"] == 3


def test_it_reads_a_set_of_vital_signs_without_what_it_does_not_score() -> None:
    vitals = Vitals(respiratory_rate_per_min=8, diastolic_mmhg=60, oxygen_l_per_min=Decimal(2))
    answers = scale.vital_answers(NEWS2, vitals, spo2_scale=2)
    assert answers["spo2_scale"] == 2
    assert "diastolic_mmhg" not in answers
    score = scale.score(NEWS2, answers)
    assert (score.status, score.lowest) == ("incomplete", 3)


# What three public calculators and two FHIR examples get wrong.
@pytest.mark.parametrize(
    ("changed", "parameter", "right"),
    [
        ({"spo2_percent": 93, "spo2_scale": 2}, "spo2_percent", 0),
        ({"spo2_percent": 95, "spo2_scale": 2}, "spo2_percent", 0),
        ({"spo2_percent": 97, "spo2_scale": 2}, "spo2_percent", 0),
        ({"temperature_c": Decimal("37.5")}, "temperature_c", 0),
        ({"spo2_percent": 94, "spo2_scale": 2, "on_oxygen": True}, "spo2_percent", 1),
        ({"respiratory_rate_per_min": 22}, "respiratory_rate_per_min", 2),
        ({"systolic_mmhg": 100}, "systolic_mmhg", 2),
        ({"spo2_percent": 93, "on_oxygen": True}, "spo2_percent", 2),
    ],
)
def test_the_mistakes_of_public_calculators_are_not_made(
    changed: dict[str, Any], parameter: str, right: int
) -> None:
    assert news2(**changed).points[parameter] == right
