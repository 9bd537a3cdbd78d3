"""Read an instrument's definition file, and refuse one that does not tile, score or cite."""

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from backend.clinical.definition import (
    NO_BANDS,
    Answer,
    Band,
    BandSystem,
    Code,
    DefinitionError,
    Frequency,
    FrequencyRow,
    Instrument,
    Item,
    ItemAlarm,
    Row,
    Unscored,
    Value,
    as_text,
    fingerprint,
)
from backend.clinical.definition_check import check
from backend.clinical.reading import LEVELS, MARKS, Table

RATERS = ("patient", "observed", "ask_and_observe", "measured", "setting")
SCORINGS = ("sum", "points", "single", "none")
CODE_STATES = ("certain", "likely", "open", "none found")
LETTER = re.compile(r"[A-Z]")
FRACTION = re.compile(r"[1-9][0-9]{0,9}(/[1-9][0-9]{0,9})?")


def load(text: str) -> Instrument:
    """Read and check one definition; raises DefinitionError with every reason at once."""
    reasons: list[str] = []
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError([f"This is not a TOML file: {error}."]) from error
    instrument = _instrument(Table(said, "definition", reasons), fingerprint(said))
    if not reasons:
        check(instrument, reasons)
    if reasons:
        raise DefinitionError(reasons)
    return instrument


def _instrument(document: Table, content_sha256: str) -> Instrument:
    items = tuple(_item(table) for table in document.tables("items"))
    unscored = tuple(_unscored(table) for table in document.tables("unscored"))
    instrument = Instrument(
        id=document.text("id"),
        key=document.text("key"),
        name=document.text("name"),
        measures=document.text("measures"),
        citation=document.text("citation"),
        terms=document.text("terms"),
        purpose=document.text("purpose"),
        limits=document.texts("limits"),
        scoring=document.choice("scoring", SCORINGS),
        items=items,
        unscored=unscored,
        band_systems=_band_systems(document),
        default_bands=document.text("default_bands"),
        red_points=document.maybe_whole("red_points", low=1),
        alarms=tuple(_alarm(table, items, unscored) for table in document.tables("alarms")),
        frequency=tuple(_frequency(t) for t in document.tables("frequency", named_by="name")),
        codes=tuple(_code(table) for table in document.tables("codes", named_by="code")),
        headline=document.text("headline", optional=True),
        one_of=document.text("one_of", optional=True),
        higher_is_better=document.flag("higher_is_better"),
        permission=document.text("permission", optional=True),
        content_sha256=content_sha256,
    )
    document.finish()
    return instrument


def _item(table: Table) -> Item:
    legal = _legal(table)
    item = Item(
        id=table.text("id"),
        also=table.text("also", optional=True),
        label=table.text("label"),
        prompt=table.text("prompt"),
        rater=table.choice("rater", RATERS),
        condition=table.text("condition", optional=True),
        time_frame=table.text("time_frame", optional=True),
        asked_daily=table.flag("asked_daily"),
        mark=table.choice("mark", MARKS),
        legal=legal,
        anchors=_by_value(table, "anchors", legal),
        points=_points(table, legal),
        rows=tuple(_row(row) for row in table.tables("rows")),
        assumed=table.raw("assumed"),
        optional=table.flag("optional"),
        ends=_ends(table, legal),
        not_testable=table.text("not_testable", optional=True),
    )
    if item.not_testable and not item.allows(item.not_testable):
        table.refuse("`not_testable` is not a legal value")
    if bool(legal) == bool(item.rows):
        table.refuse("needs either legal values or rows of points")
    if item.assumed is not None and not item.allows(item.assumed):
        table.refuse("`assumed` is not a legal value")
    table.finish()
    return item


def _legal(table: Table) -> tuple[Value, ...]:
    found = table.raw("legal")
    if found is None:
        return ()
    if not isinstance(found, list) or not found:
        table.refuse("`legal` must list every legal value")
        return ()
    for value in found:
        if not isinstance(value, int) and not (isinstance(value, str) and LETTER.fullmatch(value)):
            table.refuse("legal values are whole numbers, single capital letters, true or false")
            return ()
    if len({as_text(value) for value in found}) < len(found):
        table.refuse("a legal value is listed twice")
    return tuple(found)


def _ends(table: Table, legal: tuple[Value, ...]) -> tuple[Value, ...]:
    ends = table.raw("ends")
    if ends is None:
        return ()
    if not isinstance(ends, list) or not ends or not all(value in legal for value in ends):
        table.refuse("`ends` must list legal values")
        return ()
    return tuple(ends)


def _by_value(table: Table, key: str, legal: tuple[Value, ...]) -> Mapping[Value, str]:
    inner = table.maybe_table(key)
    if inner is None:
        return MappingProxyType({})
    texts = {as_text(value): value for value in legal}
    found = {texts[text]: inner.text(text) for text in inner.names() if text in texts}
    inner.finish()
    return MappingProxyType(found)


