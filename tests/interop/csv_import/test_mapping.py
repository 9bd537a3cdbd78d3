"""A mapping is used only when everything in it can be right; the shipped examples are."""

from pathlib import Path

import pytest

from backend.core.errors import Invalid
from backend.interop.csv_import import mapping as mappings

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
GOOD = """
source = "elsewhere"
[columns]
patient = "who"
observed = "seen"
item = "code"
value = "value"
[items.rr]
vital = "respiratory_rate_per_min"
unit = "/min"
"""


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_a_shipped_example_can_be_used(path: Path) -> None:
    assert mappings.read(path).targets


def test_the_examples_share_one_origin_so_that_their_rows_meet_in_one_stay() -> None:
    origins = {
        (found.source, found.columns["patient"], found.columns["stay"])
        for found in map(mappings.read, EXAMPLES.glob("mimic3-*.toml"))
    }
    assert len(origins) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('source = "elsewhere"', ""), "`source` must be a text"),
        (('value = "value"', ""), "`value` must be a text"),
        (('item = "code"', 'item = "code"\nitme = "x"'), "`itme` is not known here"),
        (('vital = "respiratory_rate_per_min"', 'vital = "breath"'), "is not a vital sign"),
        (('unit = "/min"', 'unit = "mmHg"'), "cannot be given in `mmHg`"),
        (('vital = "respiratory_rate_per_min"\nunit = "/min"', ""), "needs one of"),
        (("[items.rr]", "[items.rr]\ntotal = 'cows'"), "needs one of"),
        (("[items.rr]", "[items.x]\nvital = 'on_oxygen'\n[items.rr]"), "needs `values`"),
        (
            ("[items.rr]", "[items.x]\nvital = 'on_oxygen'\nvalues = { No = 'maybe' }\n[items.rr]"),
            "which does not exist there",
        ),
        (
            ("[items.rr]", "[items.x]\ninstrument = 'ciwa'\nitem = 'nausea'\n[items.rr]"),
            "`ciwa` is not an instrument",
        ),
        (
            ("[items.rr]", "[items.x]\ninstrument = 'cows'\nitem = 'nausea'\n[items.rr]"),
            "is not an item of COWS",
        ),
        (
            ("[items.rr]", "[items.x]\ninstrument = 'news2'\nitem = 'spo2_percent'\n[items.rr]"),
            "give vital signs as `vital`",
        ),
        (
            ("[items.rr]", "[items.x]\ninstrument = 'news2'\nitem = 'spo2_scale'\n[items.rr]"),
            "is not answered on the scale",
        ),
        (
            (
                "[items.rr]",
                "[items.x]\ninstrument = 'cows'\nitem = 'pulse'\nvalues = { b = 3 }\n[items.rr]",
            ),
            "which does not exist there",
        ),
        (("[items.rr]", "[units]\nbpm2 = 'furlong'\n[items.rr]"), "is not a unit"),
        (('source = "elsewhere"', 'source = "x"\ntime_zone = "Mars/Base"'), "IANA"),
        (('source = "elsewhere"', 'source = "x"\ndelimiter = "::"'), "`delimiter`"),
        (("[items.rr]", "[items.rr"), "not a TOML file"),
    ],
)
def test_a_mapping_that_cannot_be_right_is_refused(change: tuple[str, str], said: str) -> None:
    assert change[0] in GOOD
    mappings.load(GOOD)
    with pytest.raises(Invalid, match="mapping") as refused:
        mappings.load(GOOD.replace(*change))
    assert said in refused.value.sentence


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        mappings.load(GOOD.replace('"/min"', '"mmHg"').replace('patient = "who"', ""))
    assert "`patient`" in refused.value.sentence
    assert "mmHg" in refused.value.sentence


def test_a_mapping_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        mappings.read(tmp_path / "none.toml")
