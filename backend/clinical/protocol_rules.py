"""The rules of a protocol: what each kind needs to be told, read, or refused with reasons."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from backend.clinical import happening
from backend.clinical.definition import Instrument, totals
from backend.clinical.protocol_parts import Rule, Sign
from backend.clinical.reading import LEVELS, Table
from backend.clinical.scale import latest

DIRECTIONS = ("rise", "fall")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the params of one kind hold; what is listed under `maybe` may be left out."""

    instrument: bool = True
    numbers: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    direction: bool = False
    maybe: tuple[str, ...] = ()
    # The milder limit below which a rule is clear, and the one that it takes the place of.
    clear: tuple[str, str] = ("", "")
    # Of a kind that looks at sets: it may wait for several that say the same.
    waits: bool = True


KINDS: Mapping[str, Shape] = MappingProxyType(
    {
        "total_at_least": Shape(numbers=("total",), clear=("clear_below", "total")),
        "value_at_least": Shape(limits=("value",), words=("item",), clear=("clear_value", "value")),
        "value_at_most": Shape(limits=("value",), words=("item",), clear=("clear_value", "value")),
        "single_red": Shape(),
        "band_at_least": Shape(words=("word",), clear=("clear_word", "word")),
        "change_at_least": Shape(
            numbers=("within_minutes",), limits=("by",), direction=True, maybe=("item",)
        ),
        "consecutive_higher_band": Shape(numbers=("sets", "within_minutes"), words=("word",)),
        "slope_at_least": Shape(
            numbers=("sets", "within_minutes"),
            limits=("per_hour",),
            direction=True,
            maybe=("item",),
        ),
        "falling_together": Shape(
            instrument=False,
            numbers=("within_minutes",),
            maybe=("sedative_within_minutes",),
            waits=False,
        ),
        "taper_rise": Shape(numbers=("within_minutes",), limits=("by",), waits=False),
        "cumulative_dose": Shape(
            instrument=False, numbers=("within_minutes",), limits=("diazepam_mg",), waits=False
        ),
        "held_doses": Shape(instrument=False, numbers=("times", "within_minutes"), waits=False),
        "item_alarm": Shape(instrument=False, waits=False),
        "event": Shape(instrument=False, words=("event",), waits=False),
        "overdue": Shape(
            instrument=False,
            numbers=("short_interval_minutes",),
            levels=("late", "missed_once", "missed_twice", "short_missed"),
            waits=False,
        ),
    }
)
# Texts among what may be left out; the rest are whole numbers.
TEXTS = ("item",)
ALONE = ("item_alarm", "overdue")


def read(table: Table, band_systems: Mapping[str, str]) -> Rule:
    """One rule; every reason why it cannot be used is in the document's."""
    kind = table.choice("kind", tuple(KINDS))
    shape = KINDS[kind]
    params = table.table("params")
    rule = Rule(
        id=table.text("id"),
        version=table.whole("version", low=1),
        kind=kind,
        family=table.text("family"),
        rank=table.maybe_whole("rank", low=1) or 1,
        level=table.choice("level", LEVELS),
        title=table.text("title"),
        instrument=params.text("instrument") if shape.instrument else "",
        numbers=MappingProxyType(_numbers(params, shape)),
        words=MappingProxyType(_words(params, shape)),
        limits=MappingProxyType({name: _exact(params, name) for name in shape.limits}),
        source=table.source(),
        on=table.raw("on") is None or table.flag("on"),
        raise_after_sets=table.maybe_whole("raise_after_sets", low=1) or 1,
        clear_after_sets=table.maybe_whole("clear_after_sets", low=1) or 1,
    )
    if kind == "falling_together":
        rule = replace(rule, instruments=_scales(params), signs=_signs(params))
    if kind == "item_alarm":
        rule = replace(rule, families=_families(params))
    rule = _with_milder(params, rule, shape)
    params.finish()
    _check(table, rule, shape, band_systems)
    table.finish()
    return rule


def _numbers(params: Table, shape: Shape) -> dict[str, int]:
    found = {name: params.whole(name, low=1) for name in shape.numbers}
    for name in shape.maybe:
        if name not in TEXTS and (number := params.maybe_whole(name, low=1)) is not None:
            found[name] = number
    return found


def _words(params: Table, shape: Shape) -> dict[str, str]:
    found = {name: params.text(name) for name in shape.words}
    found |= {name: params.choice(name, LEVELS) for name in shape.levels}
    if shape.direction:
        found["direction"] = params.choice("direction", DIRECTIONS)
    for name in shape.maybe:
        if name in TEXTS and (text := params.text(name, optional=True)):
            found[name] = text
    return found


def _exact(params: Table, name: str) -> Decimal:
    number = params.decimal(name)
    if number is None and params.raw(name) is None:
        params.refuse(f"`{name}` must be a whole number or an exact decimal in quotes")
    return Decimal(0) if number is None else number


