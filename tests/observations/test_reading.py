"""What was typed is read exactly, or refused in a sentence beside its input; never guessed."""

import string
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.clinical import scale
from backend.clinical.sheet import Sheet
from backend.core.errors import Invalid, UserError
from backend.observations.sheet import forms, preview, reading
from backend.observations.sheet.queries import day_began
from tests.build import CIWA_B

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 17, 1, 12, tzinfo=UTC)
HEAD = {"key": str(uuid4()), "opened_by": "1", "opened_for": "2", "outcome": "assessed"}


def read(*more: tuple[str, object], **fields: str) -> Sheet:
    inputs = HEAD | {name.replace("__", "."): value for name, value in fields.items()}
    came = reading.sent([*inputs.items(), *more])
    return forms.read(came).sheet(BERLIN, NOW)


def refusals(*more: tuple[str, object], **fields: str) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        read(*more, **fields)
    return refused.value.fields


@pytest.mark.parametrize(
    "typed",
    ["NaN", "Infinity", "1e400", "1e2", "1_80", "0x50", "١٨", "72 bpm", "--3", "1,000,0"],
)
def test_only_a_plain_number_is_a_number(typed: str) -> None:
    assert list(refusals(pulse_per_min=typed)) == ["pulse_per_min"]


@pytest.mark.parametrize(
    ("typed", "unit", "stored"),
    [
        ("36.8", "°C", "36.8"),
        ("36,8", "°C", "36.8"),
        ("98.6", "°F", "37.0"),
        ("100.4", "°F", "38.0"),
        ("96.8", "°F", "36.0"),
    ],
)
def test_a_temperature_is_kept_in_celsius(typed: str, unit: str, stored: str) -> None:
    sheet = read(temperature_c=typed, temperature_unit=unit)
    assert sheet.vitals.temperature_c == Decimal(stored)


def test_a_pressure_in_kilopascal_is_kept_in_millimetres_of_mercury() -> None:
    sheet = read(systolic_mmhg="16.0", diastolic_mmhg="10.5", pressure_unit="kPa")
    assert (sheet.vitals.systolic_mmhg, sheet.vitals.diastolic_mmhg) == (120, 79)


def test_the_wrong_unit_does_not_pass_for_a_strange_value() -> None:
    assert "98.6 °C is not possible" in refusals(temperature_c="98.6")["temperature_c"]
    assert "not possible" in refusals(systolic_mmhg="120", pressure_unit="kPa")["systolic_mmhg"]


@pytest.mark.parametrize(
    ("fields", "name", "sentence"),
    [
        ({"temperature_c": "37.4", "temperature_unit": "°F"}, "temperature_c",
         "Temperature 37.4 °F is not possible: it must be 77.0 to 113.0 °F."),
        ({"temperature_c": "106.2", "temperature_unit": "°F"}, "temperature_c",
         "Temperature 106.2 °F is unusual. Is it right?"),
        ({"temperature_c": "41.2"}, "temperature_c",
         "Temperature 41.2 °C is unusual. Is it right?"),
        ({"systolic_mmhg": "120", "pressure_unit": "kPa"}, "systolic_mmhg",
         "Systolic pressure 120 kPa is not possible: it must be 4.0 to 40.0 kPa."),
        ({"systolic_mmhg": "30.0", "pressure_unit": "kPa"}, "systolic_mmhg",
         "Systolic pressure 30.0 kPa is unusual. Is it right?"),
        ({"spo2_percent": "20"}, "spo2_percent",
         "SpO2 20 % is not possible: it must be 30 to 100 %."),
    ],
)  # fmt: skip
def test_a_limit_is_said_in_the_unit_that_was_typed(
    fields: dict[str, str], name: str, sentence: str
) -> None:
    assert refusals(**fields)[name].startswith(sentence)


def test_a_value_in_another_unit_is_confirmed_as_it_was_typed() -> None:
    fields = {"temperature_c": "106.2", "temperature_unit": "°F"}
    sheet = read(**fields, confirm__temperature_c="106.2")
    assert sheet.vitals.temperature_c == Decimal("41.2")
    assert "temperature_c" in refusals(**fields, confirm__temperature_c="41.2")


