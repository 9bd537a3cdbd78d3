"""Vital signs: exact conversion, what cannot be, what is asked again."""

import contextlib
from decimal import Decimal
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.clinical import vitals
from backend.clinical.vitals import KINDS, VitalError, Vitals, convert, problem, problems


@pytest.mark.parametrize(
    ("field", "value", "unit", "canonical"),
    [
        ("temperature_c", "98.6", "[degF]", "37.0"),
        ("temperature_c", "97.0", "°F", "36.1"),
        ("temperature_c", "96.9", "F", "36.1"),
        ("temperature_c", "96.8", "F", "36.0"),
        ("temperature_c", "100.4", "[degF]", "38.0"),
        ("temperature_c", "100.5", "[degF]", "38.1"),
        ("temperature_c", "36.65", "Cel", "36.7"),
        ("temperature_c", "37.0555555555556", "Cel", "37.1"),
        ("temperature_c", "36.05", "°C", "36.1"),
        ("temperature_c", 37, "C", "37.0"),
        ("systolic_mmhg", "16", "kPa", "120"),
        ("systolic_mmhg", "12.0", "kPa", "90"),
        ("diastolic_mmhg", Decimal("10.7"), "kPa", "80"),
        ("systolic_mmhg", " 120 ", "mm[Hg]", "120"),
        ("pulse_per_min", "72.0", "bpm", "72"),
        ("oxygen_l_per_min", "2500", "mL/min", "2.5"),
        ("spo2_percent", 97, "%", "97"),
    ],
)
def test_units_are_converted_exactly_and_rounded_once(
    field: str, value: Any, unit: str, canonical: str
) -> None:
    found = convert(KINDS[field], value, unit)
    assert str(found) == canonical
    assert isinstance(found, Decimal if KINDS[field].decimals else int)


@pytest.mark.parametrize(
    ("field", "value", "unit"),
    [
        ("temperature_c", "98.6", "K"),
        ("temperature_c", "98.6", ""),
        ("pulse_per_min", "72", "mmHg"),
        ("pulse_per_min", "72.5", "/min"),
        ("consciousness", "1", ""),
        ("systolic_mmhg", "NaN", "mmHg"),
        ("systolic_mmhg", "sNaN", "mmHg"),
        ("systolic_mmhg", "inf", "mmHg"),
        ("systolic_mmhg", "1e400", "mmHg"),
        ("systolic_mmhg", "1e999999999", "kPa"),
        ("systolic_mmhg", "-1e400", "mmHg"),
        ("systolic_mmhg", "1e-999999999", "kPa"),
        ("systolic_mmhg", "9" * 100_000, "mmHg"),
        ("systolic_mmhg", "12\x000", "mmHg"),
        ("systolic_mmhg", "", "mmHg"),
        ("systolic_mmhg", "120/80", "mmHg"),
        ("systolic_mmhg", True, "mmHg"),
        ("systolic_mmhg", None, "mmHg"),
        ("systolic_mmhg", 10**30, "mmHg"),
    ],
)
def test_what_is_not_a_number_in_a_known_unit_is_refused_in_a_sentence(
    field: str, value: Any, unit: str
) -> None:
    with pytest.raises(VitalError) as refused:
        convert(KINDS[field], value, unit)
    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) < 150


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pulse_per_min", 230),
        ("pulse_per_min", 28),
        ("spo2_percent", 48),
        ("temperature_c", Decimal("31.0")),
        ("temperature_c", Decimal("42.5")),
        ("respiratory_rate_per_min", 0),
        ("systolic_mmhg", 260),
        ("diastolic_mmhg", 140),
        ("oxygen_l_per_min", Decimal(60)),
    ],
)
def test_an_extreme_but_real_value_is_asked_about_and_can_be_kept(field: str, value: Any) -> None:
    found = problem(KINDS[field], value)
    assert found is not None
    assert (found.kind, found.refuse) == ("implausible", False)
    assert found.sentence.endswith("Is it right?")


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("systolic_mmhg", 11647, "impossible"),
        ("pulse_per_min", 0, "impossible"),
        ("pulse_per_min", 3, "impossible"),
        ("spo2_percent", 29, "impossible"),
        ("spo2_percent", 101, "impossible"),
        ("respiratory_rate_per_min", 118, "impossible"),
        ("respiratory_rate_per_min", -1, "impossible"),
        ("temperature_c", Decimal("384.5"), "impossible"),
        ("temperature_c", Decimal("98.6"), "impossible"),
        ("temperature_c", Decimal("1e400"), "impossible"),
        ("temperature_c", Decimal("36.65"), "too_fine"),
        ("pulse_per_min", Decimal("72.5"), "too_fine"),
        ("temperature_c", Decimal("NaN"), "not_a_number"),
        ("temperature_c", 36.6, "not_a_number"),
        ("pulse_per_min", True, "not_a_number"),
        ("pulse_per_min", "72", "not_a_number"),
        ("consciousness", "alert", "unknown"),
        ("consciousness", "a", "unknown"),
        ("consciousness", 1, "unknown"),
        ("on_oxygen", "yes", "unknown"),
    ],
)
def test_what_cannot_be_is_refused(field: str, value: Any, kind: str) -> None:
    found = problem(KINDS[field], value)
    assert found is not None
    assert (found.kind, found.field, found.refuse) == (kind, field, True)
    assert len(found.sentence) < 150


