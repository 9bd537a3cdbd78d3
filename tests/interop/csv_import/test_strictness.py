"""A mapping and a file that are spoilt in any place are refused in a sentence, or read as text."""

from contextlib import suppress
from pathlib import Path

import pytest

from backend.core.errors import Invalid
from backend.interop.csv_import import mapping as mappings
from tests.interop.csv_import.test_mapping import GOOD

SPOILT = [
    "nan", "inf", "-inf", "1e400", "1_80", "true", "[]", "{}", "2026-11-24", '""', '"\\u0000"',
    '"\\u202e"', "9" * 400, '"' + "x" * 100_000 + '"', "[" * 200 + "]" * 200,
]  # fmt: skip
PLACES = [line for line in GOOD.strip().splitlines() if "=" in line]


@pytest.mark.parametrize("place", PLACES)
def test_no_place_of_a_mapping_is_broken_by_what_stands_there(tmp_path: Path, place: str) -> None:
    file = tmp_path / "mapping.toml"
    name = place.partition(" = ")[0]
    for value in SPOILT:
        file.write_text(GOOD.replace(place, f"{name} = {value}"))
        if value.startswith('"') and len(value) > 2:
            with suppress(Invalid):  # a text may stand there
                mappings.read(file)
        else:
            with pytest.raises(Invalid):
                mappings.read(file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe" + GOOD.encode("utf-16-le"),
        GOOD.encode() + b"\x00",
        GOOD.encode() + b'\nsource = "twice"\n',
        GOOD.encode().replace(b"elsewhere", b"\xff\xfe"),
        b"[" * 100_000,
    ],
    ids=["nothing", "UTF-16", "NUL", "a name twice", "not UTF-8", "depth"],
)
def test_what_is_no_mapping_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "mapping.toml"
    file.write_bytes(content)
    with pytest.raises(Invalid):
        mappings.read(file)
