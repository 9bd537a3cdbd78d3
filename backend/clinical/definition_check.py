"""Does a definition tile and score? What is wrong with one that could be read, as sentences."""

import itertools
import re

from backend.clinical.definition import BandSystem, Instrument, Item, settings, totals
from backend.clinical.vitals import KINDS

IDENTITY = re.compile(r"([a-z0-9-]+)/[a-z0-9-]+/v[1-9][0-9]*")


def check(instrument: Instrument, reasons: list[str]) -> None:
    """What can only be said about a definition that could be read."""
    identity = IDENTITY.fullmatch(instrument.id)
    if not identity or identity[1] != instrument.key:
        reasons.append("`id` must read key/author-year/vN and begin with the key.")
    if not instrument.items:
        reasons.append("There is no item.")
    names = [item.id for item in instrument.items] + [entry.id for entry in instrument.unscored]
    names += [item.also for item in instrument.items if item.also]
    reasons += [
        f"`{name}` is used twice." for name in sorted({n for n in names if names.count(n) > 1})
    ]
    for item in instrument.items:
        reasons += _wrong_item(instrument, item)
    if instrument.default_bands not in instrument.band_systems:
        reasons.append("`default_bands` names no band system.")
    if not reasons:
        for system in instrument.band_systems.values():
            reasons += _wrong_bands(instrument, system)


def _wrong_item(instrument: Instrument, item: Item) -> list[str]:
    if item.rows:
        return _wrong_rows(instrument, item)
    if item.rater == "setting":
        return [] if item.assumed is not None else [f"{item.id}: a setting needs `assumed`."]
    if instrument.scoring == "points" and not item.points:
        return [f"{item.id}: every legal value needs points."]
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in item.legal)
    if instrument.scoring == "sum" and not whole:
        return [f"{item.id}: a sum needs whole numbers."]
    return []


def _wrong_rows(instrument: Instrument, item: Item) -> list[str]:
    """The rows that apply must meet without gap or overlap, whatever the other answers are."""
    kind = KINDS.get(item.id)
    if kind is None or not kind.is_number:
        return [f"{item.id}: rows of points need a vital sign of that name."]
    unknown = {name for row in item.rows for name in row.when} - set(instrument.by_id)
    if unknown:
        return [f"{item.id}: `when` names {', '.join(sorted(unknown))}, which is not an item."]
    for way in settings(instrument, {}):
        rows = [row for row in item.rows if row.applies(way)]
        edges = [(above.low, below.high) for below, above in itertools.pairwise(rows)]
        meet = all(
            low is not None and high is not None and low == high + kind.step for low, high in edges
        )
        if not rows or rows[0].low is not None or rows[-1].high is not None or not meet:
            return [f"{item.id}: the rows do not cover every value once."]
    return []


def _wrong_bands(instrument: Instrument, system: BandSystem) -> list[str]:
    if instrument.scoring == "single" and isinstance(instrument.items[0].legal[0], str):
        values = [value for band in system.bands for value in band.values]
        if sorted(values) == sorted(str(value) for value in instrument.items[0].legal):
            return []
        return [f"Bands {system.name}: each legal value needs exactly one band."]
    possible = totals(instrument)
    covered = [total for band in system.bands for total in range(band.low, band.high + 1)]
    every = list(range(min(possible), max(possible) + 1))
    if covered != every:
        return [
            f"Bands {system.name}: they must cover {every[0]} to {every[-1]} once each, in order."
        ]
    return []
