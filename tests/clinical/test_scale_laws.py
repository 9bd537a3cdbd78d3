"""Laws that hold for every instrument and every set of answers."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.clinical import scale
from backend.clinical.definition import totals
from tests.clinical.build import ACVPU, CIWA_AR, CIWA_B, COWS, NEWS2, zeros

SUMS = (CIWA_B, CIWA_AR, COWS)
OTHER_SUMS = tuple(scale.latest()[k] for k in ("bwsq", "gmaws", "sows-gossop", "sows-handelsman"))
SCORED = (*SUMS, *OTHER_SUMS, NEWS2, ACVPU, *(scale.latest()[k] for k in ("pain", "poss", "rass")))
ALL = (*SUMS, NEWS2, ACVPU)

MEASURED = {
    "respiratory_rate_per_min": st.integers(0, 99),
    "spo2_percent": st.integers(30, 100),
    "systolic_mmhg": st.integers(30, 300),
    "pulse_per_min": st.integers(10, 300),
    "temperature_c": st.integers(250, 450).map(lambda tenths: Decimal(tenths) / 10),
}


@st.composite
def complete(draw: st.DrawFn, among: tuple[scale.Instrument, ...] = SCORED) -> Any:
    """An instrument, with a legal answer to every item."""
    instrument = draw(st.sampled_from(among))
    return instrument, {
        item.id: draw(MEASURED[item.id] if item.rows else st.sampled_from(item.legal))
        for item in instrument.items
    }


@given(complete(), st.randoms())
def test_a_missing_answer_never_raises_a_total_and_bounds_hold_it(case: Any, random: Any) -> None:
    instrument, answers = case
    whole = scale.score(instrument, answers)
    left = {name: a for name, a in answers.items() if random.random() < 0.7}
    part = scale.score(instrument, left)
    missing = [item.id for item in instrument.scored if item.id not in left]
    assert part.status == ("incomplete" if missing else "ok")
    assert list(part.missing) == missing
    if missing:
        assert part.total is None
        assert part.band is None
    if "spo2_scale" in answers and "spo2_scale" not in left:
        return  # then scale 1 is assumed, which is another question
    if whole.total is not None:
        assert part.lowest is not None
        assert part.highest is not None
        assert part.lowest <= whole.total <= part.highest
        assert not part.possible or whole.total in part.possible
    assert whole.band in part.possible_bands or not instrument.has_bands
    assert set(part.red) <= set(whole.red)
    assert set(part.alarms) <= set(whole.alarms) | {a for a in part.alarms if len(a.items) < 3}


@given(complete(), st.randoms())
def test_the_order_of_the_answers_does_not_matter(case: Any, random: Any) -> None:
    instrument, answers = case
    shuffled = list(answers.items())
    random.shuffle(shuffled)
    assert scale.score(instrument, dict(shuffled)) == scale.score(instrument, answers)


@given(complete(), st.data())
def test_none_is_the_same_as_absent(case: Any, data: st.DataObject) -> None:
    instrument, answers = case
    gone = data.draw(st.sampled_from(sorted(answers)))
    absent = {name: answer for name, answer in answers.items() if name != gone}
    assert scale.score(instrument, answers | {gone: None}) == scale.score(instrument, absent)


@given(complete((*SUMS, *OTHER_SUMS)), st.data())
def test_a_worse_answer_never_lowers_a_total_or_a_band(case: Any, data: st.DataObject) -> None:
    instrument, answers = case
    item = data.draw(st.sampled_from(instrument.items))
    worse = data.draw(st.sampled_from([v for v in item.legal if v >= answers[item.id]]))
    before = scale.score(instrument, answers)
    after = scale.score(instrument, answers | {item.id: worse})
    assert before.total is not None
    assert after.total is not None
    assert after.total - before.total == worse - answers[item.id]
    assert (before.band is not None) == (after.band is not None) == instrument.has_bands
    if before.band and after.band:
        assert after.band.severity >= before.band.severity
    assert {a.id for a in before.alarms} <= {a.id for a in after.alarms}


@given(complete((*SUMS, *OTHER_SUMS)))
def test_a_total_is_the_sum_of_its_parts(case: Any) -> None:
    instrument, answers = case
    score = scale.score(instrument, answers)
    assert score.total == sum(answers.values()) == sum(score.points.values())


@given(
    complete(),
    st.one_of(
        st.floats(),
        st.text(max_size=30),
        st.decimals(allow_nan=True),
        st.booleans(),
        st.integers(),
        st.lists(st.integers(), max_size=3),
        st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    ),
    st.data(),
)
def test_whatever_is_answered_there_is_a_sentence_or_a_score(
    case: Any, junk: Any, data: st.DataObject
) -> None:
    instrument, answers = case
    item = data.draw(st.sampled_from([*answers, "no_such_item"]))
    score = scale.score(instrument, answers | {item: junk})
    assert score.status in ("ok", "invalid")
    if score.status == "invalid":
        assert list(score.illegal) == [item]
        assert score.total is None
        assert score.alarms == ()
        assert len(score.illegal[item]) < 250


HUGE = pytest.param(10**5000, id="huge")


@pytest.mark.parametrize("junk", [2.5, "3", float("nan"), True, 2.0, Decimal(2), [1], HUGE])
@pytest.mark.parametrize("instrument", SUMS, ids=lambda i: i.key)
def test_only_a_whole_number_is_an_answer(instrument: scale.Instrument, junk: Any) -> None:
    item = instrument.items[1].id
    score = scale.score(instrument, zeros(instrument) | {item: junk})
    assert score.status == "invalid"
    assert list(score.illegal) == [item]


def test_a_hundred_thousand_characters_are_refused_in_a_short_sentence() -> None:
    for item, answer in (("nausea", "7" * 100_000), ("x\0" * 50_000, 1)):
        score = scale.score(CIWA_AR, zeros(CIWA_AR) | {item: answer})
        assert score.status == "invalid"
        assert all(len(sentence) < 200 for sentence in score.illegal.values())
        assert all("\0" not in sentence for sentence in score.illegal.values())


@pytest.mark.parametrize("instrument", scale.latest().values(), ids=lambda i: i.key)
def test_every_band_system_covers_every_total_exactly_once(instrument: scale.Instrument) -> None:
    possible = totals(instrument)
    for system in instrument.band_systems.values():
        for total in possible if system.bands else ():
            assert [b for b in system.bands if b.low <= total <= b.high] == [system.of_total(total)]


@pytest.mark.parametrize("instrument", scale.latest().values(), ids=lambda i: i.key)
def test_no_answer_at_all_can_still_be_anything(instrument: scale.Instrument) -> None:
    score = scale.score(instrument, {})
    assert score.status == "incomplete"
    assert score.total is None
    assert score.alarms == ()
    bands = instrument.band_systems[score.band_system].bands
    assert set(score.possible_bands) == set(bands)


def test_several_faults_are_all_told_at_once() -> None:
    score = scale.score(CIWA_AR, zeros(CIWA_AR, nausea=8, orientation=5) | {"bugs": 1})
    assert set(score.illegal) == {"nausea", "orientation", "bugs"}


def test_a_band_system_that_does_not_exist_is_refused() -> None:
    with pytest.raises(KeyError):
        scale.score(CIWA_AR, {}, band_system="nobody-1999")


def test_consciousness_is_a_value_without_a_total() -> None:
    score = scale.score(ACVPU, {"consciousness": "V"})
    assert (score.status, score.value, score.total, score.lowest) == ("ok", "V", None, None)
    assert score.band is not None
    assert score.band.word == "responds to voice"
    assert score.points == {}


@pytest.mark.parametrize(
    ("letter", "level"),
    [("A", None), ("C", "urgent"), ("V", "urgent"), ("P", "emergency"), ("U", "emergency")],
)
def test_everything_but_alert_raises_an_alarm(letter: str, level: str | None) -> None:
    alarms = scale.score(ACVPU, {"consciousness": letter}).alarms
    assert [alarm.level for alarm in alarms] == ([level] if level else [])


def test_stored_alarms_are_found_again_by_their_names() -> None:
    raised = scale.score(CIWA_AR, zeros(CIWA_AR, orientation=4)).alarms
    (again,) = scale.alarms_named(CIWA_AR, [alarm.id for alarm in raised])
    assert (again.id, again.level, again.text) == ("orientation", "urgent", raised[0].text)


def test_what_the_database_allows_is_what_the_form_allows() -> None:
    assert scale.legal_answers(COWS)["gooseflesh"] == [0, 3, 5]
    assert scale.legal_answers(NEWS2)["spo2_percent"] == {"low": 30.0, "high": 100.0}
    assert scale.legal_answers(NEWS2)["on_oxygen"] == [False, True]
    assert set(scale.legal_answers(CIWA_B)) == {item.id for item in CIWA_B.items}
