"""What a shift report is, whatever it is written to: a header, figures as tables, and charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from backend.care.disclosures.notice import Stamp
from backend.clinical.shift import Shift
from backend.core import local_time

Value = int | float | str | datetime | None


class Detail(StrEnum):
    """How much of a patient is told."""

    COUNTS = "counts only"
    CODED = "de-identified: bed and code"
    IDENTIFIED = "identified: with names"


class Tone(StrEnum):
    """How dark a part of a bar is: what matters most is darkest."""

    LIGHT = "light"
    MIDDLE = "middle"
    DARK = "dark"
    OPEN = "open"


class Kind(StrEnum):
    """What a column holds: three say whose row it is, one what about, the rest are figures."""

    BED = "bed"
    CODE = "code"
    NAME = "name"
    SUBJECT = "subject"
    FIGURE = "figure"


@dataclass(frozen=True, kw_only=True)
class Column:
    """`unit` is what a figure is counted in."""

    title: str
    kind: Kind = Kind.FIGURE
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Figures that belong together. `empty` is what no row at all means."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    note: str = ""
    empty: str = "None."
    # Narrow enough to stand beside the next one.
    half: bool = False

    def is_number(self, position: int) -> bool:
        """Whether this column is read from the right."""
        if self.columns[position].kind is not Kind.FIGURE:
            return False
        values = [row[position] for row in self.rows]
        numbers = any(isinstance(value, int | float) for value in values)
        return numbers or not any(isinstance(value, str | datetime) for value in values)


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One of the figures that are read first."""

    label: str
    value: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One hour: a count for each series of the chart."""

    label: str
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """How high the bar stands."""
        return sum(self.counts)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Counts by the hour, stacked."""

    key: str
    title: str
    series: tuple[str, ...]
    # A shade for each series, told apart by a photocopier too.
    tones: tuple[Tone, ...]
    bars: tuple[Bar, ...]

    @property
    def in_words(self) -> str:
        """For whoever cannot see it."""
        hours = [
            f"{bar.label}: "
            + ", ".join(
                f"{count} {name}"
                for count, name in zip(bar.counts, self.series, strict=True)
                if count
            )
            for bar in self.bars
            if bar.total
        ]
        return f"{self.title}. " + ("; ".join(hours) or "None in any hour") + "."


@dataclass(frozen=True, kw_only=True)
class DataRow:
    """One figure on its own, as CSV and JSON hold it."""

    section: str
    bed: str
    code: str
    name: str
    subject: str
    figure: str
    value: Value
    unit: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report before it is written; `sha256` is of its data rows, not of when it was made."""

    unit_code: str
    unit_name: str
    zone: ZoneInfo
    shift: Shift
    running: bool
    detail: Detail
    stamp: Stamp
    generated_at: datetime
    prepared_by: str
    rules: str
    headlines: tuple[Headline, ...]
    charts: tuple[Chart, ...]
    tables: tuple[Table, ...]
    rows: tuple[DataRow, ...]
    sha256: str

    def header(self) -> list[tuple[str, str]]:
        """What stands above the figures in every format."""
        about = [
            ("notice", self.stamp.notice),
            ("on what ground", self.stamp.grounds),
            ("unit", self.unit_name),
            ("shift", f"{self.shift.name} ({self.shift.hours:g} h)"),
            ("starts", moment_words(self.shift.starts_at, self.zone)),
            ("ends", moment_words(self.shift.ends_at, self.zone)),
            ("time zone", str(self.zone)),
            ("generated at", moment_words(self.generated_at, self.zone)),
            ("prepared by", self.prepared_by),
            ("rules in force", self.rules),
            ("detail", self.detail.value),
            ("data rows", str(len(self.rows))),
            ("SHA-256 of the data rows", self.sha256),
        ]
        if self.running:
            about.insert(6, ("not over", "The shift is still running: figures up to now."))
        return about


def offset_words(moment: datetime, zone: ZoneInfo) -> str:
    """`UTC+1`, `UTC-3:30`."""
    words = f"{moment.astimezone(zone):%z}"
    hours, rest = int(words[1:3]), words[3:5]
    return f"UTC{words[0]}{hours}" + (f":{rest}" if rest != "00" else "")


def moment_words(moment: datetime, zone: ZoneInfo) -> str:
    """`Tue 17 Nov 2026 07:00 (UTC+1)`."""
    local = moment.astimezone(zone)
    return f"{local_time.day(moment, zone)} {local:%Y %H:%M} ({offset_words(moment, zone)})"


def written(value: Value, zone: ZoneInfo) -> str:
    """As files hold it. A median of nothing is "none": it is not 0."""
    if value is None:
        return "none"
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.1f}"
    return str(value)


def shown(value: Value, zone: ZoneInfo) -> str:
    """As people read it."""
    if isinstance(value, datetime):
        return local_time.day_and_time(value, zone)
    return written(value, zone)


def data_rows(tables: Sequence[Table]) -> tuple[DataRow, ...]:
    """Every figure of every table, one to a row, in the order in which they are read."""
    return tuple(
        _data_row(table, row, column, value)
        for table in tables
        for row in table.rows
        for column, value in zip(table.columns, row, strict=True)
        if column.kind is Kind.FIGURE
    )


def _data_row(table: Table, row: tuple[Value, ...], column: Column, value: Value) -> DataRow:
    whose = {
        kind: " · ".join(
            str(cell)
            for other, cell in zip(table.columns, row, strict=True)
            if other.kind is kind and cell is not None
        )
        for kind in (Kind.BED, Kind.CODE, Kind.NAME, Kind.SUBJECT)
    }
    return DataRow(
        section=table.key,
        bed=whose[Kind.BED],
        code=whose[Kind.CODE],
        name=whose[Kind.NAME],
        subject=whose[Kind.SUBJECT],
        figure=column.title,
        value=value,
        unit=column.unit,
    )
