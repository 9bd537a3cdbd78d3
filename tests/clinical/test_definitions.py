"""Definition files: the shipped ones cite and tile; a faulty one is refused with reasons."""

import re
from importlib import resources

import pytest

from backend.clinical import scale
from backend.clinical.vitals import KINDS

SMALL = """
id = "small/nobody-1999/v1"
key = "small"
name = "Small"
measures = "nothing"
citation = "Nobody 1999"
terms = "free"
purpose = "tests"
limits = ["tests only"]
scoring = "sum"
default_bands = "two"

[[items]]
id = "a"
label = "A"
prompt = "A?"
rater = "patient"
mark = "D"
legal = [0, 1, 3]
anchors = { 0 = "no", 3 = "yes" }

[[items]]
id = "b"
label = "B"
prompt = "B?"
rater = "observed"
mark = "D"
legal = [0, 2]

[[unscored]]
id = "hours"
label = "Hours"
prompt = "Hours?"
unit = "h"
low = 0
high = 24
mark = "D"

[[band_systems]]
name = "two"
label = "Two"
source = "nobody"
mark = "D"
bands = [
  { low = 0, high = 2, word = "low", severity = 0 },
  { low = 3, high = 5, word = "high", severity = 1 },
]

[[alarms]]
id = "a-high"
items = ["a"]
at_least = 3
level = "urgent"
title = "A"
text = "A is high"
source = "nobody"
mark = "D"
"""


EMPTY = (
    SMALL[: SMALL.index("[[items]]")]
    + SMALL[SMALL.index("[[band_systems]]") :].split("[[alarms]]", maxsplit=1)[0]
)


def changed(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new, 1)


def reasons(text: str) -> str:
    with pytest.raises(scale.DefinitionError) as refused:
        scale.load(text)
    assert refused.value.reasons
    return " ".join(refused.value.reasons)


def test_a_sound_definition_is_taken() -> None:
    small = scale.load(SMALL)
    assert small.version == 1
    assert scale.score(small, {"a": 3, "b": 2, "hours": 7}).total == 5


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("high = 2, word", "high = 1, word", "must cover 0 to 5 once each"),
        ("high = 2, word", "high = 3, word", "must cover 0 to 5 once each"),
        ("high = 5, word", "high = 6, word", "must cover 0 to 5 once each"),
        ("high = 5, word", "high = 4, word", "must cover 0 to 5 once each"),
        ("low = 3, high = 5", "low = 5, high = 3", "`low` must not be above `high`"),
        ("severity = 1", "severity = 5", "goes from 0 to 4"),
        ('default_bands = "two"', 'default_bands = "three"', "names no band system"),
        ('citation = "Nobody 1999"', 'citation = " "', "`citation` must be a text"),
        ('citation = "Nobody 1999"\n', "", "`citation` must be a text"),
        ('source = "nobody"\nmark = "D"\nbands', 'mark = "D"\nbands', "`source` must be a text"),
        ('source = "nobody"\nmark = "D"\nbands', 'source = "x"\nmark = "Z"\nbands', "one of A, A2"),
        ("legal = [0, 2]", "legal = [0, 2, 2]", "listed twice"),
        ("legal = [0, 2]", "legal = []", "must list every legal value"),
        ("legal = [0, 2]", "legal = [0, 2.5]", "are whole numbers"),
        ("legal = [0, 2]", 'legal = [0, "bad"]', "single capital letters"),
        ("legal = [0, 2]", 'legal = [0, "B"]', "a sum needs whole numbers"),
        ("legal = [0, 2]", "legal = [false, true]", "a sum needs whole numbers"),
        ("legal = [0, 2]", "", "either legal values or rows"),
        ('3 = "yes"', '2 = "yes"', "`2` is not known here"),
        ('0 = "no"', "0 = 1", "`0` must be a text"),
        ('prompt = "B?"', 'prompt = "B?"\nalso = "a"', "`a` is used twice"),
        ('id = "hours"', 'id = "a"', "`a` is used twice"),
        ('rater = "patient"', 'rater = "the cat"', "must be one of patient"),
        ('scoring = "sum"', 'scoring = "product"', "must be one of sum"),
        ('scoring = "sum"', 'scoring = "points"', "every legal value needs points"),
        ('items = ["a"]', 'items = ["z"]', "`z` is not an item"),
        ('items = ["a"]', 'items = "a"', "must be a list of texts"),
        ("at_least = 3", "at_least = 4", "must name legal values"),
        ("at_least = 3", "in = [2]", "must name legal values"),
        ("at_least = 3", "in = [3, 4]", "must name legal values"),
        ("at_least = 3", "", "must name legal values"),
        ('level = "urgent"', 'level = "loud"', "must be one of emergency"),
        ('id = "small/nobody-1999/v1"', 'id = "small"', "must read key/author-year/vN"),
        ('id = "small/nobody-1999/v1"', 'id = "big/nobody-1999/v1"', "begin with the key"),
        ('key = "small"', 'key = "small-anybody"', "the key is key-author"),
        ('id = "b"', 'id = "B b"', "must be a short name"),
        ('id = "b"', 'id = "x.y"', "must be a short name"),
        ("legal = [0, 2]", "legal = [0, 1001]", "counts more than 1000"),
        ("low = 3, high = 5", "low = 3, high = 100000000000", "no total lies so far out"),
        ('default_bands = "two"', 'default_bands = "none"\nheadline = "z"', "neither an item nor"),
        ('scoring = "sum"', 'scoring = "single"', "A single value has one item"),
        ('scoring = "sum"', 'scoring = "none"', "Without a total there are no bands"),
        ("legal = [0, 2]", "legal = [0, 2]\noptional = true", "Only what is not scored may stay"),
        ("legal = [0, 2]", "legal = [0, 2]\nends = [1]", "`ends` must list legal values"),
        ("legal = [0, 2]", 'legal = [0, 2]\nnot_testable = "N"', "`not_testable` is not a legal"),
        ("legal = [0, 2]", 'legal = ["N"]\nnot_testable = "N"', "a sum needs whole numbers"),
        ('unit = "h"', 'unit = "h"\nsame_as = "days"', "`same_as` names no number"),
        ('unit = "h"', 'unit = "h"\nmultiply = "0.5"', "must be an exact fraction"),
        ('unit = "h"', 'unit = "h"\ndecimals = 4', "`decimals` goes from 0 to 3"),
        ("at_least = 3", "in = [[3]]", "must name legal values"),
        ("at_least = 3", 'low = "1"', "must name legal values"),
        ('key = "small"', 'key = "small"\nkyes = 1', "`kyes` is not known here"),
        ('prompt = "B?"', 'prompt = "B?"\nassumed = 1', "`assumed` is not a legal value"),
        ('rater = "observed"', 'rater = "setting"', "a setting needs `assumed`"),
        ("low = 0\nhigh = 24", "low = 24\nhigh = 24", "`low` must be below `high`"),
        ("low = 0\nhigh = 24", 'low = "x"\nhigh = 24', "exact decimal"),
        ('limits = ["tests only"]', "limits = []", "`limits` must be a list of texts"),
        ('name = "two"', "name = 2", "`name` must be a text"),
    ],
)
def test_a_faulty_definition_is_refused_with_the_reason(old: str, new: str, why: str) -> None:
    assert why in reasons(changed(old, new))


