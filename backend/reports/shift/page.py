"""The tables of a shift report as the page writes them."""

from dataclasses import dataclass

from backend.reports.shift.report import Report, Table, shown

# A screen is wider than paper.
BESIDE = {"observations", "alerts"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One value. The first of a row says what the row is about."""

    text: str
    number: bool


@dataclass(frozen=True, kw_only=True)
class ShownTable:
    """A table as the page writes it."""

    key: str
    title: str
    note: str
    empty: str
    half: bool
    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]


def shown_table(table: Table, report: Report) -> ShownTable:
    """Every value as people read it."""
    numbers = [table.is_number(place) for place in range(len(table.columns))]
    return ShownTable(
        key=table.key,
        title=table.title,
        note=table.note,
        empty=table.empty,
        half=table.half or table.key in BESIDE,
        columns=tuple(
            Cell(
                text=f"{column.title}, {column.unit}" if column.unit else column.title,
                number=number,
            )
            for column, number in zip(table.columns, numbers, strict=True)
        ),
        rows=tuple(
            tuple(
                Cell(text=shown(value, report.zone), number=number)
                for value, number in zip(row, numbers, strict=True)
            )
            for row in table.rows
        ),
    )