def _scales(params: Table) -> tuple[str, ...]:
    keys = params.texts("instruments")
    for key in keys:
        if key not in latest():
            params.refuse(f"`{key}` is not an instrument")
    return keys


def _signs(params: Table) -> tuple[Sign, ...]:
    found = []
    for table in params.tables("signs", named_by="instrument"):
        sign = Sign(
            instrument=table.text("instrument"),
            item=table.text("item", optional=True),
            at_most=table.decimal("at_most"),
            values=tuple(given) if isinstance(given := table.raw("in"), list) else (),
            fall=table.decimal("fall"),
        )
        table.finish()
        instrument = latest().get(sign.instrument)
        if instrument is None:
            table.refuse(f"`{sign.instrument}` is not an instrument")
        elif sign.item:
            _check_item(table, instrument, sign.item)
            item = instrument.by_id.get(sign.item)
            for value in sign.values:
                if item is None or not item.allows(value):
                    table.refuse(f"`{value}` is no answer to `{sign.item}`")
        if [sign.at_most is None, not sign.values, sign.fall is None].count(False) != 1:
            table.refuse("a sign needs one of `at_most`, `in` and `fall`")
        found.append(sign)
    if not found:
        params.refuse("`signs` must name at least one sign of breathing or alertness")
    return tuple(found)


def _families(params: Table) -> Mapping[str, str]:
    table = params.maybe_table("families")
    if table is None:
        return MappingProxyType({})
    for key in table.names():
        if key not in latest():
            table.refuse(f"`{key}` is not an instrument")
    return MappingProxyType({key: table.text(key) for key in table.names()})


def _with_milder(params: Table, rule: Rule, shape: Shape) -> Rule:
    """The same rule at the limit by which it is clear, where the unit has set one."""
    name, instead_of = shape.clear
    if not name or params.raw(name) is None:
        return rule
    if instead_of in rule.numbers:
        limit = params.whole(name, low=1)
        milder = replace(rule, numbers=MappingProxyType({**rule.numbers, instead_of: limit}))
        wrong = limit > rule.numbers[instead_of]
    elif instead_of in rule.limits:
        exact = _exact(params, name)
        milder = replace(rule, limits=MappingProxyType({**rule.limits, instead_of: exact}))
        above = exact - rule.limits[instead_of]
        wrong = above > 0 if rule.kind == "value_at_least" else above < 0
    else:
        word = params.text(name)
        milder = replace(rule, words=MappingProxyType({**rule.words, instead_of: word}))
        wrong = False
    if wrong:
        params.refuse(f"`{name}` must be milder than `{instead_of}`, or it would never be clear")
    return replace(rule, clear=milder)


def _check(table: Table, rule: Rule, shape: Shape, band_systems: Mapping[str, str]) -> None:
    waits = rule.raise_after_sets > 1 or rule.clear_after_sets > 1
    if waits and not shape.waits:
        table.refuse(f"a rule of kind {rule.kind} waits for no further sets")
    if rule.raise_after_sets > 1 and rule.level == "emergency":
        table.refuse("an emergency waits for no second set: `raise_after_sets` must be 1")
    if rule.kind == "event" and rule.words["event"] not in happening.KINDS:
        table.refuse(f"`event` must be one of {', '.join(happening.KINDS)}")
    if rule.kind == "slope_at_least" and rule.numbers["sets"] < 3:
        table.refuse("a slope needs at least 3 `sets`")
    if shape.instrument:
        instrument = latest().get(rule.instrument)
        if instrument is None:
            table.refuse(f"`{rule.instrument}` is not an instrument")
        else:
            _check_with(table, rule, instrument, band_systems)


def _check_with(
    table: Table, rule: Rule, instrument: Instrument, band_systems: Mapping[str, str]
) -> None:
    """What is asked of an instrument must be something that it has."""
    if "item" in rule.words:
        _check_item(table, instrument, rule.words["item"])
    if rule.kind == "single_red" and instrument.red_points is None:
        table.refuse(f"no single value of {instrument.name} is red")
    total = rule.numbers.get("total")
    if total is not None and total not in range(1, max(totals(instrument), default=0) + 1):
        table.refuse(f"no set of {instrument.name} reaches a total of {total}")
    words = {one.words.get("word") for one in (rule, rule.clear) if one is not None}
    name = band_systems.get(instrument.key, instrument.default_bands)
    system = instrument.band_systems.get(name)
    for word in sorted(word for word in words if word):
        if system and word not in {band.word for band in system.bands}:
            table.refuse(f"no band of {instrument.name} is called `{word}` in {system.label}")


def _check_item(table: Table, instrument: Instrument, item: str) -> None:
    if item not in instrument.by_id and item not in instrument.unscored_by_id:
        table.refuse(f"{instrument.name} has no item called `{item}`")
