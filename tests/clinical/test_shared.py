"""What is truly the same question is asked once; what only sounds alike is asked apart."""

from itertools import combinations

import pytest

from backend.clinical import scale, shared
from backend.clinical.definition import Item
from backend.clinical.vitals import KINDS, Vitals
from tests.clinical.build import COWS

PULSE_OF_THE_FORM = {10: 0, 80: 0, 81: 1, 100: 1, 101: 2, 120: 2, 121: 4, 300: 4}
LIST = """
[[read]]
definition = "cows/wesson-ling-2003/v1"
item = "pulse"
vital = "pulse_per_min"
rows = [{ high = 80, answer = 0 }, { low = 81, high = 100, answer = 1 },
  { low = 101, high = 120, answer = 2 }, { low = 121, answer = 4 }]
source = "x"
mark = "A"
"""


def _same(one: Item, other: Item) -> bool:
    """The same answers, with the same words on each."""
    return bool(one.legal) and one.legal == other.legal and one.anchors == other.anchors


def test_no_two_shipped_scales_ask_the_same_question_with_the_same_anchors() -> None:
    """So nothing that somebody answers can be merged: tremor is 0 to 7, 0 to 4, 0 to 2."""
    same = [
        (f"{one.key}.{mine.id}", f"{other.key}.{theirs.id}")
        for one, other in combinations(scale.shipped().values(), 2)
        if one.key != other.key
        for mine in one.items
        for theirs in other.items
        if _same(mine, theirs)
    ]
    # Both are read off the one consciousness of the vital signs already.
    assert same == [("acvpu.consciousness", "news2.consciousness")]
    assert "consciousness" in KINDS


@pytest.mark.parametrize("pulse", PULSE_OF_THE_FORM)
def test_the_pulse_is_counted_once_and_scores_in_cows_as_its_form_says(pulse: int) -> None:
    vitals = Vitals(pulse_per_min=pulse)
    answers = {name: 0 for name in COWS.by_id if name != "pulse"}
    found = shared.filled({"cows": answers}, vitals)
    assert found["cows"]["pulse"] == PULSE_OF_THE_FORM[pulse]
    assert scale.score(COWS, found["cows"]).total == PULSE_OF_THE_FORM[pulse]
    assert not shared.contradictions(found, vitals)


def test_nothing_is_read_off_what_was_not_measured_or_into_what_nobody_began() -> None:
    part = {"tremor": 1}
    assert shared.filled({"cows": part}, Vitals()) == {"cows": part}
    assert shared.filled({}, Vitals(pulse_per_min=112)) == {}
    assert shared.filled({"cows": {}}, Vitals(pulse_per_min=112)) == {"cows": {}}
    assert shared.filled({"made-up": part}, Vitals(pulse_per_min=112)) == {"made-up": part}


def test_what_was_answered_stands_and_is_told_where_the_vital_sign_denies_it() -> None:
    vitals, said = Vitals(pulse_per_min=112), {"cows": {"pulse": 1}}
    assert shared.filled(said, vitals) == said
    assert shared.contradictions(said, vitals) == {
        "cows.pulse": "Pulse 112 /min is 2 on COWS, not 1. Leave this open: it is read off the"
        " pulse."
    }
    assert shared.contradictions({"cows": {"pulse": 2}}, vitals) == {}
    assert shared.contradictions(said, Vitals()) == {}
    assert shared.contradictions({"made-up": {"pulse": 1}}, vitals) == {}


def test_another_version_of_a_definition_shares_nothing() -> None:
    assert [one.item for one in shared.of(COWS).values()] == ["pulse"]
    assert shared.of(scale.latest()["ciwa-ar"]) == {}


@pytest.mark.parametrize(
    ("was", "becomes", "why"),
    [
        ("wesson-ling-2003/v1", "wesson-ling-2003/v9", "no item of a shipped definition"),
        ('"pulse"', '"pulses"', "no item of a shipped definition"),
        ('"pulse_per_min"', '"temperature_c"', "no vital sign in whole numbers"),
        ('"pulse_per_min"', '"made_up"', "no vital sign in whole numbers"),
        ('item = "pulse"', 'item = "tremor"', "must be measured"),
        ("answer = 2", "answer = 3", "every answer of the item once"),
        ("low = 81", "low = 82", "without a gap"),
        ("high = 100", "high = 101", "without a gap"),
        ("low = 121", "low = 121, high = 200", "without a gap"),
        (", high = 120", "", "without a gap"),
        ("{ high = 80", "{ low = 10, high = 80", "without a gap"),
        ('mark = "A"', 'mark = "A"\nmore = 1', "`more` is not known here"),
    ],
)
def test_a_list_that_does_not_tile_is_refused(was: str, becomes: str, why: str) -> None:
    assert shared.load(LIST)[0].item == "pulse"
    with pytest.raises(shared.SharedError) as refused:
        shared.load(LIST.replace(was, becomes))
    assert why in str(refused.value)
