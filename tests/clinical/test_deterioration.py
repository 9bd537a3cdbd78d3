"""The shipped rules: each at its limit, one below and one above; what is unknown or stale."""

import itertools
import tomllib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.clinical import protocol, scale
from backend.clinical.deterioration import (
    Seen,
    Verdict,
    cannot_evaluate,
    overdue,
    overdue_rule,
    replayed,
    verdicts,
)
from backend.clinical.vitals import Vitals
from tests.clinical.build import (
    ACVPU,
    CIWA_AR,
    CIWA_B,
    COWS,
    DEFAULT,
    NEWS2,
    WELL,
    at,
    default_protocol,
    said,
    seen,
    total,
    vital_set,
    zeros,
)

PROTOCOL = default_protocol()


def well_but(number: int, *, minutes: float = 0, **changed: Any) -> Seen:
    return vital_set(number, minutes=minutes, **{**WELL, **changed})


# Complete sets of these NEWS2 totals without, and with, a single 3.
TOTALS: dict[int, dict[str, Any]] = {
    0: {},
    4: {"pulse_per_min": 111, "respiratory_rate_per_min": 21},
    5: {"pulse_per_min": 111, "respiratory_rate_per_min": 21, "spo2_percent": 95},
    6: {"pulse_per_min": 111, "respiratory_rate_per_min": 21, "spo2_percent": 93},
    7: {
        "pulse_per_min": 111,
        "respiratory_rate_per_min": 21,
        "spo2_percent": 93,
        "systolic_mmhg": 105,
    },
    8: {
        "pulse_per_min": 111,
        "respiratory_rate_per_min": 21,
        "spo2_percent": 93,
        "systolic_mmhg": 95,
    },
}


@pytest.mark.parametrize(
    ("news2", "five", "seven"),
    [
        (0, "clear", "clear"),
        (4, "clear", "clear"),
        (5, "met", "clear"),
        (6, "met", "clear"),
        (7, "met", "met"),
        (8, "met", "met"),
    ],
)
def test_news2_five_is_urgent_and_seven_an_emergency(news2: int, five: str, seven: str) -> None:
    course = [well_but(1, **TOTALS[news2])]
    assert course[0].scores["news2"].total == news2
    found = said(course)
    assert (found["news2-5"].state, found["news2-5"].level) == (five, "urgent")
    assert (found["news2-7"].state, found["news2-7"].level) == (seven, "emergency")
    assert found["news2-red"].state == "clear"


def test_one_finding_is_one_family_and_the_rule_that_tells_most_leads() -> None:
    """Unresponsive is NEWS2 3, a single red, a NEWS2 5 and an alarm of ACVPU: shown as one."""
    found = said([well_but(1, consciousness="U", **TOTALS[5])])
    met = [v for v in found.values() if v.state == "met"]
    assert [v.rule for v in met] == [
        "news2-7",
        "news2-5",
        "news2-red",
        "item-alarm/acvpu/unresponsive",
    ]
    assert {v.family for v in met} == {"news2"}
    ranks = {v.rule: v.rank for v in met}
    assert ranks["news2-7"] > ranks["news2-5"] > ranks["item-alarm/acvpu/unresponsive"]
    assert ranks["item-alarm/acvpu/unresponsive"] > ranks["news2-red"]


def test_a_scale_and_its_rise_are_one_family_and_a_single_sign_stands_apart() -> None:
    found = said(run(18, 45, 45, every=15), minutes=45)
    severe, twice = found["band-severe/ciwa-b"], found["higher-band-twice/ciwa-b"]
    assert (severe.state, twice.state, severe.family) == ("met", "met", twice.family)
    assert severe.rank > twice.rank
    assert found["item-alarm/ciwa-b/obs-sweat"].family == "item-alarm/ciwa-b/obs-sweat"


def test_a_single_three_is_urgent_and_one_and_two_are_not() -> None:
    found = said([well_but(1, respiratory_rate_per_min=8)])
    red = found["news2-red"]
    assert (red.state, red.level) == ("met", "urgent")
    assert red.sentence == "Breathing rate 8 /min scores 3."
    assert found["news2-5"].state == "clear"
    one_and_two = well_but(1, respiratory_rate_per_min=11, pulse_per_min=111)
    assert one_and_two.scores["news2"].total == 3
    assert said([one_and_two])["news2-red"].state == "clear"