def test_what_can_be_but_is_rare_is_asked_and_the_answer_counts_for_that_value_only() -> None:
    assert "Is it right?" in refusals(pulse_per_min="230")["pulse_per_min"]
    sheet = read(pulse_per_min="230", confirm__pulse_per_min="230")
    assert sheet.vitals.pulse_per_min == 230
    assert (
        "Is it right?" in refusals(pulse_per_min="231", confirm__pulse_per_min="230").popitem()[1]
    )


def test_swapped_pressures_and_oxygen_on_room_air_are_refused() -> None:
    assert "swapped" in refusals(systolic_mmhg="80", diastolic_mmhg="120")["diastolic_mmhg"]
    found = refusals(on_oxygen="false", oxygen_l_per_min="4")
    assert "cannot both be right" in found["oxygen_l_per_min"]


@pytest.mark.parametrize("key", list(scale.asked()))
def test_each_item_takes_its_legal_values_and_no_other(key: str) -> None:
    for item in scale.latest()[key].items:
        legal = {str(value) for value in item.legal}
        for value in {*map(str, range(-1, 10)), "2.5", "true", "", " 1"} - {""}:
            items, _, refused = reading.answered(scale.latest()[key], {item.id: value})
            assert (item.id in items) == (value in legal), value
            assert (item.id in refused) == (value not in legal), value


def test_hours_slept_are_kept_beside_the_score() -> None:
    sheet = read(**{"ciwa-b.sleep_hours": "6,5", "ciwa-b.tense": "1"})
    assert sheet.unscored == {"ciwa-b": {"sleep_hours": Decimal("6.5")}}
    assert sheet.answers == {"ciwa-b": {"tense": 1}}
    assert "ciwa-b.sleep_hours" in refusals(**{"ciwa-b.sleep_hours": "25"})


def test_an_answer_given_twice_differently_is_refused() -> None:
    assert list(refusals(("ciwa-b.tense", "1"), ("ciwa-b.tense", "3"))) == ["ciwa-b.tense"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("note", "a\x00b"),
        ("note", "\ufffd"),
        ("note", "x" * 100_000),
        ("made_up", "1"),
        ("ciwa-b.made_up", "1"),
        ("confirm.made_up", "1"),
        ("vitals", "x"),
        ("opened_for", "9" * 5_000),
        ("opened_by", "NaN"),
        ("key", "7"),
        ("outcome", "entered-in-error"),
    ],
)
def test_what_this_sheet_does_not_ask_or_cannot_hold_is_refused(name: str, value: str) -> None:
    inputs = HEAD | {"pulse_per_min": "72"}
    came = reading.sent([*(pair for pair in inputs.items() if pair[0] != name), (name, value)])
    if name == "vitals":
        assert forms.read(came).sheet(BERLIN, NOW).vitals.pulse_per_min == 72
        return
    with pytest.raises(Invalid):
        forms.read(came).sheet(BERLIN, NOW)


def test_nobody_can_send_that_a_set_was_taken_back() -> None:
    with pytest.raises(Invalid):
        read(outcome="entered_in_error")


def test_an_empty_sheet_is_refused_in_words() -> None:
    assert "Nothing is entered" in refusals()["outcome"]


@pytest.mark.parametrize("outcome", ["refused", "asleep", "unable_to_assess", "off_unit"])
def test_only_what_was_assessed_has_answers(outcome: str) -> None:
    assert "outcome" in refusals(outcome=outcome, **{"ciwa-b.tense": "0"})


@pytest.mark.parametrize("outcome", ["off_unit", "staff_unavailable"])
def test_who_is_not_seen_has_no_pulse(outcome: str) -> None:
    assert "outcome" in refusals(outcome=outcome, pulse_per_min="72")
    assert read(outcome=outcome).outcome == outcome


def test_asleep_needs_a_sleep_check() -> None:
    assert set(refusals(outcome="asleep")) == {"sleep_breaths", "sleep_response", "spo2_percent"}
    sheet = read(
        outcome="asleep",
        sleep_breaths="7",
        sleep_seconds="30",
        sleep_position="on the right side",
        sleep_colour="colour normal",
        sleep_response="stirs to voice",
        spo2_percent="96",
        note="snores",
    )
    assert sheet.vitals.respiratory_rate_per_min == 14
    assert sheet.vitals.consciousness is None
    assert sheet.answers == {}
    assert sheet.note == (
        "Sleep check: 7 breaths in 30 s; on the right side; colour normal; stirs to voice. snores"
    )


