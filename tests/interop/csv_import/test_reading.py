"""One row at a time: exact values in our units, times with a zone, a reason for each refusal."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backend.core.errors import Invalid
from backend.interop.csv_import import mapping as mappings
from backend.interop.csv_import.ordering import in_order
from backend.interop.csv_import.reading import Reader, Refused, columns, time_of, value_of
from backend.interop.csv_import.rows import Broken, Row, opened, rows
from tests.interop.csv_import.conftest import HEADER, mapping, row

MAPPING = mapping("reading")


def value(code: str, text: str, unit: str = "") -> Any:
    return value_of(MAPPING, MAPPING.targets[code], text, unit)


@pytest.mark.parametrize(
    ("code", "text", "unit", "found"),
    [
        ("hr", "88", "bpm", 88),
        ("hr", "88", "bps", 88),
        ("hr", "88.0", "/min", 88),
        ("rr", "18", "", 18),
        ("temp", "98.6", "deg F", Decimal("37.0")),
        ("temp", "99.599998474121094", "deg F", Decimal("37.6")),
        ("temp", "37.900001525878906", "°C", Decimal("37.9")),
        ("sbp", "16", "kPa", 120),
        ("flow", "2.5", "", Decimal("2.5")),
        ("o2", "None", "", False),
        ("o2", "Mask", "", True),
        ("mind", "confused", "", "C"),
        ("tremor", "4", "", 4),
        ("tremor", "4.0", "", 4),
        ("hours", "6.5", "", Decimal("6.5")),
        ("total", "12", "", 12),
    ],
)
def test_a_value_is_taken_in_our_unit(code: str, text: str, unit: str, found: object) -> None:
    taken = value(code, text, unit)
    assert taken == found
    assert type(taken) is type(found)


@pytest.mark.parametrize(
    ("code", "text", "unit", "reason"),
    [
        ("hr", "", "bpm", "no value"),
        ("hr", "NULL", "bpm", "no value"),
        ("hr", "88", "", "no unit"),
        ("hr", "88", "mmHg", "unit not known"),
        ("hr", "fast", "bpm", "not a number"),
        ("hr", "NaN", "bpm", "not a number"),
        ("hr", "Infinity", "bpm", "not a number"),
        ("hr", "1_80", "bpm", "not a number"),
        ("hr", "８８", "bpm", "not a number"),  # noqa: RUF001 (digits of another script)
        ("hr", "88\x00", "bpm", "not a number"),
        ("hr", "8" * 100_000, "bpm", "not a number"),
        ("hr", "1e400", "bpm", "impossible value"),
        ("hr", "1e-400", "bpm", "value cannot be taken"),
        ("hr", "88.5", "bpm", "value cannot be taken"),
        ("hr", "0", "bpm", "impossible value"),
        ("hr", "-88", "bpm", "impossible value"),
        ("sbp", "11647", "", "impossible value"),
        ("temp", "98.6", "°C", "impossible value"),
        ("temp", "37", "deg F", "impossible value"),
        ("o2", "Balloon", "", "value not mapped"),
        ("tremor", "8", "", "value not on the scale"),
        ("tremor", "2.5", "", "value not on the scale"),
        ("tremor", "Moderate", "", "not a number"),
        ("orientation", "5", "", "value not on the scale"),
        ("hours", "25", "", "impossible value"),
        ("total", "", "", "no value"),
    ],
)
def test_what_cannot_be_taken_has_a_reason(code: str, text: str, unit: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        value(code, text, unit)
    assert refused.value.reason == reason


def test_a_null_marker_that_the_item_maps_is_its_value() -> None:
    """ "None" is no oxygen for a device, and nothing at all for another item."""
    text = """
        source = "x"
        nulls = ["None"]
        [columns]
        patient = "who"
        observed = "seen"
        item = "code"
        value = "value"
        [items]
        o2 = { vital = "on_oxygen", values = { None = false } }
        rr = { vital = "respiratory_rate_per_min", unit = "/min" }
    """
    nulls = mappings.load(text)
    assert value_of(nulls, nulls.targets["o2"], "None", "") is False
    with pytest.raises(Refused, match="no value"):
        value_of(nulls, nulls.targets["rr"], "None", "")


def test_a_time_is_read_with_its_zone() -> None:
    assert time_of(MAPPING, "2101-03-04T08:00:00Z") == datetime(2101, 3, 4, 8, tzinfo=UTC)
    assert time_of(MAPPING, "2101-03-04T08:00:00+05:30") == datetime(2101, 3, 4, 2, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2101-03-04T08:00:00", "time without a time zone"),
        ("", "no time"),
        ("NULL", "no time"),
        ("yesterday", "time cannot be read"),
        ("2101-02-30T08:00:00Z", "time cannot be read"),
        ("0001-01-01T00:00:00+14:00", "time cannot be read"),
        ("1899-12-31T00:00:00Z", "time cannot be right"),
        ("9999-12-31T23:59:59Z", "time cannot be right"),
    ],
)
def test_a_time_that_cannot_be_read_has_a_reason(text: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        time_of(MAPPING, text)
    assert refused.value.reason == reason


def reader_of(text: str) -> tuple[Reader, list[Row | Broken]]:
    found = rows(io.StringIO(text, newline=""), ",")
    header = next(found)
    assert isinstance(header, Row)
    return Reader(MAPPING, columns(header.cells, MAPPING)), list(found)


def as_text(*all_rows: object) -> str:
    cells = [",".join(HEADER), *(",".join(map(str, one)) for one in all_rows)]  # type: ignore[call-overload]
    return "\r\n".join(cells) + "\r\n"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"who": " "}, "no patient"),
        ({"visit": ""}, "no stay"),
        ({"who": "p\x001"}, "patient cannot be read"),
        ({"who": "p\ufffd"}, "patient cannot be read"),
        ({"who": "p" * 101}, "patient cannot be read"),
        ({"code": "weight"}, "item not mapped"),
        (
            {"written": "2101-03-03T07:59:00Z"},
            "written down more than a day before it was observed",
        ),
        ({"written": "soon"}, "time cannot be read"),
        ({"unit": "bpm,extra"}, "wrong number of columns"),
    ],
)
def test_a_row_that_cannot_be_a_reading_has_a_reason(changed: dict[str, str], reason: str) -> None:
    cells = dict(zip(HEADER, row("08:00", "hr", 80, "bpm"), strict=True)) | changed
    reader, (found,) = reader_of(as_text(tuple(cells.values())))
    assert isinstance(found, Row)
    with pytest.raises(Refused) as refused:
        reader.reading(found)
    assert refused.value.reason == reason


def test_a_value_written_down_a_day_ahead_is_still_taken() -> None:
    """One in eight rows of real charts was entered before the time it stands at."""
    one = row("08:00", "hr", 80, "bpm", written="2101-03-03T08:00:00Z")
    reader, (found,) = reader_of(as_text(one))
    assert isinstance(found, Row)
    assert reader.reading(found).entered_at == datetime(2101, 3, 3, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "broken",
    [
        ",".join(row("08:00", "hr", "8" * 250_000, "bpm")),  # type: ignore[arg-type]
        'p1,v1,2101-03-04T08:00:00Z,,hr,"80,bpm',
        'p1,v1,2101-03-04T08:00:00Z,,hr,"8"0,bpm',
        '"' + "8" * 250_000,
    ],
    ids=["endless", "never closed", "closed too early", "endless and never closed"],
)
@pytest.mark.parametrize("behind", [0, 1, 30, 300])
def test_after_a_line_that_is_no_row_every_other_is_read(broken: str, behind: int) -> None:
    good = ",".join(map(str, row("09:00", "hr", 80, "bpm")))
    text = "\n".join([",".join(HEADER), good, broken, *[good] * behind])
    found = list(rows(io.StringIO(text, newline=""), ","))
    kinds = [type(one).__name__ for one in found]
    assert kinds == ["Row", "Row", "Broken", *["Row"] * behind]
    assert [one.line for one in found] == list(range(1, len(found) + 1))


def test_a_quoted_line_end_belongs_to_its_row_and_lines_are_counted_on() -> None:
    text = as_text(row("08:00", "hr", '"8\n0"', "bpm"), row("09:00", "hr", 80, "bpm"))
    _, found = reader_of(text)
    assert [one.line for one in found] == [2, 4]


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08\x00broken", b"\x1f\x8b"])
def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "records.csv.gz"
    path.write_bytes(content)
    with pytest.raises(Invalid, match="damaged"), opened(path) as text:
        list(rows(text, ","))


def test_columns_that_are_not_there_are_named() -> None:
    with pytest.raises(Invalid, match="seen"):
        columns(["who", "visit", "SEEN", "written", "code", "value", "unit"], MAPPING)
    with pytest.raises(Invalid, match="value"):
        columns([*HEADER, "value"], MAPPING)


@pytest.mark.parametrize("held", [1, 2, 3, 7, 100])
def test_what_does_not_fit_in_memory_comes_in_the_same_order(held: int) -> None:
    seen = [
        row(f"{hour:02}:00", "hr", 60 + hour, "bpm", who=f"p{hour % 3}", visit='a, "b"\nc'[:6])
        for hour in (9, 3, 7, 1, 8, 2, 3)
    ]
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows([HEADER, *seen])
    reader, found = reader_of(lines.getvalue())
    readings = [reader.reading(one) for one in found if isinstance(one, Row)]
    assert len(readings) == len(seen)
    assert list(in_order(iter(readings), reader.again, held=held)) == sorted(readings)


def test_a_file_in_another_encoding_is_told_so_and_its_header_is_not_echoed() -> None:
    header = ";".join(HEADER).encode("utf-16").decode(errors="replace").split(";")
    with pytest.raises(Invalid, match="save the file as UTF-8"):
        columns(header, MAPPING)