def test_the_reason_names_each_value_that_costs_points() -> None:
    found = said([well_but(7, **TOTALS[7])])["news2-7"]
    assert found.sentence == (
        "NEWS2 is 7 (flagged from 7): breathing rate 21 /min scores 2, SpO2 93 % scores 2,"
        " pulse 111 /min scores 2, systolic pressure 105 mmHg scores 1."
    )
    assert [(e.label, e.value, e.unit) for e in found.evidence] == [
        ("NEWS2", "7", ""),
        ("Breathing rate", "21", "/min"),
        ("SpO2", "93", "%"),
        ("Systolic pressure", "105", "mmHg"),
        ("Pulse", "111", "/min"),
    ]
    assert found.evidence[0].as_json() == {
        "label": "NEWS2",
        "value": "7",
        "unit": "",
        "observed_at": "2026-11-23T19:00:00+00:00",
        "observation_id": 7,
    }
    assert found.observation_id == 7
    assert found.source.endswith("[A]")
    assert found.band_system == "rcp-2017"


def test_the_lower_bound_of_an_incomplete_set_raises_the_alarm() -> None:
    found = said([vital_set(1, systolic_mmhg=85, consciousness="V")])
    assert found["news2-5"].state == "met"
    assert "NEWS2 is at least 6 (flagged from 5)" in found["news2-5"].sentence
    assert "Not measured: breathing rate, SpO2, air or oxygen, pulse" in found["news2-5"].sentence
    assert found["news2-7"].state == "unknown"
    assert "Missing: breathing rate" in found["news2-7"].sentence
    assert found["news2-red"].sentence == (
        "Systolic pressure 85 mmHg and consciousness V (responds to voice) each score 3."
    )


def test_an_incomplete_set_never_clears_even_where_it_could_not_be_met() -> None:
    found = said([well_but(1, on_oxygen=None)])
    assert found["news2-5"].state == "unknown"
    assert found["news2-7"].state == "unknown"
    assert found["news2-red"].state == "unknown"


@pytest.mark.parametrize(
    ("instrument", "below", "limit", "words"),
    [
        (CIWA_B, 40, 41, "severe (usual form)"),
        (CIWA_AR, 18, 19, "severe (ASAM 2020)"),
        (COWS, 36, 37, "severe (Wesson & Ling 2003)"),
    ],
    ids=lambda case: getattr(case, "key", None),
)
def test_a_severe_band_is_urgent(
    instrument: scale.Instrument, below: int, limit: int, words: str
) -> None:
    rule = f"band-severe/{instrument.key}"
    if instrument is COWS:
        answers = {item.id: max(item.legal) for item in COWS.items}
        under = scale.score(COWS, {**answers, "pulse": 0, "gi": 0, "tremor": 1})
        over = scale.score(COWS, {**answers, "pulse": 0, "gi": 0, "tremor": 2})
    else:
        under, over = total(instrument, below), total(instrument, limit)
    assert (under.total, over.total) == (below, limit)
    assert said([seen(1, under)])[rule].state == "clear"
    found = said([seen(1, over)])[rule]
    assert (found.state, found.level) == ("met", "urgent")
    assert found.sentence == f"{instrument.name} is {limit}: {words}."


def test_the_band_counts_in_the_system_that_the_unit_uses_now() -> None:
    stored = scale.score(CIWA_AR, total(CIWA_AR, 15).answers, band_system="asam-2020")
    va = replace(PROTOCOL, band_systems={**PROTOCOL.band_systems, "ciwa-ar": "va"})
    by_rule = {v.rule: v for v in verdicts([seen(1, stored)], va, now=at(0))}
    assert by_rule["band-severe/ciwa-ar"].state == "met"
    assert by_rule["band-severe/ciwa-ar"].band_system == "va"
    assert said([seen(1, stored)])["band-severe/ciwa-ar"].state == "clear"


def test_a_severe_band_is_met_by_what_is_known() -> None:
    known = {item.id: 4 for item in CIWA_B.items[:11]}
    found = said([seen(1, scale.score(CIWA_B, known))])["band-severe/ciwa-b"]
    assert found.state == "met"
    assert "at least 44" in found.sentence
    less = {item.id: 4 for item in CIWA_B.items[:10]}
    assert said([seen(1, scale.score(CIWA_B, less))])["band-severe/ciwa-b"].state == "unknown"


