"""The further scales against their published forms: values, edges, and what does not exist there.

Each table is written down from the form or its source by hand, never from our definition.
"""

from collections.abc import Mapping

import pytest

from backend.clinical import scale
from tests.clinical.build import zeros

LATEST = scale.latest()
FOUR, THREE, TWO = (0, 1, 2, 3, 4), (0, 1, 2, 3), (0, 1, 2)
# Items in the order of the form, the values of each, and the highest total.
FORMS: Mapping[str, tuple[tuple[str, ...], tuple[int, ...], int]] = {
    "sows-handelsman": (
        ("anxious", "yawning", "sweating", "tearing", "nose", "gooseflesh", "shaking", "hot",
         "cold", "aches", "restless", "nauseous", "vomiting", "twitching", "cramps", "craving"),
        FOUR, 64,
    ),
    "sows-gossop": (
        ("sick", "cramps", "twitching", "cold", "heart", "tension", "aches", "yawning", "eyes",
         "sleep"),
        THREE, 30,
    ),
    "bwsq": (
        ("unreal", "noise", "light", "smell", "touch", "taste", "pain", "twitching", "shaking",
         "pins", "dizzy", "faint", "sick", "depressed", "eyes", "moving", "hallucination",
         "control", "memory", "appetite"),
        TWO, 40,
    ),
    "gmaws": (("tremor", "sweating", "hallucination", "orientation", "agitation"), TWO, 10),
}  # fmt: skip


@pytest.mark.parametrize("key", FORMS)
def test_items_values_and_ceiling_are_those_of_the_form(key: str) -> None:
    instrument, (items, values, highest) = LATEST[key], FORMS[key]
    assert tuple(item.id for item in instrument.items) == items
    assert {item.legal for item in instrument.items} == {values}
    assert scale.score(instrument, dict.fromkeys(items, values[-1])).total == highest
    assert scale.score(instrument, dict.fromkeys(items, 0)).total == 0


@pytest.mark.parametrize("key", FORMS)
def test_what_is_not_on_the_form_is_invalid(key: str) -> None:
    instrument, (items, values, _) = LATEST[key], FORMS[key]
    for item in items:
        for value in (-1, values[-1] + 1):
            score = scale.score(instrument, zeros(instrument, **{item: value}))
            assert (score.status, score.total, score.band) == ("invalid", None, None)


@pytest.mark.parametrize(
    ("key", "system", "bands"),
    [
        ("sows-handelsman", "ctn-0051",
         {0: "none", 1: "mild", 10: "mild", 11: "moderate", 20: "moderate", 21: "severe",
          31: "severe", 64: "severe"}),
        ("sows-gossop", "who-cut",
         {0: "mild", 10: "mild", 11: "moderate", 20: "moderate", 21: "severe", 30: "severe"}),
        ("pawss", "maldonado-2014",
         {0: "low risk", 3: "low risk", 4: "high risk", 10: "high risk"}),
        ("gmaws", "cliot",
         {0: "mild", 3: "mild", 4: "moderate", 7: "moderate", 8: "severe", 10: "severe"}),
    ],
)  # fmt: skip
def test_the_bands_at_their_edges(key: str, system: str, bands: dict[int, str]) -> None:
    found = LATEST[key].band_systems[system]
    assert {total: found.of_total(total).word for total in bands} == bands


@pytest.mark.parametrize("key", ["bwsq", "gmaws", "gcs", "pain"])
def test_where_no_source_gives_bands_a_total_has_no_word(key: str) -> None:
    instrument = LATEST[key]
    best = {item.id: item.legal[0] for item in instrument.items}
    score = scale.score(instrument, best)
    assert (score.status, score.band, score.band_system) == ("ok", None, "none")
    assert score.total is not None


def test_two_scales_called_sows_are_never_one() -> None:
    assert "sows" not in LATEST
    handelsman, gossop = LATEST["sows-handelsman"], LATEST["sows-gossop"]
    assert (handelsman.id, gossop.id) == ("sows/handelsman-1987/v1", "sows/gossop-1990/v1")


@pytest.mark.parametrize(
    ("level", "word", "alarm"),
    [(4, "combative", None), (3, "very agitated", None), (2, "agitated", None),
     (1, "restless", None), (0, "alert and calm", None), (-1, "drowsy", None),
     (-2, "light sedation", "urgent"), (-3, "moderate sedation", "emergency"),
     (-4, "deep sedation", "emergency"), (-5, "unrousable", "emergency")],
)  # fmt: skip
def test_rass_keeps_its_sign(level: int, word: str, alarm: str | None) -> None:
    score = scale.score(LATEST["rass"], {"level": level})
    assert (score.status, score.total, score.value) == ("ok", level, level)
    assert score.band
    assert score.band.word == word
    assert [one.level for one in score.alarms] == ([alarm] if alarm else [])