def test_every_reason_is_told_at_once() -> None:
    told = reasons(changed("legal = [0, 2]", "legal = [0, 2, 2]").replace('mark = "D"', "", 1))
    assert "listed twice" in told
    assert "`mark`" in told


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id = [", "not a TOML file"),
        ("", "`id` must be a text"),
        ("items = 3", "`items` must be a list of tables"),
        ("items = [3]", "must be a table"),
        (EMPTY, "There is no item"),
    ],
)
def test_what_is_not_a_definition_is_refused(text: str, why: str) -> None:
    assert why in reasons(text)


def test_two_systems_of_one_name_are_refused() -> None:
    system = SMALL[SMALL.index("[[band_systems]]") : SMALL.index("[[alarms]]")]
    assert "used twice" in reasons(SMALL + system)


CODE = '[[codes]]\nsystem = "LOINC"\nmeans = "x"\nstatus = "none found"\n'


def test_a_code_has_a_value_unless_none_was_found() -> None:
    assert scale.load(SMALL + CODE).codes[0].code == ""
    assert "unless none was found" in reasons(SMALL + CODE + 'code = "1-8"\n')
    assert "unless none was found" in reasons(SMALL + CODE.replace("none found", "certain"))


NEWS2 = (resources.files("backend.clinical") / "instruments/news2-rcp-2017-v1.toml").read_text(
    "utf-8"
)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "{ low = 9, high = 11, points = 1 }",
            "{ low = 9, high = 10, points = 1 }",
            "do not cover",
        ),
        (
            "{ low = 9, high = 11, points = 1 }",
            "{ low = 8, high = 11, points = 1 }",
            "do not cover",
        ),
        ('{ low = "35.1"', '{ low = "35.2"', "do not cover"),
        ("{ high = 8, points", "{ low = 1, high = 8, points", "do not cover"),
        ("{ low = 25, points", "{ low = 25, high = 90, points", "do not cover"),
        (
            "when = { spo2_scale = 2, on_oxygen = false }",
            "when = { spo2_scale = 3 }",
            "do not cover",
        ),
        ("when = { spo2_scale = 1 }", "when = { altitude = 1 }", "altitude, which is not an item"),
        ('id = "respiratory_rate_per_min"', 'id = "rate"', "vital sign of that name"),
        ('id = "respiratory_rate_per_min"', 'id = "consciousness"', "vital sign of that name"),
        ("points = { false = 0, true = 2 }", "points = { false = 0 }", "`true` must be a whole"),
        ("points = { false = 0, true = 2 }", "", "every legal value needs points"),
        ("points = 3 },\n  { low = 9", "points = -1 },\n  { low = 9", "must be 0 or more"),
    ],
)
def test_points_tables_must_meet_without_gap_or_overlap(old: str, new: str, why: str) -> None:
    assert old in NEWS2
    assert why in reasons(NEWS2.replace(old, new, 1))