def run(*totals: int, instrument: scale.Instrument = CIWA_B, every: float = 240) -> list[Seen]:
    """Complete sets of these totals, at an interval."""
    return [
        seen(number, total(instrument, wanted), minutes=number * every)
        for number, wanted in enumerate(totals)
    ]


def higher_band(course: list[Seen]) -> Verdict:
    return said(course, minutes=(course[-1].observed_at - at(0)).total_seconds() / 60)[
        "higher-band-twice/ciwa-b"
    ]


@pytest.mark.parametrize(
    ("totals", "state"),
    [
        ((18, 26, 33), "met"),
        ((18, 21, 21), "met"),
        ((20, 21, 40), "met"),
        ((18, 26), "clear"),
        ((26,), "clear"),
        ((26, 33), "clear"),
        ((18, 26, 20), "clear"),
        ((18, 20, 33), "clear"),
        # The bands above none and mild do not count: nobody is called for 0, 3, 5.
        ((0, 3, 5), "clear"),
        ((0, 26, 33), "met"),
        # It goes on for as long as the sets stay above the one before the rise.
        ((18, 26, 33, 34, 33), "met"),
        ((18, 26, 33, 20), "clear"),
        ((18, 26, 33, 20, 26), "clear"),
        # A second rise, from one band to the next but one.
        ((26, 45, 45), "met"),
        ((45, 26, 26), "clear"),
        ((18, 45, 26), "met"),
    ],
)
def test_two_sets_running_in_a_higher_band(totals: tuple[int, ...], state: str) -> None:
    found = higher_band(run(*totals))
    assert (found.state, found.level) == (state, "urgent")


def test_the_rise_is_told_in_one_sentence() -> None:
    found = higher_band(run(18, 26, 33))
    assert found.sentence == (
        "CIWA-B is in a higher band for 2 sets running: 18 (mild), then 26, 33 (moderate)."
    )
    assert [e.value for e in found.evidence] == ["18 (mild)", "26 (moderate)", "33 (moderate)"]


@pytest.mark.parametrize(("every", "state"), [(720, "met"), (721, "clear")])
def test_the_set_before_the_rise_is_from_the_last_24_hours(every: float, state: str) -> None:
    assert higher_band(run(18, 26, 33, every=every)).state == state


def partly(known: int, *, missing: int, number: int, minutes: float) -> Seen:
    """An incomplete set that totals `known` so far, with some items left out."""
    answers = dict(total(CIWA_B, known).answers)
    for item in CIWA_B.items[:missing]:
        assert answers[item.id] == 0
        del answers[item.id]
    return seen(number, scale.score(CIWA_B, answers), minutes=minutes)


def test_an_incomplete_set_counts_in_a_rise_only_for_what_is_certain() -> None:
    first, second, third = run(18, 26, 33)
    sure = partly(26, missing=1, number=1, minutes=240)
    assert higher_band([first, sure, third]).state == "met"
    unsure = partly(18, missing=1, number=1, minutes=240)
    assert higher_band([first, unsure, third]).state == "unknown"
    assert "a set before the last one is incomplete" in higher_band([first, unsure, third]).sentence
    low = partly(10, missing=1, number=1, minutes=240)
    assert higher_band([first, low, third]).state == "clear"
    # Of the set before the rise the worst counts: 18 that may be 22 is no sure mild.
    base = partly(18, missing=1, number=0, minutes=0)
    assert higher_band([base, second, third]).state == "unknown"
    last = partly(26, missing=1, number=2, minutes=480)
    assert higher_band([first, second, last]).state == "met"
    doubtful = partly(18, missing=1, number=2, minutes=480)
    assert higher_band([first, second, doubtful]).state == "unknown"