@pytest.mark.parametrize("level", [-6, 5, "S", "-2", -2.0])
def test_what_rass_does_not_have_is_invalid(level: object) -> None:
    assert scale.score(LATEST["rass"], {"level": level}).status == "invalid"  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("level", "word", "alarm"),
    [("S", "acceptable, asleep", None), (1, "acceptable, alert", None),
     (2, "acceptable, drowsy", None), (3, "unacceptable", "urgent"),
     (4, "unacceptable, emergency", "emergency")],
)  # fmt: skip
def test_poss_has_a_letter_and_no_total(level: int | str, word: str, alarm: str | None) -> None:
    score = scale.score(LATEST["poss"], {"level": level})
    assert (score.status, score.total, score.value) == ("ok", None, level)
    assert (score.lowest, score.highest, score.points) == (None, None, {})
    assert score.band
    assert score.band.word == word
    assert [one.level for one in score.alarms] == ([alarm] if alarm else [])


@pytest.mark.parametrize("level", [0, 5, "1", "s", "A"])
def test_what_poss_does_not_have_is_invalid(level: int | str) -> None:
    assert scale.score(LATEST["poss"], {"level": level}).status == "invalid"


def test_a_unit_uses_one_sedation_scale_and_nothing_that_needs_a_permission_it_has_not() -> None:
    usual = scale.offered(sedation="rass", permitted=())
    assert "rass" in usual
    assert not {"poss", "bwsq", "news2", "acvpu"} & set(usual)
    assert "poss" not in scale.offered(sedation="poss", permitted=())
    permitted = scale.offered(sedation="poss", permitted=("poss", "bwsq"))
    assert {"poss", "bwsq"} <= set(permitted)
    assert "rass" not in permitted


GCS = {"eyes": (1, 2, 3, 4), "verbal": (1, 2, 3, 4, 5), "motor": (1, 2, 3, 4, 5, 6)}


def test_gcs_goes_from_3_to_15() -> None:
    gcs = LATEST["gcs"]
    for item, values in GCS.items():
        assert set(gcs.by_id[item].legal) == {*values, "N"}
        for value in (0, values[-1] + 1, -1):
            answers = {name: some[0] for name, some in GCS.items()} | {item: value}
            assert scale.score(gcs, answers).status == "invalid"
    assert scale.score(gcs, {item: values[0] for item, values in GCS.items()}).total == 3
    assert scale.score(gcs, {item: values[-1] for item, values in GCS.items()}).total == 15


def test_a_part_of_gcs_that_cannot_be_tested_leaves_no_total() -> None:
    score = scale.score(LATEST["gcs"], {"eyes": 4, "verbal": "N", "motor": 6})
    assert (score.status, score.total, score.lowest, score.highest) == ("ok", None, None, None)
    assert score.points == {"eyes": 4, "motor": 6}
    part = scale.score(LATEST["gcs"], {"eyes": 4, "motor": 6})
    assert (part.status, part.lowest, part.highest) == ("incomplete", 11, 15)


@pytest.mark.parametrize(
    ("value", "status"), [(-1, "invalid"), (0, "ok"), (10, "ok"), (11, "invalid")]
)
def test_pain_goes_from_0_to_10(value: int, status: str) -> None:
    score = scale.score(LATEST["pain"], {"intensity": value})
    assert (score.status, score.total) == (status, value if status == "ok" else None)


PAWSS = ("drunk", "treatment", "withdrawal", "blackouts", "seizures", "delirium", "downers",
         "other", "level", "autonomic")  # fmt: skip


def test_pawss_counts_ten_answers_after_a_threshold_that_gives_no_point() -> None:
    pawss = LATEST["pawss"]
    assert tuple(item.id for item in pawss.items) == ("threshold", *PAWSS)
    for yes in range(11):
        answers = {"threshold": 1} | {name: int(n < yes) for n, name in enumerate(PAWSS)}
        score = scale.score(pawss, answers)
        assert score.total == yes
        assert score.band
        assert score.band.word == ("high risk" if yes >= 4 else "low risk")


def test_pawss_ends_at_a_threshold_that_is_not_met() -> None:
    score = scale.score(LATEST["pawss"], {"threshold": 0})
    assert (score.status, score.total, score.missing) == ("ok", 0, ())
    more = scale.score(LATEST["pawss"], {"threshold": 0, "seizures": 1})
    assert more.status == "invalid"
    assert "Leave it open" in more.illegal["seizures"]
    assert scale.score(LATEST["pawss"], {"threshold": 1}).status == "incomplete"
    assert scale.score(LATEST["pawss"], dict.fromkeys(PAWSS, 0)).status == "incomplete"


@pytest.mark.parametrize(
    ("key", "item", "value", "alarms"),
    [
        ("bwsq", "hallucination", 0, []),
        ("bwsq", "hallucination", 1, ["hallucination"]),
        ("gmaws", "hallucination", 1, ["hallucination"]),
        ("gmaws", "orientation", 1, ["orientation"]),
        ("gmaws", "agitation", 2, []),
    ],
)
def test_a_single_sign_calls_whatever_the_total_is(
    key: str, item: str, value: int, alarms: list[str]
) -> None:
    score = scale.score(LATEST[key], zeros(LATEST[key], **{item: value}))
    assert [alarm.id for alarm in score.alarms] == alarms
