"""COWS against the form of Wesson and Ling 2003: value sets with holes."""

import pytest

from backend.clinical import scale
from tests.clinical.build import COWS, total, zeros

# As printed on the form; the gaps are the point.
FORM = {
    "pulse": (0, 1, 2, 4),
    "sweating": (0, 1, 2, 3, 4),
    "restlessness": (0, 1, 3, 5),
    "pupil": (0, 1, 2, 5),
    "aches": (0, 1, 2, 4),
    "nose": (0, 1, 2, 4),
    "gi": (0, 1, 2, 3, 5),
    "tremor": (0, 1, 2, 4),
    "yawning": (0, 1, 2, 4),
    "anxiety": (0, 1, 2, 4),
    "gooseflesh": (0, 3, 5),
}


def test_every_value_of_the_form_is_legal_and_no_other() -> None:
    for item in COWS.items:
        assert item.legal == FORM[item.id]
        for value in range(-1, 7):
            score = scale.score(COWS, zeros(COWS, **{item.id: value}))
            assert score.status == ("ok" if value in FORM[item.id] else "invalid"), (item.id, value)
    assert {item.id for item in COWS.items} == set(FORM)


@pytest.mark.parametrize(
    ("item", "value"),
    [("pulse", 3), ("restlessness", 2), ("restlessness", 4), ("pupil", 3), ("pupil", 4)]
    + [(item, 3) for item in ("aches", "nose", "tremor", "yawning", "anxiety")]
    + [("gi", 4), ("gooseflesh", 1), ("gooseflesh", 4)],
)
def test_values_in_a_hole_of_the_form_are_invalid(item: str, value: int) -> None:
    score = scale.score(COWS, zeros(COWS, **{item: value}))
    assert score.status == "invalid"
    assert str(value) in score.illegal[item]


def test_the_ceiling_is_48() -> None:
    assert scale.score(COWS, {item.id: max(FORM[item.id]) for item in COWS.items}).total == 48


def test_every_total_can_be_reached_so_a_total_never_shows_an_illegal_item() -> None:
    assert scale.score(COWS, {}).lowest == 0
    assert scale.score(COWS, {}).highest == 48
    sums = {0}
    for values in FORM.values():
        sums = {s + value for s in sums for value in values}
    assert sums == set(range(49))


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        (0, "none"),
        (4, "none"),
        (5, "mild"),
        (12, "mild"),
        (13, "moderate"),
        (24, "moderate"),
        (25, "moderately severe"),
        (36, "moderately severe"),
        (37, "severe"),
        (48, "severe"),
    ],
)
def test_the_bands_of_the_form(wanted: int, word: str) -> None:
    band = COWS.band_systems["wesson-ling-2003"].of_total(wanted)
    assert band.word == word


def test_missing_gooseflesh_leaves_five_eight_or_ten() -> None:
    score = scale.score(COWS, zeros(COWS, gi=5, gooseflesh=None))
    assert score.status == "incomplete"
    assert score.possible == (5, 8, 10)
    assert (score.total, score.lowest, score.highest) == (None, 5, 10)


def test_the_pulse_item_prints_its_limits() -> None:
    anchors = COWS.by_id["pulse"].anchors
    assert [anchors[v] for v in (0, 1, 2, 4)] == [
        "80 or below",
        "81 to 100",
        "101 to 120",
        "above 120",
    ]


def test_a_band_follows_the_total() -> None:
    assert total(COWS, 14).total == 14
    band = total(COWS, 14).band
    assert band is not None
    assert (band.word, band.severity) == ("moderate", 2)