def test_the_limits_themselves_are_possible_and_plausible() -> None:
    for kind in KINDS.values():
        if kind.possible and kind.plausible:
            assert problem(kind, kind.plausible.low) is None
            assert problem(kind, kind.plausible.high) is None
            for edge in (kind.possible.low, kind.possible.high):
                found = problem(kind, edge)
                assert found is None or not found.refuse
            for beyond in (kind.possible.low - kind.step, kind.possible.high + kind.step):
                found = problem(kind, beyond)
                assert found is not None
                assert found.refuse


def test_nothing_measured_is_no_problem() -> None:
    assert problems(Vitals()) == []
    assert problem(KINDS["on_oxygen"], value=False) is None


@pytest.mark.parametrize(
    ("systolic", "diastolic", "fields"),
    [
        (120, 80, []),
        (80, 120, ["diastolic_mmhg"]),
        (100, 100, ["diastolic_mmhg"]),
        (None, 80, []),
        (120, None, []),
        (11647, 80, ["systolic_mmhg"]),
    ],
)
def test_the_upper_pressure_must_be_above_the_lower(
    systolic: int | None, diastolic: int | None, fields: list[str]
) -> None:
    found = problems(Vitals(systolic_mmhg=systolic, diastolic_mmhg=diastolic))
    assert [p.field for p in found if p.refuse] == fields


@pytest.mark.parametrize(
    ("flow", "on_oxygen", "refused"),
    [
        (Decimal(2), True, False),
        (Decimal(2), False, True),
        (Decimal(0), True, True),
        (Decimal(0), False, False),
        (Decimal(2), None, False),
        (None, True, False),
        (Decimal(500), False, True),
    ],
)
def test_air_and_a_flow_of_oxygen_cannot_both_be(
    flow: Decimal | None, on_oxygen: bool | None, refused: bool
) -> None:
    found = problems(Vitals(oxygen_l_per_min=flow, on_oxygen=on_oxygen))
    assert [p.refuse for p in found if p.refuse] == ([True] if refused else [])


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.integers() | st.text())
def test_converting_anything_gives_a_value_or_a_sentence(value: Any) -> None:
    for kind in KINDS.values():
        for unit in kind.units:
            with contextlib.suppress(VitalError):
                found = problem(kind, convert(kind, value, unit))
                assert found is None or found.kind in ("impossible", "implausible")


def test_every_number_has_units_limits_a_code_and_a_source() -> None:
    numbers = [kind for kind in KINDS.values() if kind.is_number]
    assert len(numbers) == 7
    for kind in numbers:
        assert kind.ucum
        assert kind.unit in kind.units
        assert kind.loinc_mark == "A"
        assert kind.source.text


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("plausible = { low = 6, high = 40 }", "plausible = { low = 6, high = 140 }", "within"),
        ("plausible = { low = 6, high = 40 }", "plausible = { low = -6, high = 40 }", "within"),
        ("plausible = { low = 6, high = 40 }", "", "within"),
        ("possible = { low = 0, high = 99 }", "possible = { low = 99, high = 99 }", "below"),
        ("possible = { low = 0, high = 99 }", "", "needs a possible range or choices"),
        ("[respiratory_rate_per_min]", "[rate]", "not a vital sign"),
        ('mark = "D"', 'mark = "?"', "must be one of"),
        ("decimals = 0", "decimals = true", "must be a whole number"),
        ("decimals = 0", "decimals = -1", "must be 0 or more"),
        ('label = "Breathing rate"', "label = 3", "must be a text"),
        ('label = "Breathing rate"', 'label = "x"\nlabe = "x"', "is not known here"),
    ],
)
def test_faulty_limits_are_refused(old: str, new: str, why: str) -> None:
    text = (resources.files("backend.clinical") / "vitals.toml").read_text("utf-8")
    assert old in text
    with pytest.raises(VitalError, match=why):
        vitals.load(text.replace(old, new, 1))
