"""Each further kind of rule at its limit, one below and one above; unknown, waiting, hysteresis."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.clinical import protocol, scale
from backend.clinical.course import lines
from backend.clinical.deterioration import Seen, Treatment, Verdict, replayed, verdicts
from backend.clinical.treatment import Dose
from backend.clinical.trends import known, slope
from tests.clinical.build import (
    CIWA_AR,
    CIWA_B,
    DEFAULT,
    WELL,
    at,
    default_protocol,
    said,
    seen,
    total,
    vital_set,
)

GCS, RASS, POSS = (scale.latest()[key] for key in ("gcs", "rass", "poss"))


def one_rule(kind: str, params: dict[str, Any], **changed: Any) -> protocol.Protocol:
    """The shipped protocol with one rule only."""
    document = tomllib.loads(DEFAULT.read_text("utf-8"))
    rule = {
        "id": "local",
        "version": 1,
        "kind": kind,
        "family": "local",
        "level": "urgent",
        "title": "A rule of this unit",
        "params": params,
        "source": "Our own number",
        "mark": "L",
    }
    document["rules"] = [{**rule, **changed}]
    return protocol.parse(document)


def says(
    course: Sequence[Seen], unit: protocol.Protocol, treatment: Treatment | None = None
) -> Verdict:
    """What the one rule says at the time of the newest set."""
    now = max(one.observed_at for one in course)
    (found,) = verdicts(course, unit, now=now, treatment=treatment)
    return found


def breathing(number: int, breaths: int | None, *, minutes: float = 0, **more: Any) -> Seen:
    values: dict[str, Any] = {**WELL, "respiratory_rate_per_min": breaths, **more}
    return vital_set(number, minutes=minutes, **values)


def scores(*totals: int, every: float = 60, instrument: scale.Instrument = CIWA_B) -> list[Seen]:
    return [
        seen(number, total(instrument, wanted), minutes=number * every)
        for number, wanted in enumerate(totals, 1)
    ]


def gcs(number: int, wanted: int, *, minutes: float) -> Seen:
    parts: dict[str, scale.Answer] = {"eyes": 1, "verbal": 1, "motor": 1}
    left = wanted - 3
    for item, most in (("motor", 5), ("verbal", 4), ("eyes", 3)):
        parts[item] = 1 + min(left, most)
        left -= min(left, most)
    return seen(number, scale.score(GCS, parts), minutes=minutes)


# --- A limit on one value ---


@pytest.mark.parametrize(("breaths", "state"), [(7, "met"), (8, "met"), (9, "clear")])
def test_breathing_of_eight_is_an_emergency_by_itself(breaths: int, state: str) -> None:
    found = said([breathing(1, breaths)])["breathing-8"]
    assert (found.state, found.level) == (state, "emergency")
    assert found.sentence.startswith(f"Breathing rate {breaths} /min")


@pytest.mark.parametrize(("value", "state"), [("39.0", "clear"), ("39.1", "met"), ("39.2", "met")])
def test_a_temperature_counts_exactly(value: str, state: str) -> None:
    found = said([breathing(1, 16, temperature_c=Decimal(value))])["temperature-39"]
    assert (found.state, found.level) == (state, "urgent")
    if state == "met":
        assert found.sentence == f"Temperature {value} °C (flagged from 39.1)."
        assert [(e.label, e.value, e.unit) for e in found.evidence] == [
            ("Temperature", value, "°C")
        ]


@pytest.mark.parametrize(("answer", "state"), [(3, "clear"), (4, "met"), (5, "met")])
def test_one_item_of_a_scale_has_a_limit(answer: int, state: str) -> None:
    unit = one_rule("value_at_least", {"instrument": "ciwa-ar", "item": "tremor", "value": 4})
    score = scale.score(CIWA_AR, {"tremor": answer})
    assert says([seen(1, score)], unit).state == state


def test_a_number_beside_the_score_has_a_limit() -> None:
    glucose = scale.latest()["glucose"]
    params = {"instrument": "glucose", "item": "glucose_mmol_per_l", "value": "3.9"}
    unit = one_rule("value_at_most", params)
    for value, state in (("3.8", "met"), ("3.9", "met"), ("4.0", "clear")):
        score = scale.score(glucose, {"glucose_mmol_per_l": Decimal(value)})
        assert says([seen(1, score)], unit).state == state


def test_what_was_not_measured_is_unknown_and_hides_nothing() -> None:
    slow = breathing(1, 8)
    pulse = vital_set(2, minutes=5, pulse_per_min=80)
    assert said([pulse], minutes=5)["breathing-8"].state == "unknown"
    found = said([slow, pulse], minutes=5)["breathing-8"]
    assert (found.state, found.observation_id) == ("met", 1)


def test_the_value_alone_clears_a_value_but_not_in_a_sleeper() -> None:
    alone = vital_set(1, respiratory_rate_per_min=14)
    assert said([alone])["breathing-8"].state == "clear"
    asleep = vital_set(1, outcome="asleep", respiratory_rate_per_min=14)
    assert said([asleep])["breathing-8"].state == "unknown"
    slow = vital_set(1, outcome="asleep", respiratory_rate_per_min=8)
    assert said([slow])["breathing-8"].state == "met"


# --- A change within a window ---


@pytest.mark.parametrize(("after", "state"), [(14, "clear"), (13, "met"), (12, "met")])
def test_a_fall_of_gcs_by_two_calls(after: int, state: str) -> None:
    found = said([gcs(1, 15, minutes=0), gcs(2, after, minutes=60)], minutes=60)["fall/gcs"]
    assert found.state == state
    if after == 13:
        assert found.sentence == ("GCS fell by 2 within 1 h, from 15 (flagged from 2 within 24 h).")
        assert [e.value for e in found.evidence] == ["15", "13"]


def test_a_fall_in_two_steps_counts_from_the_highest_of_the_window() -> None:
    course = [gcs(1, 15, minutes=0), gcs(2, 14, minutes=60), gcs(3, 13, minutes=120)]
    assert said(course, minutes=120)["fall/gcs"].state == "met"


@pytest.mark.parametrize(("minutes", "state"), [(1440, "met"), (1441, "unknown")])
def test_outside_the_window_there_is_nothing_to_compare_with(minutes: float, state: str) -> None:
    course = [gcs(1, 15, minutes=0), gcs(2, 12, minutes=minutes)]
    assert said(course, minutes=minutes)["fall/gcs"].state == state


def test_a_part_that_cannot_be_tested_leaves_the_fall_unknown() -> None:
    untestable = scale.score(GCS, {"eyes": 4, "verbal": "N", "motor": 6})
    course = [gcs(1, 15, minutes=0), seen(2, untestable, minutes=30)]
    assert said(course, minutes=30)["fall/gcs"].state == "unknown"


@pytest.mark.parametrize(("after", "state"), [(27, "clear"), (28, "met"), (29, "met")])
def test_a_rise_is_counted_from_the_lowest_and_is_off_until_a_unit_wants_it(
    after: int, state: str
) -> None:
    course = scores(20, 18, after)
    assert "rise/ciwa-b" not in said(course, minutes=180)
    params = {"instrument": "ciwa-b", "by": 10, "within_minutes": 240, "direction": "rise"}
    found = says(course, one_rule("change_at_least", params))
    assert found.state == state
    assert found.source == "Our own number [L]"


def test_a_rise_of_an_incomplete_set_is_certain_by_what_is_known() -> None:
    params = {"instrument": "ciwa-b", "by": 10, "within_minutes": 240, "direction": "rise"}
    unit = one_rule("change_at_least", params)
    base = scores(10)
    answers = dict(total(CIWA_B, 20).answers)
    del answers[CIWA_B.items[0].id]
    known_20 = seen(2, scale.score(CIWA_B, answers), minutes=120)
    assert says([*base, known_20], unit).state == "met"
    less = dict(total(CIWA_B, 19).answers)
    del less[CIWA_B.items[0].id]
    maybe = seen(2, scale.score(CIWA_B, less), minutes=120)
    assert says([*base, maybe], unit).state == "unknown"


def test_one_item_may_change_too() -> None:
    params = {"instrument": "news2", "item": "pulse_per_min", "by": 20, "within_minutes": 120,
              "direction": "rise"}  # fmt: skip
    unit = one_rule("change_at_least", params)
    for after, state in ((89, "clear"), (90, "met")):
        course = [
            breathing(1, 16),
            breathing(2, 16, minutes=60, pulse_per_min=after),
        ]
        found = says(course, unit)
        assert found.state == state
    assert found.sentence.startswith("Pulse rose by 20 within 1 h, from 70")
    assert says([breathing(1, 16), breathing(2, 16, minutes=60, pulse_per_min=None)],
                unit).state == "unknown"  # fmt: skip


# --- A slope ---

SLOPE = {"instrument": "ciwa-b", "sets": 4, "within_minutes": 600, "direction": "rise"}


@pytest.mark.parametrize(("per_hour", "state"), [("1.9", "met"), ("2", "met"), ("2.1", "clear")])
def test_a_slope_counts_exactly_and_shows_its_k_and_window(per_hour: str, state: str) -> None:
    unit = one_rule("slope_at_least", {**SLOPE, "per_hour": per_hour})
    found = says(scores(10, 12, 14, 16), unit)
    assert found.state == state
    assert found.sentence.startswith("CIWA-B goes by +2.00 per h over 4 sets within 10 h")


def test_one_wild_set_does_not_make_a_slope() -> None:
    """The median of all pairs: Theil 1950, Sen 1968."""
    unit = one_rule("slope_at_least", {**SLOPE, "per_hour": 2})
    assert says(scores(10, 40, 11, 12), unit).state == "clear"
    five = one_rule("slope_at_least", {**SLOPE, "sets": 5, "per_hour": 2})
    assert says(scores(10, 11, 12, 13, 40), five).state == "clear"


@pytest.mark.parametrize("totals", [(10, 20, 30), (30,)])
def test_too_few_sets_make_no_slope(totals: tuple[int, ...]) -> None:
    unit = one_rule("slope_at_least", {**SLOPE, "per_hour": 1})
    found = says(scores(*totals), unit)
    assert found.state == "unknown"
    assert f"{len(totals)} of 4 sets within 10 h, too few" in found.sentence
    assert says(scores(10, 20, 30, 40, every=201), unit).state == "unknown"
    assert says(scores(10, 20, 30, 40, every=200), unit).state == "met"


def test_a_slope_is_not_told_by_an_incomplete_newest_set_nor_by_one_moment() -> None:
    unit = one_rule("slope_at_least", {**SLOPE, "per_hour": 1})
    part = seen(9, scale.score(CIWA_B, {"upset": 1}), minutes=300)
    assert says([*scores(10, 12, 14, 16), part], unit).state == "met"  # the one before stands
    assert says([*scores(10, 10, 10, 10), part], unit).state == "unknown"
    assert says(scores(10, 20, 30, 40, every=0), unit).state == "unknown"


def test_a_falling_slope_has_its_own_direction() -> None:
    unit = one_rule("slope_at_least", {**SLOPE, "direction": "fall", "per_hour": 2})
    assert says(scores(16, 14, 12, 10), unit).state == "met"
    assert says(scores(10, 12, 14, 16), unit).state == "clear"


@given(st.lists(st.integers(0, 40), min_size=2, max_size=7), st.integers(0, 40))
def test_a_slope_is_the_same_from_any_zero_and_turns_with_the_sign(
    totals: list[int], lift: int
) -> None:
    def found(values: list[int]) -> Fraction | None:
        return slope(known(lines(scores(*values), default_protocol())["ciwa-b"], ""))

    straight = found(totals)
    assert straight == found([value + lift for value in totals])
    mirrored = found([40 - value for value in totals])
    assert straight is not None
    assert mirrored == -straight


# --- Scores that fall while breathing or alertness falls ---

OVER = "over-sedation"


def bed_9(breaths: int = 10, spo2: int = 92, *, ciwa: tuple[int, ...] = (30, 14)) -> list[Seen]:
    """Scores fall while breathing slows: an evening that looks like recovery."""
    before = breathing(10, 16, minutes=0, spo2_percent=97)
    after = breathing(11, breaths, minutes=125, spo2_percent=spo2)
    return [before, *scores(*ciwa), after]


def over(course: list[Seen], minutes: float = 125) -> Verdict:
    return said(course, minutes=minutes)[OVER]


@pytest.mark.parametrize(
    ("breaths", "spo2", "state"),
    [(11, 97, "met"), (12, 97, "clear"), (16, 91, "met"), (16, 92, "clear"), (10, 92, "met")],
)
def test_falling_scores_with_falling_breathing_are_not_recovery(
    breaths: int, spo2: int, state: str
) -> None:
    found = over(bed_9(breaths, spo2))
    assert (found.state, found.level) == (state, "urgent")
    if state == "met":
        assert found.sentence.startswith("CIWA-B fell from 30 to 14, while breathing or alertness")
        assert "Vigil does not know the doses." in found.sentence


def test_the_reason_names_both_that_fell() -> None:
    found = over(bed_9(10, 91))
    assert "breathing rate 10 /min, was 16 and SpO2 91 %, was 97" in found.sentence
    assert [(e.label, e.value) for e in found.evidence] == [
        ("CIWA-B", "30"),
        ("CIWA-B", "14"),
        ("Breathing rate", "16"),
        ("Breathing rate", "10"),
        ("SpO2", "97"),
        ("SpO2", "91"),
    ]
    assert found.observation_id == 11


@pytest.mark.parametrize(
    ("ciwa", "state"),
    [((30, 14), "met"), ((30, 29), "met"), ((30, 30), "waiting"), ((14, 30), "waiting"),
     ((30,), "waiting")],
)  # fmt: skip
def test_breathing_that_falls_alone_waits_for_a_score_that_falls(
    ciwa: tuple[int, ...], state: str
) -> None:
    assert over(bed_9(10, ciwa=ciwa)).state == state


def test_breathing_that_stays_slow_does_not_clear_it() -> None:
    slow = [breathing(20 + n, 10, minutes=125 + 30 * n) for n in range(1, 20)]
    found = over([*bed_9(10), *slow], 125 + 30 * 19)
    assert found.state == "waiting"
    well = breathing(50, 14, minutes=700)
    assert over([*bed_9(10), *slow, well], 700).state == "clear"


def test_what_was_not_measured_lately_is_unknown() -> None:
    course = [breathing(1, 16, minutes=0), *scores(30, 14)]
    assert over(course, 120).state == "unknown"
    assert over([breathing(1, 16, minutes=61), *scores(30, 14)], 120).state == "clear"
    pulse = vital_set(40, minutes=130, pulse_per_min=60)
    assert over([*bed_9(10), pulse], 130).state == "met"


def test_a_sleeper_can_raise_it_and_clears_nothing() -> None:
    asleep = vital_set(12, outcome="asleep", minutes=150, respiratory_rate_per_min=9)
    found = over([breathing(10, 16), *scores(30, 14), asleep], 150)
    assert found.state == "met"
    calm = replace(breathing(13, 15, minutes=160), outcome="asleep")
    assert over([breathing(10, 16), *scores(30, 14), asleep, calm], 160).state == "unknown"


def sedation(number: int, instrument: scale.Instrument, level: Any, minutes: float) -> Seen:
    return seen(number, scale.score(instrument, {"level": level}), minutes=minutes)


@pytest.mark.parametrize(
    ("instrument", "before", "after", "state"),
    [(RASS, 0, -1, "clear"), (RASS, 0, -2, "met"), (RASS, 0, -3, "met"), (RASS, -2, -2, "waiting"),
     (POSS, 1, 2, "clear"), (POSS, 1, 3, "met"), (POSS, "S", 4, "met")],
)  # fmt: skip
def test_alertness_by_a_sedation_scale(
    instrument: scale.Instrument, before: Any, after: Any, state: str
) -> None:
    course = [
        sedation(20, instrument, before, 10),
        *scores(30, 14),
        sedation(21, instrument, after, 125),
        breathing(22, 15, minutes=126),
    ]
    found = over(course, 126)
    assert found.state == state
    if state == "met":
        assert f"{instrument.name} {after}" in found.sentence


@pytest.mark.parametrize(
    ("letter", "state"), [("A", "clear"), ("C", "clear"), ("V", "met"), ("P", "met"), ("U", "met")]
)
def test_alertness_by_the_vital_signs(letter: str, state: str) -> None:
    course = [*bed_9(15, 97), breathing(30, 15, minutes=130, consciousness=letter)]
    assert over(course, 130).state == state


@pytest.mark.parametrize(("after", "state"), [(14, "clear"), (13, "met")])
def test_alertness_by_gcs(after: int, state: str) -> None:
    course = [gcs(30, 15, minutes=5), *bed_9(15, 97), gcs(31, after, minutes=130)]
    assert over(course, 130).state == state


def test_without_a_withdrawal_scale_it_says_nothing() -> None:
    assert OVER not in said([breathing(1, 16), breathing(2, 9, minutes=30)], minutes=30)


DOSE = Dose(at=at(60), drug="Diazepam 20 mg", sedative=True, diazepam_mg=Decimal(20))


@pytest.mark.parametrize(("minutes_ago", "state"), [(119, "met"), (120, "waiting")])
def test_a_unit_may_ask_for_a_sedative_before(minutes_ago: float, state: str) -> None:
    document = tomllib.loads(DEFAULT.read_text("utf-8"))
    (shipped,) = [rule for rule in document["rules"] if rule["id"] == OVER]
    unit = one_rule("falling_together", {**shipped["params"], "sedative_within_minutes": 120})
    given = Treatment(doses=(replace(DOSE, at=at(125 - minutes_ago)),))
    found = says(bed_9(10), unit, given)
    assert found.state == state
    if state == "met":
        assert "Last sedative: Diazepam 20 mg." in found.sentence
    other = Treatment(doses=(replace(DOSE, sedative=False, at=at(100)),))
    assert says(bed_9(10), unit, other).state == "waiting"
    # Where nobody keeps the doses, what is not known keeps no alarm back.
    assert says(bed_9(10), unit).state == "met"


# --- What was given, held and stepped down ---


@pytest.mark.parametrize(("mg", "state"), [("19.9", "clear"), ("20", "met"), ("20.1", "met")])
def test_doses_of_a_day_add_up_exactly(mg: str, state: str) -> None:
    unit = one_rule("cumulative_dose", {"diazepam_mg": 80, "within_minutes": 1440})
    sixty = [replace(DOSE, at=at(-60 * n)) for n in (1, 5, 23)]
    last = replace(DOSE, at=at(0), diazepam_mg=Decimal(mg))
    old = replace(DOSE, at=at(-1440))
    held = replace(DOSE, at=at(0), held=True)
    found = says([breathing(1, 15)], unit, Treatment(doses=(last, *sixty, old, held)))
    assert found.state == state
    if state == "met":
        assert found.sentence == (
            f"Sedatives add up to {60 + Decimal(mg)} mg diazepam equivalent within 24 h"
            " (flagged from 80 mg)."
        )


def test_a_dose_without_an_equivalent_is_never_nothing() -> None:
    unit = one_rule("cumulative_dose", {"diazepam_mg": 80, "within_minutes": 1440})
    unnamed = replace(DOSE, drug="Bromazolam", diazepam_mg=None)
    found = says([breathing(1, 15, minutes=70)], unit, Treatment(doses=(DOSE, unnamed)))
    assert found.state == "unknown"
    assert "at least 20 mg" in found.sentence


@pytest.mark.parametrize(("count", "state"), [(1, "clear"), (2, "met"), (3, "met")])
def test_doses_held_again_and_again_call_the_prescriber(count: int, state: str) -> None:
    unit = one_rule("held_doses", {"times": 2, "within_minutes": 1440})
    held = tuple(replace(DOSE, held=True, at=at(-60 * n)) for n in range(count))
    assert says([breathing(1, 15)], unit, Treatment(doses=(DOSE, *held))).state == state


@pytest.mark.parametrize(
    ("after", "minutes_after_step", "state"),
    [(25, 60, "clear"), (26, 60, "met"), (26, 480, "met"), (26, 481, "clear")],
)
def test_a_rise_after_a_taper_step(after: int, minutes_after_step: float, state: str) -> None:
    unit = one_rule("taper_rise", {"instrument": "ciwa-b", "by": 8, "within_minutes": 480})
    before = seen(1, total(CIWA_B, 18), minutes=0)
    newest = seen(2, total(CIWA_B, after), minutes=30 + minutes_after_step)
    stepped = Treatment(taper_steps=(at(30), at(-900)))
    assert says([before, newest], unit, stepped).state == state


def test_a_rise_that_nobody_can_compare_is_unknown() -> None:
    unit = one_rule("taper_rise", {"instrument": "ciwa-b", "by": 8, "within_minutes": 480})
    newest = seen(2, total(CIWA_B, 40), minutes=60)
    assert says([newest], unit, Treatment(taper_steps=(at(30),))).state == "unknown"
    answers = {item.id: 4 for item in CIWA_B.items[:3]}
    part = seen(3, scale.score(CIWA_B, answers), minutes=60)
    before = seen(1, total(CIWA_B, 18), minutes=0)
    assert says([before, part], unit, Treatment(taper_steps=(at(30),))).state == "unknown"


def test_where_nobody_keeps_the_doses_such_rules_are_silent() -> None:
    for kind, params in (
        ("cumulative_dose", {"diazepam_mg": 80, "within_minutes": 1440}),
        ("held_doses", {"times": 2, "within_minutes": 1440}),
        ("taper_rise", {"instrument": "ciwa-b", "by": 8, "within_minutes": 480}),
    ):
        assert verdicts(scores(18, 40), one_rule(kind, params), now=at(120)) == []


# --- Waiting: debounce and hysteresis ---


def waits(totals: tuple[int, ...], **changed: Any) -> str:
    params = {"instrument": "ciwa-ar", "total": 15, **changed.pop("params", {})}
    return says(scores(*totals, instrument=CIWA_AR), one_rule("total_at_least", params, **changed)
                ).state  # fmt: skip


@pytest.mark.parametrize(
    ("totals", "state"),
    [((15,), "waiting"), ((15, 15), "met"), ((15, 14, 15), "waiting"), ((14, 15), "waiting"),
     ((15, 15, 14), "clear")],
)  # fmt: skip
def test_a_rule_may_want_two_sets_before_it_raises(totals: tuple[int, ...], state: str) -> None:
    assert waits(totals, raise_after_sets=2) == state


@pytest.mark.parametrize(
    ("totals", "state"),
    [((15, 14), "waiting"), ((15, 14, 14), "clear"), ((15, 14, 15, 14), "waiting"),
     ((15, 15), "met")],
)  # fmt: skip
def test_a_rule_may_want_two_sets_before_it_clears(totals: tuple[int, ...], state: str) -> None:
    assert waits(totals, clear_after_sets=2) == state


@pytest.mark.parametrize(
    ("now", "state"), [(15, "met"), (14, "waiting"), (12, "waiting"), (11, "clear")]
)
def test_a_milder_limit_clears(now: int, state: str) -> None:
    assert waits((15, now), params={"clear_below": 12}) == state
    both = {"params": {"clear_below": 12}, "clear_after_sets": 2}
    assert waits((15, 11, now), **both) == ("clear" if state == "clear" else state)


def test_bands_and_values_have_a_milder_limit_too() -> None:
    banded = one_rule(
        "band_at_least", {"instrument": "ciwa-ar", "word": "severe", "clear_word": "moderate"}
    )
    for wanted, state in ((19, "met"), (18, "waiting"), (10, "waiting"), (9, "clear")):
        assert says(scores(wanted, instrument=CIWA_AR), banded).state == state
    params = {"instrument": "news2", "item": "respiratory_rate_per_min", "value": 8,
              "clear_value": 10}  # fmt: skip
    slow = one_rule("value_at_most", params)
    for breaths, state in ((8, "met"), (9, "waiting"), (10, "waiting"), (11, "clear")):
        assert says([breathing(1, breaths)], slow).state == state


def test_an_incomplete_set_neither_counts_nor_breaks_a_run() -> None:
    unit = one_rule("total_at_least", {"instrument": "ciwa-ar", "total": 15}, raise_after_sets=2)
    first, last = scores(15, 15, instrument=CIWA_AR, every=50)
    part = seen(9, scale.score(CIWA_AR, {"tremor": 1}), minutes=70)
    assert says([first, part, last], unit).state == "met"


def test_what_waits_is_not_flagged_by_a_replay() -> None:
    unit = one_rule("total_at_least", {"instrument": "ciwa-ar", "total": 15}, clear_after_sets=2)
    course = scores(15, 14, 15, 14, 14, 15, instrument=CIWA_AR)
    assert [moment for moment, _ in replayed(course, unit)] == [at(60), at(360)]


# --- What cannot be evaluated ---


def test_a_rule_that_cannot_be_worked_out_is_a_flag_of_its_own() -> None:
    """A range that is missing: the band system has lost the word that the rule names."""
    shipped = default_protocol()
    broken = replace(
        shipped,
        rules=tuple(
            replace(rule, words={"word": "gone"}) if rule.id == "band-severe/ciwa-b" else rule
            for rule in shipped.rules
        ),
    )
    found = {v.rule: v for v in verdicts(scores(45), broken, now=at(60))}
    assert "band-severe/ciwa-b" not in found
    flag = found["cannot-evaluate/rules"]
    assert (flag.state, flag.level) == ("met", "urgent")
    assert flag.sentence == (
        "Vigil cannot work out the rules of this patient (CIWA-B severe)."
        " Check the patient yourself."
    )
    # The others go on.
    assert found["higher-band-twice/ciwa-b"].state == "clear"


# --- Why ---


def test_what_is_met_says_what_went_before_and_how_it_goes() -> None:
    course = scores(18, 26, 33, 41, 45, 47)
    found = said(course, minutes=360)["band-severe/ciwa-b"]
    assert [e.value for e in found.before] == ["26", "33", "41", "45"]
    assert found.slope == "+5.62 per h over 5 sets, 4 h"
    assert said(scores(45), minutes=60)["band-severe/ciwa-b"].slope == ""
    assert said(scores(18), minutes=60)["band-severe/ciwa-b"].before == ()


def test_what_went_before_a_value_are_values() -> None:
    course = [breathing(n, breaths, minutes=60 * n) for n, breaths in enumerate((16, 12, 8), 1)]
    found = said(course, minutes=180)["breathing-8"]
    assert [(e.label, e.value, e.unit) for e in found.before] == [
        ("Breathing rate", "16", "/min"),
        ("Breathing rate", "12", "/min"),
    ]
    assert found.slope == "-4.00 per h over 3 sets, 2 h"
