"""Read a document table by table and collect everything that is wrong with it as sentences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# L: the unit's own number, which no source gives.
MARKS = ("A", "A2", "R", "M", "D", "L")
LEVELS = ("emergency", "urgent", "advisory")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a number comes from, and how sure we are that we read it right (docs/clinical)."""

    text: str
    mark: str


class Table:
    """One table of a document; what cannot be read becomes a sentence in `reasons`."""

    def __init__(self, data: object, where: str, reasons: list[str]) -> None:
        self.where = where
        self.reasons = reasons
        self._data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        self._read: set[str] = set()
        if not isinstance(data, Mapping):
            self.refuse("must be a table")

    def refuse(self, what: str) -> None:
        """Remember one reason why the document cannot be used."""
        self.reasons.append(f"{self.where}: {what}.")

    def raw(self, key: str) -> Any:
        self._read.add(key)
        return self._data.get(key)

    def names(self) -> Iterable[str]:
        return self._data.keys()

    def text(self, key: str, *, optional: bool = False) -> str:
        value = self.raw(key)
        if value is None and optional:
            return ""
        if not isinstance(value, str) or not value.strip():
            self.refuse(f"`{key}` must be a text that is not empty")
            return ""
        return value.strip()

    def choice(self, key: str, among: Sequence[str]) -> str:
        value = self.raw(key)
        if value not in among:
            self.refuse(f"`{key}` must be one of {', '.join(among)}")
            return among[0]
        return str(value)

    def flag(self, key: str) -> bool:
        value = self.raw(key)
        if value is not None and not isinstance(value, bool):
            self.refuse(f"`{key}` must be true or false")
        return value is True

    def maybe_whole(self, key: str, *, low: int | None = None) -> int | None:
        return None if self.raw(key) is None else self.whole(key, low=low)

    def whole(self, key: str, *, low: int | None = None) -> int:
        value = self.raw(key)
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse(f"`{key}` must be a whole number")
            return 0
        if low is not None and value < low:
            self.refuse(f"`{key}` must be {low} or more")
        return value

    def decimal(self, key: str) -> Decimal | None:
        """A whole number, or a text holding an exact decimal: "36.1"."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, str) and value.replace(".", "", 1).removeprefix("-").isdecimal():
            return Decimal(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return Decimal(value)
        self.refuse(f"`{key}` must be a whole number or an exact decimal in quotes")
        return None

    def texts(self, key: str, *, optional: bool = False) -> tuple[str, ...]:
        value = self.raw(key)
        if value is None and optional:
            return ()
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            self.refuse(f"`{key}` must be a list of texts")
            return ()
        return tuple(value)

    def wholes(self, key: str, *, low: int) -> tuple[int, ...]:
        value = self.raw(key)
        if not isinstance(value, list) or not value:
            self.refuse(f"`{key}` must be a list of whole numbers")
            return ()
        if any(not isinstance(v, int) or isinstance(v, bool) or v < low for v in value):
            self.refuse(f"`{key}` must hold whole numbers of {low} or more")
            return ()
        return tuple(value)

    def table(self, key: str) -> "Table":
        return Table(self.raw(key), f"{self.where}, {key}", self.reasons)

    def maybe_table(self, key: str) -> "Table | None":
        return None if self.raw(key) is None else self.table(key)

    def tables(self, key: str, *, named_by: str = "id") -> list["Table"]:
        """The tables of a list; each is called by its name in what is refused."""
        value = self.raw(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse(f"`{key}` must be a list of tables")
            return []
        return [
            Table(
                entry,
                f"{self.where}, {key} {_name(entry, named_by, place)}",
                self.reasons,
            )
            for place, entry in enumerate(value, 1)
        ]

    def named_tables(self, key: str) -> dict[str, "Table"]:
        table = self.table(key)
        return {name: table.table(name) for name in table.names()}

    def source(self) -> Source:
        return Source(text=self.text("source"), mark=self.choice("mark", MARKS))

    def finish(self) -> None:
        """Refuse what nobody read: a misspelt key must not be a number that is quietly ignored."""
        for key in self._data:
            if key not in self._read:
                self.refuse(f"`{key}` is not known here")


def _name(entry: object, named_by: str, place: int) -> str:
    name = entry.get(named_by) if isinstance(entry, Mapping) else None
    return f"`{name}`" if isinstance(name, str) else str(place)