ACVPU = (resources.files("backend.clinical") / "instruments/acvpu-rcp-2017-v1.toml").read_text(
    "utf-8"
)


def test_every_letter_needs_exactly_one_band() -> None:
    assert "exactly one band" in reasons(ACVPU.replace('values = ["V"]', 'values = ["P"]'))


def test_every_shipped_instrument_is_named_by_its_source() -> None:
    assert set(scale.instruments()) == {
        "acvpu/rcp-2017/v1",
        "bwsq/tyrer-1990/v1",
        "ciwa-ar/sullivan-1989/v1",
        "ciwa-b/busto-1989/v1",
        "cows/wesson-ling-2003/v1",
        "fluid/vigil-2026/v1",
        "gcs/teasdale-1974/v1",
        "glucose/vigil-2026/v1",
        "gmaws/glasgow-2012/v1",
        "news2/rcp-2017/v1",
        "pain/numeric-1986/v1",
        "pawss/maldonado-2014/v1",
        "poss/pasero-1994/v1",
        "rass/sessler-2002/v1",
        "safety/vigil-2026/v1",
        "sleep/vigil-2026/v1",
        "sows/gossop-1990/v1",
        "sows/handelsman-1987/v1",
    }
    assert {i.id for i in scale.latest().values()} == set(scale.instruments())


@pytest.mark.parametrize("instrument", scale.instruments().values(), ids=lambda i: i.key)
def test_a_shipped_instrument_cites_and_says_who_it_is_not_for(
    instrument: scale.Instrument,
) -> None:
    assert re.search(r"(19|20)\d\d", instrument.citation)
    assert instrument.limits
    assert all(system.source.text for system in instrument.band_systems.values())
    for table in instrument.frequency:
        lows = [row.low for row in table.rows]
        highs = [row.high for row in table.rows]
        assert lows[1:] == [high + 1 for high in highs[:-1]]


def loinc_is_sound(code: str) -> bool:
    """Mod 10 check digit, doubling every second digit from the right."""
    digits, check = code.split("-")
    doubled = [int(d) * (2 if place % 2 == 0 else 1) for place, d in enumerate(digits[::-1])]
    return (-sum(d // 10 + d % 10 for d in doubled)) % 10 == int(check)


def test_every_loinc_code_has_a_sound_check_digit() -> None:
    codes = [c.code for i in scale.instruments().values() for c in i.codes if c.system == "LOINC"]
    codes += [kind.loinc for kind in KINDS.values()]
    codes = [code for code in codes if code]
    assert len(codes) >= 9
    assert [code for code in codes if not loinc_is_sound(code)] == []


def test_the_check_digit_catches_the_code_that_was_remembered_wrong() -> None:
    assert not loinc_is_sound("3150-6")
    assert loinc_is_sound("8867-4")


def test_codes_known_to_be_wrong_are_not_used() -> None:
    # 72514-3 is pain from 0 to 10, and nothing else.
    others = (i for i in scale.instruments().values() if i.key != "pain")
    used = {code.code for i in others for code in i.codes}
    used |= {kind.loinc for kind in KINDS.values()}
    assert not used & {"72514-3", "88330-6", "54632-5", "LL6536-8", "3150-6", "3150-0"}


def verhoeff(number: str) -> int:
    """The check of SNOMED CT ids; 0 is sound."""
    dihedral = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ]
    turn = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    check = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit)
        for _ in range(place % 8):
            value = turn[value]
        check = dihedral[check][value]
    return check


def test_every_snomed_code_has_a_sound_check_digit() -> None:
    codes = [
        code.code
        for instrument in scale.instruments().values()
        for code in instrument.codes
        if code.system.startswith("SNOMED") and code.code
    ]
    assert len(codes) == 11
    assert [code for code in codes if verhoeff(code) != 0] == []