@pytest.mark.parametrize(
    ("instrument", "item", "value", "alarm", "level"),
    [
        (CIWA_AR, "orientation", 4, "orientation", "urgent"),
        (CIWA_AR, "orientation", 2, "orientation", "urgent"),
        (CIWA_AR, "visual", 6, "hallucinations", "urgent"),
        (CIWA_AR, "auditory", 4, "hallucinations", "urgent"),
        (CIWA_B, "obs_sweat", 4, "obs-sweat", "urgent"),
        (CIWA_B, "obs_tremor", 4, "obs-tremor", "urgent"),
        (CIWA_B, "obs_restless", 4, "obs-restless", "urgent"),
    ],
)
def test_each_item_alarm_is_a_rule_of_its_own(
    instrument: scale.Instrument, item: str, value: int, alarm: str, level: str
) -> None:
    worse = scale.score(instrument, zeros(instrument, **{item: value}))
    better = scale.score(instrument, zeros(instrument, **{item: value - 1 if value != 6 else 3}))
    rule = f"item-alarm/{instrument.key}/{alarm}"
    found = said([seen(1, worse)])[rule]
    assert (found.state, found.level) == ("met", level)
    assert found.sentence.endswith(".")
    assert f" {value}" in found.sentence
    if (item, value) != ("orientation", 4):
        assert said([seen(1, better)])[rule].state == "clear"


def test_an_item_alarm_is_raised_on_an_incomplete_set_but_never_cleared() -> None:
    incomplete = scale.score(CIWA_AR, {"orientation": 3})
    assert said([seen(1, incomplete)])["item-alarm/ciwa-ar/orientation"].state == "met"
    assert said([seen(1, incomplete)])["item-alarm/ciwa-ar/hallucinations"].state == "unknown"
    fine = scale.score(CIWA_AR, {"orientation": 0})
    assert said([seen(1, fine)])["item-alarm/ciwa-ar/orientation"].state == "unknown"


@pytest.mark.parametrize(
    ("letter", "met"),
    [
        ("A", []),
        ("C", ["new-confusion"]),
        ("V", ["responds-to-voice"]),
        ("P", ["unresponsive"]),
        ("U", ["unresponsive"]),
    ],
)
def test_consciousness_is_read_off_the_vital_signs(letter: str, met: list[str]) -> None:
    found = said([well_but(1, consciousness=letter)])
    alarms = [name.rsplit("/", 1)[1] for name, v in found.items() if v.state == "met"
              and name.startswith("item-alarm/acvpu/")]  # fmt: skip
    assert alarms == met
    assert found["item-alarm/acvpu/unresponsive"].level == "emergency"


def test_a_consciousness_that_was_scored_is_not_scored_twice() -> None:
    score = scale.score(ACVPU, {"consciousness": "U"})
    both = seen(1, score, vitals=Vitals(consciousness="V"))
    found = [v for v in verdicts([both], PROTOCOL, now=at(0)) if v.state == "met"]
    assert [v.rule for v in found] == ["item-alarm/acvpu/unresponsive"]


def test_only_the_newest_set_of_an_instrument_decides() -> None:
    old, new = well_but(1, **TOTALS[8]), well_but(2, minutes=30)
    assert said([old, new], minutes=30)["news2-7"].state == "clear"
    worse = well_but(3, minutes=45, **TOTALS[8])
    assert said([old, new, worse], minutes=45)["news2-7"].state == "met"


def test_a_late_older_set_changes_nothing_now() -> None:
    new = well_but(2, minutes=30)
    late = replace(well_but(3, **TOTALS[8]), entered_at=at(40))
    assert said([new, late], minutes=40) == said([new], minutes=40)


def test_of_two_sets_of_one_moment_the_one_entered_last_decides() -> None:
    first = replace(well_but(2, **TOTALS[8]), entered_at=at(1))
    last = replace(well_but(1), entered_at=at(2))
    assert said([last, first], minutes=5)["news2-7"].state == "clear"


def test_instruments_do_not_hide_each_other() -> None:
    course = [well_but(1, **TOTALS[8]), seen(2, total(CIWA_B, 41), minutes=30)]
    found = said(course, minutes=30)
    assert found["news2-7"].state == "met"
    assert found["band-severe/ciwa-b"].state == "met"


def test_an_instrument_that_was_never_used_has_no_verdict() -> None:
    assert said([]) == {}
    assert not any("cows" in rule or "news2" in rule for rule in said([seen(1, total(CIWA_B, 5))]))


@pytest.mark.parametrize(("minutes", "state"), [(0, "met"), (60, "met"), (60.1, "stale")])
def test_a_set_older_than_the_hour_raises_nothing(minutes: float, state: str) -> None:
    assert said([well_but(1, **TOTALS[8])], minutes=minutes)["news2-7"].state == state


