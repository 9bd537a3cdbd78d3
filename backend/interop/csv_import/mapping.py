"""What a file from elsewhere means: its columns, item codes, units, times and null markers."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo, available_timezones

from backend.clinical.definition import Value
from backend.clinical.reading import Table
from backend.clinical.scale import latest
from backend.clinical.vitals import KINDS
from backend.core.errors import Invalid

NEEDED = ("patient", "observed", "item", "value")
OPTIONAL = ("stay", "entered", "unit")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the value of one item code goes: a vital sign, an answer, or a total to compare."""

    vital: str = ""
    instrument: str = ""
    # Of the instrument; empty means its total, which is compared and never stored.
    item: str = ""
    # What the number is in when the row does not say; empty means that the row must.
    unit: str = ""
    # Another way of measuring the same thing, e.g. an arterial line beside the cuff.
    channel: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def is_total(self) -> bool:
        return bool(self.instrument) and not self.item


@dataclass(frozen=True, kw_only=True)
class FileMapping:
    """How to read one kind of file. `source` is part of every key, so it must not change."""

    source: str
    columns: Mapping[str, str]
    delimiter: str
    zone: ZoneInfo | None
    nulls: frozenset[str]
    units: Mapping[str, str]
    targets: Mapping[str, Target]
    channels: tuple[str, ...]


def read(path: Path) -> FileMapping:
    """Read a mapping file; Invalid names everything that is wrong with it at once."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"The mapping {path.name} cannot be read.") from None
    return load(text)


def load(text: str) -> FileMapping:
    """The same, from its text."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"The mapping is not a TOML file: {error}.") from None
    reasons: list[str] = []
    table = Table(document, "mapping", reasons)
    targets = {code: _target(inner) for code, inner in table.named_tables("items").items()}
    if not targets:
        table.refuse("`items` must say what at least one item code means")
    found = FileMapping(
        source=table.text("source"),
        columns=_columns(table.table("columns")),
        delimiter=_delimiter(table),
        zone=_zone(table),
        nulls=frozenset(table.texts("nulls", optional=True)) | {""},
        units=_units(table),
        targets=MappingProxyType(targets),
        channels=tuple(dict.fromkeys(t.channel for t in targets.values() if t.channel)),
    )
    table.text("about", optional=True)
    table.finish()
    if reasons:
        raise Invalid("This mapping cannot be used. " + " ".join(reasons))
    return found


def _columns(table: Table) -> Mapping[str, str]:
    found = {name: table.text(name) for name in NEEDED}
    given = {name: table.text(name, optional=True) for name in OPTIONAL}
    table.finish()
    return MappingProxyType(found | {name: column for name, column in given.items() if column})


def _delimiter(table: Table) -> str:
    delimiter = table.raw("delimiter") or ","
    if delimiter not in (",", ";", "\t", "|"):
        table.refuse("`delimiter` must be a comma, a semicolon, a bar or a tabulator")
        return ","
    return str(delimiter)


def _zone(table: Table) -> ZoneInfo | None:
    name = table.text("time_zone", optional=True)
    if name and name not in available_timezones():
        table.refuse("`time_zone` must be a zone of the IANA list, such as Europe/Berlin")
        return None
    return ZoneInfo(name) if name else None


def _units(table: Table) -> Mapping[str, str]:
    """The file's names of units -> ours."""
    inner = table.maybe_table("units")
    known = {unit for kind in KINDS.values() for unit in kind.units}
    found = {}
    for name in inner.names() if inner else ():
        found[name] = unit = inner.text(name) if inner else ""
        if unit not in known:
            table.refuse(f"unit `{name}`: {unit!r} is not a unit that Vigil knows")
    return MappingProxyType(found)


def _target(table: Table) -> Target:
    target = Target(
        vital=table.text("vital", optional=True),
        instrument=table.text("instrument", optional=True) or table.text("total", optional=True),
        item=table.text("item", optional=True),
        unit=table.text("unit", optional=True),
        channel=table.text("channel", optional=True),
        values=_values(table),
    )
    names = [name for name in ("vital", "instrument", "total") if table.raw(name) is not None]
    table.text("label", optional=True)
    table.finish()
    if len(names) != 1:
        table.refuse("needs one of `vital`, `instrument` with `item`, or `total`")
    elif target.vital:
        _check_vital(table, target)
    else:
        _check_answer(table, target, total=names == ["total"])
    return target


def _values(table: Table) -> Mapping[str, Value]:
    inner = table.maybe_table("values")
    found: dict[str, Value] = {}
    for name in inner.names() if inner else ():
        value = inner.raw(name) if inner else None
        if isinstance(value, int | str):
            found[name] = value
        else:
            table.refuse(f"the value for `{name}` must be a whole number, a text, true or false")
    return MappingProxyType(found)


def _check_vital(table: Table, target: Target) -> None:
    kind = KINDS.get(target.vital)
    if kind is None:
        table.refuse(f"`{target.vital}` is not a vital sign; there are {', '.join(KINDS)}")
        return
    if target.unit and target.unit not in kind.units:
        table.refuse(f"{kind.label} cannot be given in `{target.unit}`")
    if not kind.is_number:
        legal: list[Value] = [True, False] if "true" in kind.choices else list(kind.choices)
        if not target.values:
            table.refuse(f"{kind.label} needs `values`: what each text of the file means")
        _refuse_illegal(table, target, legal)
    elif any(
        isinstance(v, bool | str) or Decimal(v) not in _possible(kind.field)
        for v in target.values.values()
    ):
        table.refuse(f"`values` of {kind.label} must be possible whole numbers")


def _possible(name: str) -> range:
    limits = KINDS[name].possible
    return range(int(limits.low), int(limits.high) + 1) if limits else range(0)


def _check_answer(table: Table, target: Target, *, total: bool) -> None:
    instrument = latest().get(target.instrument)
    if instrument is None:
        table.refuse(f"`{target.instrument}` is not an instrument; there are {', '.join(latest())}")
        return
    if total and (target.item or target.values):
        table.refuse("a `total` has neither `item` nor `values`")
    if total:
        return
    item = instrument.by_id.get(target.item)
    if item is None and target.item not in instrument.unscored_by_id:
        there = ", ".join([*instrument.by_id, *instrument.unscored_by_id])
        table.refuse(f"`{target.item}` is not an item of {instrument.name}; there are {there}")
    elif item is not None and (item.id in KINDS or item.rater == "setting"):
        table.refuse(f"{item.label} is not answered on the scale: give vital signs as `vital`")
    elif item is not None:
        _refuse_illegal(table, target, list(item.legal))
    if target.channel or target.unit:
        table.refuse("only vital signs have a `unit` or a `channel`")


def _refuse_illegal(table: Table, target: Target, legal: list[Value]) -> None:
    for name, value in target.values.items():
        if not any(type(value) is type(one) and value == one for one in legal):
            table.refuse(f"`{name}` stands for {value!r}, which does not exist there")
