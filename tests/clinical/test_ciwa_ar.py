"""CIWA-Ar against the form of Sullivan 1989 and the bands that eight authors print."""

import pytest

from backend.clinical import scale
from tests.clinical.build import CIWA_AR, total, zeros

SEVENS = ("nausea", "tremor", "sweats", "anxiety", "agitation")


def test_the_ceiling_is_nine_sevens_and_a_four() -> None:
    worst = {item.id: 7 for item in CIWA_AR.items} | {"orientation": 4}
    assert scale.score(CIWA_AR, worst).total == 67
    assert len(CIWA_AR.items) == 10


@pytest.mark.parametrize(
    ("wanted", "system", "word"),
    [
        (8, "asam-2020", "none or mild"),
        (8, "va", "moderate"),
        (8, "mdcalc", "minimal"),
        (15, "asam-2020", "moderate"),
        (15, "va", "severe"),
        (15, "mdcalc", "mild-moderate"),
        (19, "asam-2020", "severe"),
        (19, "mdcalc", "mild-moderate"),
        (0, "asam-2020", "none or mild"),
        (9, "asam-2020", "none or mild"),
        (10, "asam-2020", "moderate"),
        (18, "asam-2020", "moderate"),
        (7, "va", "none or mild"),
        (14, "va", "moderate"),
        (9, "mdcalc", "mild-moderate"),
        (20, "mdcalc", "severe"),
        (8, "openmedicine", "minimal"),
        (9, "openmedicine", "mild"),
        (15, "openmedicine", "mild"),
        (16, "openmedicine", "moderate"),
        (20, "openmedicine", "moderate"),
        (21, "openmedicine", "severe"),
        (15, "openehr-gdl", "mild"),
        (16, "openehr-gdl", "moderate"),
        (24, "openehr-gdl", "moderate"),
        (25, "openehr-gdl", "severe"),
        (10, "wikipedia", "mild"),
        (11, "wikipedia", "moderate"),
        (15, "wikipedia", "moderate"),
        (16, "wikipedia", "severe"),
        (7, "cliot", "mild"),
        (8, "cliot", "moderate"),
        (15, "cliot", "moderate"),
        (16, "cliot", "severe"),
        (9, "nsw-2022", "mild"),
        (10, "nsw-2022", "moderate"),
        (20, "nsw-2022", "moderate"),
        (21, "nsw-2022", "severe"),
    ],
)
def test_a_total_has_the_band_of_the_system_that_is_named(
    wanted: int, system: str, word: str
) -> None:
    score = scale.score(CIWA_AR, total(CIWA_AR, wanted).answers, band_system=system)
    assert score.total == wanted
    assert score.band is not None
    assert (score.band.word, score.band_system) == (word, system)


def test_asam_is_the_default() -> None:
    assert total(CIWA_AR, 19).band_system == "asam-2020"


@pytest.mark.parametrize("item", SEVENS)
@pytest.mark.parametrize("value", [2, 3, 5, 6])
def test_values_without_a_printed_label_are_legal(item: str, value: int) -> None:
    assert value not in CIWA_AR.by_id[item].anchors
    assert scale.score(CIWA_AR, zeros(CIWA_AR, **{item: value})).total == value


@pytest.mark.parametrize(
    ("item", "value"),
    [("orientation", 5), ("orientation", 7)]
    + [(item.id, value) for item in CIWA_AR.items for value in (8, -1)],
)
def test_what_is_not_on_the_form_is_invalid(item: str, value: int) -> None:
    score = scale.score(CIWA_AR, zeros(CIWA_AR, **{item: value}))
    assert score.status == "invalid"
    assert (score.total, score.band, score.lowest) == (None, None, None)
    assert list(score.illegal) == [item]


def test_orientation_two_is_wrong_by_no_more_than_two_days() -> None:
    anchors = CIWA_AR.by_id["orientation"].anchors
    assert "no more than 2 days" in anchors[2]
    assert "more than 2 days" in anchors[3]
    assert anchors[3] != anchors[2]


def test_one_missing_item_leaves_six_to_thirteen() -> None:
    score = scale.score(CIWA_AR, zeros(CIWA_AR, tremor=6, anxiety=None))
    assert score.status == "incomplete"
    assert (score.total, score.lowest, score.highest) == (None, 6, 13)


@pytest.mark.parametrize(
    ("item", "value", "alarm"),
    [
        ("orientation", 1, None),
        ("orientation", 2, "orientation"),
        ("orientation", 3, "orientation"),
        ("orientation", 4, "orientation"),
        ("tactile", 3, None),
        ("tactile", 4, "hallucinations"),
        ("auditory", 3, None),
        ("auditory", 4, "hallucinations"),
        ("visual", 3, None),
        ("visual", 4, "hallucinations"),
        ("visual", 6, "hallucinations"),
        ("visual", 7, "hallucinations"),
        ("headache", 7, None),
    ],
)
def test_a_single_sign_raises_its_own_alarm(item: str, value: int, alarm: str | None) -> None:
    score = scale.score(CIWA_AR, zeros(CIWA_AR, **{item: value}))
    assert score.total == value
    assert score.band is not None
    assert score.band.word == "none or mild"
    assert [(a.id, a.items) for a in score.alarms] == ([(alarm, (item,))] if alarm else [])


def test_an_item_alarm_is_raised_on_an_incomplete_set_too() -> None:
    score = scale.score(CIWA_AR, {"visual": 5})
    assert score.status == "incomplete"
    assert [alarm.id for alarm in score.alarms] == ["hallucinations"]


def test_headache_does_not_rate_dizziness() -> None:
    assert "Do not rate dizziness" in CIWA_AR.by_id["headache"].prompt