def test_a_set_older_than_the_hour_clears_nothing() -> None:
    assert said([well_but(1)], minutes=61)["news2-7"].state == "stale"


def test_a_partial_set_does_not_hide_the_emergency_before_it() -> None:
    emergency = well_but(1, **TOTALS[8])
    pulse = vital_set(2, minutes=5, pulse_per_min=100)
    found = said([emergency, pulse], minutes=6)["news2-7"]
    assert (found.state, found.observation_id) == ("met", 1)
    # but not once it is too old,
    late = replace(pulse, observed_at=at(61), entered_at=at(61))
    assert said([emergency, late], minutes=61)["news2-7"].state == "unknown"
    # nor once a complete set has cleared it,
    between = well_but(3, minutes=3)
    assert said([emergency, between, pulse], minutes=6)["news2-7"].state == "unknown"
    # nor where the partial set itself says that it is over.
    nearly = well_but(4, minutes=5, on_oxygen=None)
    assert said([emergency, nearly], minutes=6)["news2-7"].state == "unknown"
    # Two partial sets in a row do not hide it either.
    again = vital_set(5, minutes=7, pulse_per_min=101)
    assert said([emergency, pulse, again], minutes=8)["news2-7"].observation_id == 1
    # A partial set of its own right is no emergency.
    assert said([pulse], minutes=6)["news2-7"].state == "unknown"


def test_a_partial_scale_does_not_hide_a_severe_one_unless_it_says_so() -> None:
    severe = seen(1, total(CIWA_B, 41))
    rule = "band-severe/ciwa-b"
    unsure = seen(2, scale.score(CIWA_B, {"upset": 1}), minutes=10)
    assert said([severe, unsure], minutes=10)[rule].state == "met"
    sure = partly(10, missing=1, number=2, minutes=10)
    assert said([severe, sure], minutes=10)[rule].state == "unknown"


def test_a_partial_set_that_shows_the_sign_gone_does_not_bring_it_back() -> None:
    disoriented = seen(1, scale.score(CIWA_AR, zeros(CIWA_AR, orientation=4)))
    clear_now = seen(2, scale.score(CIWA_AR, {"orientation": 0}), minutes=10)
    rule = "item-alarm/ciwa-ar/orientation"
    assert said([disoriented, clear_now], minutes=10)[rule].state == "unknown"
    only_sweat = seen(3, scale.score(CIWA_AR, {"sweats": 1}), minutes=10)
    assert said([disoriented, only_sweat], minutes=10)[rule].state == "met"


@pytest.mark.parametrize("outcome", ["asleep", "refused", "off_unit", "unable_to_assess"])
def test_what_was_not_assessed_raises_and_clears_nothing(outcome: str) -> None:
    emergency = well_but(1, **TOTALS[8])
    not_done = seen(2, minutes=30, outcome=outcome)
    assert said([emergency, not_done], minutes=30) == said([emergency], minutes=30)
    assert said([not_done], minutes=30) == {}


def test_the_breathing_of_a_sleeper_can_raise_an_alarm_and_never_clears_one() -> None:
    slow = vital_set(1, outcome="asleep", respiratory_rate_per_min=8)
    assert said([slow])["news2-red"].state == "met"
    calm = replace(well_but(2, minutes=30), outcome="asleep")
    found = said([well_but(1, **TOTALS[8]), calm], minutes=30)
    assert found["news2-7"].state == "unknown"
    assert found["news2-7"].sentence == (
        "NEWS2 cannot be told: the last set was not assessed in full."
    )


def test_what_was_invalid_says_nothing() -> None:
    invalid = scale.score(NEWS2, {**WELL, "systolic_mmhg": 11647})
    assert said([seen(1, invalid)]) == {}


def test_a_correction_is_a_course_as_if_it_had_been_right() -> None:
    wrong, right = well_but(1, pulse_per_min=231), well_but(1, pulse_per_min=71)
    assert said([wrong])["news2-red"].state == "met"
    assert said([right])["news2-red"].state == "clear"


