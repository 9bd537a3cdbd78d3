"""The pages in docs/clinical say what the files say."""

from pathlib import Path

import pytest

from backend.clinical import scale
from backend.clinical.vitals import KINDS
from tests.clinical.build import default_protocol

DOCS = Path(__file__).parents[2] / "docs" / "clinical"


@pytest.mark.parametrize("instrument", scale.instruments().values(), ids=lambda i: i.key)
def test_each_instrument_has_a_page_with_its_id_and_all_its_bands(
    instrument: scale.Instrument,
) -> None:
    page = (DOCS / f"{instrument.key}.md").read_text("utf-8")
    assert f"`{instrument.id}`" in page
    if len(instrument.band_systems) > 1:
        assert [name for name in instrument.band_systems if f"`{name}`" not in page] == []
    assert f"[{instrument.key}]({instrument.key}.md)" in (DOCS / "README.md").read_text("utf-8")


def test_the_page_of_vital_signs_has_the_limits_of_the_file() -> None:
    rows = {
        cells[0]: cells[1:]
        for line in (DOCS / "vitals.md").read_text("utf-8").splitlines()
        if line.startswith("| ")
        for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
    }
    for kind in KINDS.values():
        if kind.possible and kind.plausible:
            places = kind.decimals if kind.field == "temperature_c" else 0
            limits = [
                f"{r.low:.{places}f}-{r.high:.{places}f}"
                if r.low == int(r.low)
                else f"{r.low}-{r.high}"
                for r in (kind.possible, kind.plausible)
            ]
            assert rows[kind.label] == [kind.ucum, *limits, str(kind.step), kind.loinc]


def test_the_page_of_rules_names_every_rule() -> None:
    page = (DOCS / "rules.md").read_text("utf-8")
    for rule in default_protocol().rules:
        family, _, instrument = rule.id.partition("/")
        assert f"`{family}" in page
        assert f"/{instrument}" in page