def _points(table: Table, legal: tuple[Value, ...]) -> Mapping[Answer, int]:
    inner = table.maybe_table("points")
    if inner is None:
        return MappingProxyType({})
    found: dict[Answer, int] = {v: inner.whole(as_text(v), low=0) for v in legal}
    inner.finish()
    return MappingProxyType(found)


def _row(table: Table) -> Row:
    when = table.maybe_table("when")
    row = Row(
        low=table.decimal("low"),
        high=table.decimal("high"),
        points=table.whole("points", low=0),
        when=MappingProxyType({name: when.raw(name) for name in when.names()} if when else {}),
    )
    table.finish()
    return row


def _unscored(table: Table) -> Unscored:
    entry = Unscored(
        id=table.text("id"),
        label=table.text("label"),
        prompt=table.text("prompt"),
        unit=table.text("unit"),
        low=table.decimal("low") or Decimal(0),
        high=table.decimal("high") or Decimal(0),
        asked_daily=table.flag("asked_daily"),
        mark=table.choice("mark", MARKS),
        decimals=table.maybe_whole("decimals", low=0) or 0,
        same_as=table.text("same_as", optional=True),
        multiply=_fraction(table),
    )
    if entry.low >= entry.high:
        table.refuse("`low` must be below `high`")
    table.finish()
    return entry


def _fraction(table: Table) -> Fraction:
    text = table.text("multiply", optional=True) or "1"
    if not FRACTION.fullmatch(text):
        table.refuse("`multiply` must be an exact fraction in quotes")
        return Fraction(1)
    return Fraction(text)


def _band_systems(document: Table) -> Mapping[str, BandSystem]:
    """By name; where the default is that there are none, one without bands."""
    found = {NO_BANDS.name: NO_BANDS} if document.raw("default_bands") == NO_BANDS.name else {}
    for table in document.tables("band_systems", named_by="name"):
        red = table.maybe_table("red")
        system = BandSystem(
            name=table.text("name"),
            label=table.text("label"),
            bands=tuple(_band(band) for band in table.tables("bands", named_by="word")),
            red=_band(red) if red else None,
            source=table.source(),
        )
        if system.name in found:
            table.refuse("this name is used twice")
        found[system.name] = system
        table.finish()
    return MappingProxyType(found)


def _band(table: Table) -> Band:
    values = table.texts("values", optional=True)
    band = Band(
        low=0 if values else table.whole("low"),
        high=0 if values else table.whole("high"),
        values=values,
        word=table.text("word"),
        severity=table.whole("severity", low=0),
    )
    if band.severity > 4:
        table.refuse("`severity` goes from 0 to 4")
    if band.low > band.high:
        table.refuse("`low` must not be above `high`")
    table.finish()
    return band


def _alarm(table: Table, items: tuple[Item, ...], unscored: tuple[Unscored, ...]) -> ItemAlarm:
    names = table.texts("items")
    legal = {item.id: item.legal for item in items}
    numbers = {entry.id for entry in unscored if not entry.same_as}
    for name in names:
        if name not in legal and name not in numbers:
            table.refuse(f"`{name}` is not an item")
    low, high = table.decimal("low"), table.decimal("high")
    values = _alarming(table, {value: None for name in names for value in legal.get(name, ())})
    if not values and not (numbers.issuperset(names) and (low is not None or high is not None)):
        table.refuse("`at_least` or `in` must name legal values")
    alarm = ItemAlarm(
        id=table.text("id"),
        items=names,
        values=values,
        level=table.choice("level", LEVELS),
        title=table.text("title"),
        text=table.text("text"),
        source=table.source(),
        low=low,
        high=high,
    )
    table.finish()
    return alarm


def _alarming(table: Table, legal: Mapping[Value, None]) -> tuple[Value, ...]:
    """The answers that `at_least` or `in` name; none where one of them is not legal."""
    at_least, among = table.maybe_whole("at_least"), table.raw("in")
    if at_least is not None:
        return tuple(v for v in legal if isinstance(v, int) and v >= at_least)
    if not isinstance(among, list) or not all(value in [*legal] for value in among):
        return ()
    return tuple(value for value in legal if value in among)


def _frequency(table: Table) -> Frequency:
    rows = []
    for row in table.tables("rows"):
        rows.append(
            FrequencyRow(
                low=row.whole("low"),
                high=row.whole("high"),
                minutes_from=row.maybe_whole("minutes_from", low=1),
                minutes_to=row.maybe_whole("minutes_to", low=1),
                text=row.text("text"),
            )
        )
        row.finish()
    frequency = Frequency(name=table.text("name"), rows=tuple(rows), source=table.source())
    table.finish()
    return frequency


def _code(table: Table) -> Code:
    code = Code(
        system=table.text("system"),
        code=table.text("code", optional=True),
        means=table.text("means"),
        status=table.choice("status", CODE_STATES),
    )
    if bool(code.code) == (code.status == "none found"):
        table.refuse("a code has a value unless none was found")
    table.finish()
    return code
