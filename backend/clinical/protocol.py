"""What a unit decides: bands in use, rules, intervals, ladders; parsed, or refused with reasons."""

import tomllib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from backend.clinical import protocol_rounds, protocol_rules
from backend.clinical.definition import BandSystem, Instrument, totals
from backend.clinical.protocol_parts import (
    ROLES,
    Closing,
    Grace,
    IntervalRow,
    Intervals,
    Protocol,
    Rule,
    Rung,
)
from backend.clinical.reading import LEVELS, Table
from backend.clinical.scale import latest

__all__ = [
    "ROLES",
    "Intervals",
    "Protocol",
    "ProtocolError",
    "Rule",
    "Rung",
    "band_system",
    "load",
    "parse",
]


class ProtocolError(ValueError):
    """A protocol that cannot be used; `reasons` are the sentences why."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = tuple(reasons)


def load(text: str) -> Protocol:
    """Parse a TOML document; raises ProtocolError with every reason at once."""
    try:
        return parse(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError([f"This is not a TOML file: {error}."]) from error


def parse(document: Mapping[str, Any]) -> Protocol:
    """Parse a document; raises ProtocolError with every reason at once."""
    reasons: list[str] = []
    table = Table(document, "protocol", reasons)
    band_systems = _band_systems(table.table("band_systems"))
    by_level = table.table("levels")
    levels = {level: by_level.table(level) for level in LEVELS}
    by_level.finish()
    parsed = Protocol(
        name=table.text("name"),
        version=table.maybe_whole("version", low=1),
        band_systems=band_systems,
        rules=tuple(protocol_rules.read(rule, band_systems) for rule in table.tables("rules")),
        intervals=_intervals(table),
        grace=_grace(table.table("grace")),
        ladder=MappingProxyType({name: _ladder(level) for name, level in levels.items()}),
        assess_minutes=MappingProxyType(
            {name: level.maybe_whole("assess_minutes", low=1) for name, level in levels.items()}
        ),
        recheck_minutes=MappingProxyType(
            {name: level.wholes("recheck_minutes", low=1) for name, level in levels.items()}
        ),
        close=MappingProxyType({name: _closing(level) for name, level in levels.items()}),
        fresh_minutes=_number(table, "fresh", "minutes"),
        late_entry_minutes=_number(table, "late_entry", "minutes"),
        reoffer_minutes=_number(table, "reoffer", "minutes"),
        asleep_at_most=_number(table, "asleep", "in_a_row_at_most"),
        rounds=protocol_rounds.read(table),
    )
    if parsed.close["emergency"].snooze_minutes:
        levels["emergency"].refuse("an emergency cannot be put off: `snooze_minutes` must be 0")
    for level in levels.values():
        level.source()
        level.finish()
    table.finish()
    _check_rules(parsed.rules, reasons)
    if reasons:
        raise ProtocolError(reasons)
    return parsed


def _band_systems(table: Table) -> Mapping[str, str]:
    found = {}
    for key in table.names():
        name = table.text(key)
        instrument = latest().get(key)
        if instrument is None:
            table.refuse(f"`{key}` is not an instrument")
        elif name not in instrument.band_systems:
            among = ", ".join(instrument.band_systems)
            table.refuse(f"{instrument.name} has no bands called `{name}`; it has {among}")
        found[key] = name
    return MappingProxyType(found)


def band_system(instrument: Instrument, band_systems: Mapping[str, str]) -> BandSystem:
    """The bands that a unit uses for an instrument."""
    name = band_systems.get(instrument.key, instrument.default_bands)
    return instrument.band_systems[name]


def _check_rules(rules: tuple[Rule, ...], reasons: list[str]) -> None:
    ids = [rule.id for rule in rules]
    reasons += [
        f"Rule `{name}` is there twice." for name in sorted({n for n in ids if ids.count(n) > 1})
    ]
    for kind in protocol_rules.ALONE:
        if [rule.kind for rule in rules].count(kind) > 1:
            reasons.append(f"There can be only one rule of kind {kind}.")
    events = [rule.words["event"] for rule in rules if rule.kind == "event"]
    reasons += [
        f"There can be only one rule for the event `{name}`."
        for name in sorted({n for n in events if events.count(n) > 1})
    ]


def _intervals(document: Table) -> Mapping[str, Intervals]:
    """The tables must begin at the lowest total and go on without gap to the highest."""
    found = {}
    for key, table in document.named_tables("intervals").items():
        rows = []
        for row in table.tables("rows"):
            rows.append(
                IntervalRow(
                    low=row.whole("low"),
                    high=row.whole("high"),
                    minutes=row.whole("minutes", low=1),
                )
            )
            row.finish()
        found[key] = Intervals(
            ordered_minutes=table.whole("ordered_minutes", low=1),
            rows=tuple(rows),
            red_minutes=table.maybe_whole("red_minutes", low=1),
            source=table.source(),
        )
        table.finish()
        instrument = latest().get(key)
        if instrument is None:
            table.refuse(f"`{key}` is not an instrument")
        elif not table.reasons and not _covers(rows, totals(instrument)):
            table.refuse("the rows must cover every total once, in order")
    return MappingProxyType(found)


def _covers(rows: list[IntervalRow], possible: frozenset[int]) -> bool:
    covered = [total for row in rows for total in range(row.low, row.high + 1)]
    return covered == list(range(min(possible), max(possible) + 1))


def _grace(table: Table) -> Grace:
    grace = Grace(
        percent=table.whole("percent", low=1),
        at_least_minutes=table.whole("at_least_minutes", low=1),
        at_most_minutes=table.whole("at_most_minutes", low=1),
        source=table.source(),
    )
    if grace.at_least_minutes > grace.at_most_minutes:
        table.refuse("`at_least_minutes` must not be above `at_most_minutes`")
    table.finish()
    return grace


def _ladder(level: Table) -> tuple[Rung, ...]:
    rungs = []
    for rung in level.tables("ladder"):
        roles = rung.texts("roles")
        for role in roles:
            if role not in ROLES:
                rung.refuse(f"`{role}` is not one of {', '.join(ROLES)}")
        rungs.append(Rung(after_minutes=rung.whole("after_minutes", low=0), roles=roles))
        rung.finish()
    times = [rung.after_minutes for rung in rungs]
    if not times or times[0] != 0 or sorted(set(times)) != times:
        level.refuse("the ladder must begin at 0 minutes, and each rung come after the one before")
    return tuple(rungs)


def _closing(level: Table) -> Closing:
    return Closing(
        newer_evidence_or_second_role=level.flag("closing_needs_newer_evidence_or_second_role"),
        snooze_minutes=level.whole("snooze_minutes", low=0),
    )


def _number(document: Table, key: str, field: str) -> int:
    table = document.table(key)
    number = table.whole(field, low=1)
    table.source()
    table.finish()
    return number
