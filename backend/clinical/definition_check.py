"""Does a definition tile and score? What is wrong with one that could be read, as sentences."""

import itertools
import re
from collections.abc import Iterator

from backend.clinical.definition import BandSystem, Instrument, Item, settings, totals
from backend.clinical.vitals import KINDS

IDENTITY = re.compile(r"([a-z0-9-]+)/([a-z0-9]+)([a-z0-9-]*)/v[1-9][0-9]{0,3}")
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
KEY = re.compile(r"[a-z][a-z0-9-]{0,39}")
# More than any form in print, and little enough to be worked out on every save.
MOST_ITEMS, MOST_CONDITIONS, MOST_POINTS = 60, 4, 1_000


def check(instrument: Instrument, reasons: list[str]) -> None:
    """What can only be said about a definition that could be read."""
    reasons += _wrong_names(instrument)
    reasons += _too_much(instrument)
    for item in instrument.items:
        reasons += _wrong_item(instrument, item)
    reasons += _wrong_numbers(instrument)
    reasons += _wrong_scoring(instrument)
    if instrument.default_bands not in instrument.band_systems:
        reasons.append(
            "`default_bands` names no band system; where no source gives bands it is `none`."
        )
    if not reasons:
        for system in instrument.band_systems.values():
            if system.bands:
                reasons += _wrong_bands(instrument, system)


def _wrong_names(instrument: Instrument) -> Iterator[str]:
    identity = IDENTITY.fullmatch(instrument.id)
    keys = (identity[1], f"{identity[1]}-{identity[2]}") if identity else ()
    if instrument.key not in keys or not KEY.fullmatch(instrument.key):
        yield (
            "`id` must read key/author-year/vN and begin with the key; where two authors share a"
            " name, the key is key-author."
        )
    names = [item.id for item in instrument.items] + [entry.id for entry in instrument.unscored]
    names += [item.also for item in instrument.items if item.also]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f"`{name}` is used twice."
    for name in names:
        if not NAME.fullmatch(name):
            yield f"`{name[:40]}` must be a short name of small letters, digits and underscores."
    alarms = [alarm.id for alarm in instrument.alarms]
    for name in sorted({n for n in alarms if alarms.count(n) > 1}):
        yield f"The alarm `{name}` is there twice."
    if instrument.headline and instrument.headline not in names:
        yield f"`headline`: `{instrument.headline}` is neither an item nor a number."


def _too_much(instrument: Instrument) -> Iterator[str]:
    if len(instrument.items) + len(instrument.unscored) > MOST_ITEMS:
        yield f"There are more than {MOST_ITEMS} questions."
    if len(instrument.conditions) > MOST_CONDITIONS:
        yield f"`when` names more than {MOST_CONDITIONS} items."
    numbers = [value for item in instrument.items for value in item.legal]
    numbers += [points for item in instrument.items for points in item.points.values()]
    numbers += [row.points for item in instrument.items for row in item.rows]
    whole = [number for number in numbers if isinstance(number, int)]
    if any(abs(number) > MOST_POINTS for number in whole):
        yield f"No answer counts more than {MOST_POINTS}."
    for system in instrument.band_systems.values():
        most = MOST_ITEMS * MOST_POINTS
        if any(abs(edge) > most for band in system.bands for edge in (band.low, band.high)):
            yield f"Bands {system.name}: no total lies so far out."


def _wrong_scoring(instrument: Instrument) -> Iterator[str]:
    """What the way of scoring asks of the whole."""
    if not instrument.items and not (instrument.scoring == "none" and instrument.unscored):
        yield "There is no item."
    if instrument.scoring == "single" and len(instrument.items) != 1:
        yield "A single value has one item."
    if instrument.scoring == "none" and instrument.has_bands:
        yield "Without a total there are no bands: `default_bands` is `none`."
    if instrument.scoring != "none" and any(item.optional for item in instrument.items):
        yield "Only what is not scored may stay open: missing is not zero."


def _wrong_item(instrument: Instrument, item: Item) -> list[str]:
    if item.rows:
        return _wrong_rows(instrument, item)
    if item.rater == "setting":
        return [] if item.assumed is not None else [f"{item.id}: a setting needs `assumed`."]
    if instrument.scoring == "points" and not item.points:
        return [f"{item.id}: every legal value needs points."]
    numbers = [value for value in item.legal if value != item.not_testable]
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in numbers)
    if instrument.scoring == "sum" and not (whole and numbers):
        return [f"{item.id}: a sum needs whole numbers."]
    if item.not_testable and instrument.scoring != "sum":
        return [f"{item.id}: only a part of a sum is `not_testable`."]
    return []


def _wrong_numbers(instrument: Instrument) -> Iterator[str]:
    """A number in another unit must lead to one that is stored."""
    stored = {entry.id for entry in instrument.unscored if not entry.same_as}
    for entry in instrument.unscored:
        if entry.same_as and entry.same_as not in stored:
            yield f"{entry.id}: `same_as` names no number of its own."
        if entry.decimals > 3:
            yield f"{entry.id}: `decimals` goes from 0 to 3."


def _wrong_rows(instrument: Instrument, item: Item) -> list[str]:
    """The rows that apply must meet without gap or overlap, whatever the other answers are."""
    kind = KINDS.get(item.id)
    if kind is None or not kind.is_number:
        return [f"{item.id}: rows of points need a vital sign of that name."]
    unknown = {name for row in item.rows for name in row.when} - set(instrument.by_id)
    if unknown:
        return [f"{item.id}: `when` names {', '.join(sorted(unknown))}, which is not an item."]
    if len(instrument.conditions) > MOST_CONDITIONS:
        return []
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
    if instrument.scoring == "single" and instrument.items[0].lettered:
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
