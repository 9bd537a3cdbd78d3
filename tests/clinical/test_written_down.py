"""What is written down without a score: glucose, fluids, safety and sleep checks."""

from decimal import Decimal

import pytest

from backend.clinical import scale
from backend.clinical.definition import Answer
from tests.clinical.build import said, seen

LATEST = scale.latest()
NOT_SCORED = ("glucose", "fluid", "safety", "sleep")


def score(key: str, **answers: Answer) -> scale.Score:
    return scale.score(LATEST[key], answers)


@pytest.mark.parametrize("key", NOT_SCORED)
def test_nothing_is_added_up(key: str) -> None:
    instrument = LATEST[key]
    whole = {item.id: item.legal[0] for item in instrument.items}
    whole |= {entry.id: int(entry.high) for entry in instrument.unscored if not entry.same_as}
    found = scale.score(instrument, whole)
    assert found.status == "ok"
    assert (found.total, found.lowest, found.highest, found.band) == (None, None, None, None)
    assert scale.score(instrument, {}).status == "incomplete"


@pytest.mark.parametrize(
    ("mmol", "alarms"),
    [("2.9", ["very-low"]), ("3.0", ["low"]), ("3.9", ["low"]), ("4.0", []), ("11.0", [])],
)
def test_low_sugar_calls_at_its_limits(mmol: str, alarms: list[str]) -> None:
    found = score("glucose", glucose_mmol_per_l=Decimal(mmol))
    assert [alarm.id for alarm in found.alarms] == alarms
    assert found.value == Decimal(mmol)


@pytest.mark.parametrize(
    ("mg", "mmol", "alarms"),
    [(53, "2.9", ["very-low"]), (54, "3.0", ["low"]), (70, "3.9", ["low"]), (72, "4.0", []),
     (90, "5.0", []), (180, "10.0", []), (900, "50.0", [])],
)  # fmt: skip
def test_mg_per_dl_is_stored_as_mmol_per_l(mg: int, mmol: str, alarms: list[str]) -> None:
    found = score("glucose", glucose_mg_per_dl=mg)
    assert found.unscored == {"glucose_mmol_per_l": Decimal(mmol)}
    assert [alarm.id for alarm in found.alarms] == alarms


def test_the_two_units_must_not_contradict_each_other() -> None:
    same = score("glucose", glucose_mg_per_dl=90, glucose_mmol_per_l=Decimal("5.0"))
    assert same.status == "ok"
    other = score("glucose", glucose_mg_per_dl=90, glucose_mmol_per_l=Decimal("9.0"))
    assert other.status == "invalid"
    assert "another value" in other.illegal["glucose_mg_per_dl"]


@pytest.mark.parametrize(
    "answers",
    [{"glucose_mmol_per_l": Decimal("0.5")}, {"glucose_mmol_per_l": Decimal("50.1")},
     {"glucose_mmol_per_l": Decimal("NaN")}, {"glucose_mg_per_dl": 10},
     {"glucose_mg_per_dl": 901}, {"meter": "X"}],
)  # fmt: skip
def test_what_no_meter_shows_is_invalid(answers: dict[str, Answer]) -> None:
    assert score("glucose", **answers).status == "invalid"


def test_a_meter_that_shows_no_number_is_written_down_and_calls() -> None:
    low, high = score("glucose", meter="L"), score("glucose", meter="H")
    assert [(a.id, a.level) for a in low.alarms] == [("meter-low", "emergency")]
    assert [(a.id, a.level) for a in high.alarms] == [("meter-high", "urgent")]
    assert low.unscored == {}


def test_fluids_are_whole_millilitres_within_reason() -> None:
    assert score("fluid", oral_in_ml=250).unscored == {"oral_in_ml": 250}
    assert score("fluid", oral_in_ml=5001).status == "invalid"
    assert score("fluid", urine_out_ml=-1).status == "invalid"


def test_a_safety_check_needs_where_and_what_and_nothing_else() -> None:
    assert score("safety", place="R").status == "incomplete"
    assert score("safety", place="R", doing="Q").status == "ok"
    assert score("safety", place="R", doing="Z").status == "invalid"


@pytest.mark.parametrize(
    ("key", "answers", "alarm", "level"),
    [
        ("safety", {"place": "R", "doing": "S", "breathing": "N"}, "not-breathing", "emergency"),
        ("safety", {"place": "R", "doing": "Q", "concern": "Y"}, "concern", "urgent"),
        ("sleep", {"response": "N"}, "no-response", "emergency"),
        ("sleep", {"response": "T"}, "only-touch", "urgent"),
        ("sleep", {"response": "W", "colour": "B"}, "bluish", "emergency"),
        ("sleep", {"response": "W", "breathing": "P"}, "pauses", "urgent"),
    ],
)
def test_what_is_seen_calls(key: str, answers: dict[str, Answer], alarm: str, level: str) -> None:
    assert [(a.id, a.level) for a in score(key, **answers).alarms] == [(alarm, level)]


def test_the_rules_tell_a_number_with_its_unit_and_clear_it_by_a_newer_one() -> None:
    low = score("glucose", glucose_mg_per_dl=50)
    rule = "item-alarm/glucose/very-low"
    verdict = said([seen(1, low)])[rule]
    assert (verdict.state, verdict.level) == ("met", "emergency")
    assert verdict.sentence == "Glucose 2.8 mmol/L. Very low blood sugar: treat now."
    assert verdict.evidence[0].unit == "mmol/L"
    well = score("glucose", glucose_mmol_per_l=Decimal("6.1"))
    assert said([seen(1, low), seen(2, well, minutes=10)], minutes=10)[rule].state == "clear"