COURSE = [
    well_but(1),
    well_but(2, minutes=5, **TOTALS[8]),
    vital_set(3, minutes=6, pulse_per_min=120),
    *run(18, 26, 33, every=15),
    replace(well_but(9, minutes=30, **TOTALS[5]), entered_at=at(50)),
    seen(10, minutes=40, outcome="asleep"),
]


@given(st.permutations(COURSE))
def test_the_order_in_which_sets_are_given_does_not_matter(course: list[Seen]) -> None:
    assert verdicts(course, PROTOCOL, now=at(45)) == verdicts(COURSE, PROTOCOL, now=at(45))
    assert replayed(course, PROTOCOL) == replayed(COURSE, PROTOCOL)


@given(
    st.lists(st.integers(0, 80), min_size=1, max_size=8),
    st.data(),
)
def test_leaving_answers_out_never_turns_a_rule_clear(totals: list[int], data: Any) -> None:
    course = run(*totals, every=5)
    answers = dict(course[-1].scores["ciwa-b"].answers)
    for item in data.draw(st.lists(st.sampled_from(sorted(answers)), min_size=1, unique=True)):
        del answers[item]
    part = scale.score(CIWA_B, answers)
    partial = [*course[:-1], replace(course[-1], scores={"ciwa-b": part})]
    whole_says = said(course, minutes=5 * len(totals))
    part_says = said(partial, minutes=5 * len(totals))
    assert all(verdict.state in ("met", "unknown") for verdict in part_says.values())
    for rule, verdict in part_says.items():
        if verdict.state == "met" and verdict.observation_id == course[-1].id:
            assert whole_says[rule].state == "met"


def test_a_replay_says_when_each_rule_would_have_been_flagged() -> None:
    course = [
        well_but(1),
        well_but(2, minutes=60, **TOTALS[5]),
        well_but(3, minutes=120, **TOTALS[8]),
        vital_set(4, minutes=185, pulse_per_min=90),
        well_but(5, minutes=190, **TOTALS[8]),
        well_but(6, minutes=240),
        well_but(7, minutes=300, **TOTALS[5]),
    ]
    flagged = [(moment, verdict.rule) for moment, verdict in replayed(course, PROTOCOL)]
    assert flagged == [
        (at(60), "news2-5"),
        (at(120), "news2-7"),
        (at(300), "news2-5"),
    ]


def test_a_replay_by_time_of_entry_flags_nothing_that_came_late() -> None:
    on_time = replace(well_but(1, **TOTALS[8]), entered_at=at(60))
    late = replace(well_but(1, **TOTALS[8]), entered_at=at(61))
    assert [v.rule for _, v in replayed([on_time], PROTOCOL, order="entered")] == [
        "news2-7",
        "news2-5",
    ]
    assert replayed([late], PROTOCOL, order="entered") == []
    assert len(replayed([late], PROTOCOL)) == 2


def test_a_replay_by_time_of_entry_reads_sets_as_they_came() -> None:
    newer = well_but(2, minutes=30)
    older = replace(well_but(1, minutes=10, **TOTALS[8]), entered_at=at(40))
    assert replayed([older, newer], PROTOCOL, order="entered") == []
    assert [m for m, _ in replayed([older, newer], PROTOCOL)] == [at(10), at(10)]


@pytest.mark.parametrize(
    ("interval", "state", "missed", "level"),
    [
        (240, "late", 0, "advisory"),
        (240, "missed", 1, "advisory"),
        (240, "missed", 2, "urgent"),
        (240, "missed", 3, "urgent"),
        (240, "late", 2, "urgent"),
        (240, "missed", 0, "advisory"),
        (60, "missed", 1, "advisory"),
        (16, "missed", 1, "advisory"),
        (15, "late", 0, "advisory"),
        (15, "missed", 1, "urgent"),
        (5, "missed", 2, "urgent"),
    ],
)
def test_what_is_overdue(interval: int, state: str, missed: int, level: str) -> None:
    found = overdue(
        PROTOCOL,
        instrument="ciwa-b",
        interval_minutes=interval,
        missed_in_a_row=missed,
        state=state,
        due_at=at(0),
    )
    assert found is not None
    assert (found.rule, found.level, found.state) == ("overdue/ciwa-b", level, "met")
    assert found.rule == overdue_rule("ciwa-b")
    assert found.title == "CIWA-B overdue"
    spoken = {240: "4 h", 60: "1 h", 16: "16 min", 15: "15 min", 5: "5 min"}[interval]
    assert found.sentence.endswith(f"It is due every {spoken}.")
    assert [e.observed_at for e in found.evidence] == [at(0)]


