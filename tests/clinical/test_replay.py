"""A replay asks few rules of each set; it must find what asking every rule of every set finds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.clinical import scale
from backend.clinical.course import by_entered, by_observed
from backend.clinical.deterioration import Seen, replayed, verdicts
from tests.clinical.build import CIWA_AR, WELL, at, default_protocol, vital_set

PROTOCOL = default_protocol()
Order = Literal["observed", "entered"]


def by_asking_everything(course: Sequence[Seen], order: Order) -> list[tuple[datetime, str, str]]:
    """Every rule after every set, over all that was known by then."""
    standing: set[str] = set()
    flagged = []
    ordered = sorted(course, key=by_observed if order == "observed" else by_entered)
    for length, newest in enumerate(ordered, 1):
        now = newest.observed_at if order == "observed" else newest.entered_at
        for verdict in verdicts(ordered[:length], PROTOCOL, now=now):
            if verdict.state == "met" and verdict.rule not in standing:
                flagged.append((now, verdict.rule, verdict.sentence))
                standing.add(verdict.rule)
            elif verdict.state == "clear":
                standing.discard(verdict.rule)
    return flagged


def vital_values(ill: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Well, ill or not measured, for each vital sign on its own."""
    return st.fixed_dictionaries(
        {
            name: st.sampled_from([well, well, *ill.get(name, [well]), None])
            for name, well in WELL.items()
        }
    )


ILL: dict[str, list[Any]] = {
    "respiratory_rate_per_min": [26, 9],
    "spo2_percent": [90],
    "pulse_per_min": [115],
    "systolic_mmhg": [95],
    "consciousness": ["V"],
}
ANSWERS = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from([item.id for item in CIWA_AR.items]), st.integers(0, 4), min_size=6
    ),
    st.integers(0, 4).map(lambda value: {item.id: value for item in CIWA_AR.items}),
)


@st.composite
def courses(draw: st.DrawFn) -> list[Seen]:
    course = []
    for number in range(1, draw(st.integers(1, 9)) + 1):
        one = vital_set(number, minutes=draw(st.integers(0, 400)), **draw(vital_values(ILL)))
        delay = draw(st.sampled_from([0, 0, 5, 45, 90]))
        answers = draw(ANSWERS)
        scores = dict(one.scores)
        if answers is not None:
            scores["ciwa-ar"] = scale.score(CIWA_AR, answers)
        outcome = draw(st.sampled_from(["assessed"] * 5 + ["asleep"]))
        entered_at = one.observed_at + timedelta(minutes=delay)
        course.append(replace(one, scores=scores, outcome=outcome, entered_at=entered_at))
    return course


@pytest.mark.parametrize("order", ["observed", "entered"])
@given(course=courses())
@settings(max_examples=150, deadline=None)
def test_a_replay_finds_what_asking_every_rule_finds(order: Order, course: list[Seen]) -> None:
    found = [(moment, v.rule, v.sentence) for moment, v in replayed(course, PROTOCOL, order=order)]
    assert found == by_asking_everything(course, order)
    assert "cannot-evaluate/rules" not in {rule for _, rule, _ in found}


def test_such_courses_flag_and_clear() -> None:
    """The comparison above is not one of nothing with nothing."""
    well: dict[str, Any] = dict(WELL)
    ill = {name: values[0] for name, values in ILL.items()}
    course = [
        vital_set(1, **well | ill),
        vital_set(2, minutes=30, **well),
        vital_set(3, minutes=60, **well | ill),
    ]
    rules = [rule for moment, rule, _ in by_asking_everything(course, "observed")]
    assert rules.count("news2-7") == 2
    assert at(60) in {moment for moment, _ in replayed(course, PROTOCOL)}