def test_a_sleep_check_without_oximeter_is_asked_not_refused() -> None:
    told = {"outcome": "asleep", "sleep_breaths": "14", "sleep_response": "stirs to voice"}
    assert list(refusals(**told)) == ["spo2_percent"]
    assert read(**told, confirm__spo2_percent="not measured").vitals.spo2_percent is None


def test_a_time_that_never_was_is_refused_and_one_that_was_twice_is_asked() -> None:
    assert "did not exist" in refusals(observed_local="2026-03-29T02:30")["observed_at"]
    assert "twice" in refusals(observed_local="2026-10-25T02:30")["repeated"]
    first = read(observed_local="2026-10-25T02:30", repeated="first", pulse_per_min="72")
    second = read(observed_local="2026-10-25T02:30", repeated="second", pulse_per_min="72")
    assert second.observed_at - first.observed_at == timedelta(hours=1)
    assert first.observed_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("typed", ["yesterday", "2026-13-01T00:00", "0001-01-01T00:00", "12:00"])
def test_a_time_that_is_none_is_refused(typed: str) -> None:
    assert "observed_at" in refusals(observed_local=typed, pulse_per_min="72")


def test_a_lost_network_does_not_move_the_time_of_the_set() -> None:
    tried = NOW - timedelta(minutes=28)
    assert read(sent_at=tried.isoformat(), pulse_per_min="72").observed_at == tried
    assert read(pulse_per_min="72").observed_at == NOW
    for wrong in (NOW + timedelta(hours=1), NOW - timedelta(days=2)):
        found = refusals(sent_at=wrong.isoformat(), pulse_per_min="72")
        assert "Write when it was observed" in found["observed_at"]


def test_the_day_of_last_night_begins_with_the_first_shift() -> None:
    starts = [time(19), time(7)]
    at_two = datetime(2026, 11, 17, 1, 12, tzinfo=UTC)
    assert day_began(at_two, starts, BERLIN) == datetime(2026, 11, 16, 6, tzinfo=UTC)
    assert day_began(at_two + timedelta(hours=5), starts, BERLIN) == datetime(
        2026, 11, 17, 6, tzinfo=UTC
    )


ASKED = ("note", "sent_at", "observed_local", "repeated", "pulse_per_min", "temperature_c")
CHOSEN = ("temperature_unit", "on_oxygen", "consciousness", "sleep_breaths", "answers", "vitals")
DOTTED = ("ciwa-b.tense", "cows.pulse", "confirm.pulse_per_min", "ciwa-b.sleep_hours")
names = st.one_of(st.sampled_from([*HEAD, *ASKED, *CHOSEN, *DOTTED]), st.text(max_size=90))
values = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=string.digits + ".,-+eE_", max_size=12),
    st.sampled_from(["asleep", "refused", "true", "°F", "2026-10-25T02:30", "\x00", "0" * 3_000]),
    st.just(b"bytes"),
)


@given(st.lists(st.tuples(names, values), max_size=40))
def test_whatever_comes_is_read_or_refused_in_words(pairs: list[tuple[str, object]]) -> None:
    came = reading.sent([*HEAD.items(), *pairs])
    try:
        sheet = forms.read(came).sheet(BERLIN, NOW)
    except UserError:
        pass
    else:
        assert set(sheet.answers) <= set(scale.asked())
    preview.preview(came.inputs, band_systems={}, spo2_scale=1)


def test_the_preview_says_a_total_only_after_the_last_item() -> None:
    inputs = {f"ciwa-b.{item}": "1" for item in CIWA_B}
    whole = preview.preview(inputs, band_systems={}, spo2_scale=1).totals
    assert [(one.words, one.band) for one in whole] == [("20", "mild")]
    inputs.pop("ciwa-b.tense")
    part = preview.preview(inputs, band_systems={}, spo2_scale=1).totals
    assert [(one.words, one.band) for one in part] == [("no total yet, 1 to go", None)]
    assert preview.preview({}, band_systems={}, spo2_scale=1).totals == ()