@pytest.mark.parametrize("state", ["scheduled", "due", "done", "done_late", "not_done"])
def test_what_is_not_late_is_not_overdue(state: str) -> None:
    assert overdue_says(state=state) is None


def overdue_says(**changed: Any) -> Verdict | None:
    given: dict[str, Any] = {
        "instrument": "safety-check",
        "interval_minutes": 15,
        "missed_in_a_row": 1,
        "state": "missed",
        "due_at": at(0),
    }
    return overdue(changed.pop("protocol", PROTOCOL), **{**given, **changed})


def test_a_unit_may_flag_no_overdue_sets() -> None:
    without = replace(PROTOCOL, rules=tuple(r for r in PROTOCOL.rules if r.kind != "overdue"))
    assert overdue_says(protocol=without) is None
    found = overdue_says()
    assert found is not None
    assert found.sentence.startswith("safety-check has been missed once.")


def test_the_same_course_gives_the_same_verdicts_in_the_order_of_the_rules() -> None:
    names = [v.rule for v in verdicts(COURSE, PROTOCOL, now=at(45))]
    assert names == [v.rule for v in verdicts(COURSE, PROTOCOL, now=at(45))]
    assert len(names) == len(set(names))
    order = [rule.id for rule in PROTOCOL.rules]
    places = [order.index(name.split("/")[0] if name.startswith("item") else name)
              for name in names]  # fmt: skip
    assert all(a <= b for a, b in itertools.pairwise(places))


def test_scale_two_without_air_or_oxygen_may_still_be_red() -> None:
    answers = {**WELL, "spo2_percent": 98, "spo2_scale": 2, "on_oxygen": None}
    doubt = seen(2, scale.score(NEWS2, answers), minutes=5)
    red = well_but(1, respiratory_rate_per_min=8)
    assert said([red, doubt], minutes=5)["news2-red"].state == "met"
    sure = seen(2, scale.score(NEWS2, {**answers, "spo2_percent": 90}), minutes=5)
    assert said([red, sure], minutes=5)["news2-red"].state == "unknown"


def test_oxygen_is_named_as_what_it_is() -> None:
    found = said([well_but(1, **TOTALS[5], on_oxygen=True)])["news2-7"]
    assert found.sentence.startswith(
        "NEWS2 is 7 (flagged from 7): breathing rate 21 /min scores 2,"
    )
    assert "oxygen scores 2, pulse" in found.sentence
    assert ("Air or oxygen", "oxygen", "") in [(e.label, e.value, e.unit) for e in found.evidence]


def test_an_item_alarm_says_what_was_seen_and_what_it_means() -> None:
    score = scale.score(CIWA_AR, zeros(CIWA_AR, orientation=4))
    assert said([seen(1, score)])["item-alarm/ciwa-ar/orientation"].sentence == (
        "Orientation 4 (does not know place or person)."
        " Disorientation: possible delirium, whatever the total is."
    )


def test_a_unit_may_watch_the_total_of_any_scale() -> None:
    document = tomllib.loads(DEFAULT.read_text("utf-8"))
    eight = {"instrument": "ciwa-ar", "total": 8}
    document["rules"] = [{**document["rules"][0], "id": "ciwa-ar-8", "params": eight}]
    local = protocol.parse(document)
    for wanted, state in ((7, "clear"), (8, "met"), (9, "met")):
        (found,) = verdicts([seen(1, total(CIWA_AR, wanted))], local, now=at(0))
        assert (found.rule, found.state) == ("ciwa-ar-8", state)
    assert found.sentence == "CIWA-Ar is 9 (flagged from 8)."


def test_a_row_that_cannot_be_read_is_itself_urgent() -> None:
    found = cannot_evaluate("rounds")
    assert (found.rule, found.level, found.state) == ("cannot-evaluate/rounds", "urgent", "met")
    assert "Check the patient yourself" in found.sentence


def test_temperatures_are_shown_as_they_were_measured() -> None:
    found = said([well_but(1, temperature_c=Decimal("35.0"))])["news2-red"]
    assert found.sentence == "Temperature 35.0 °C scores 3."
