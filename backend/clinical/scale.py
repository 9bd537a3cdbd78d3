"""Score one set of answers: missing is never zero, one illegal answer means no total, no band."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from backend.clinical.definition import (
    Answer,
    Band,
    BandSystem,
    DefinitionError,
    Instrument,
    Item,
    ItemAlarm,
    Unscored,
    Way,
)
from backend.clinical.definition_file import load
from backend.clinical.legal import ended_by, legal_answers, numbers, refusal
from backend.clinical.reading import Source
from backend.clinical.registry import (
    SAFETY,
    SEDATION,
    ask_when_unknown,
    asked,
    forget,
    instruments,
    know,
    latest,
    offered,
    set_aside,
    shipped,
)
from backend.clinical.vitals import KINDS, Vitals

__all__ = [
    "SAFETY",
    "SEDATION",
    "Answer",
    "Band",
    "BandSystem",
    "DefinitionError",
    "Instrument",
    "Item",
    "ItemAlarm",
    "RaisedAlarm",
    "Score",
    "Unscored",
    "alarms_named",
    "ask_when_unknown",
    "asked",
    "forget",
    "instruments",
    "know",
    "latest",
    "legal_answers",
    "load",
    "offered",
    "possible_bands",
    "score",
    "set_aside",
    "shipped",
    "value_of",
    "vital_answers",
]

FEW_TOTALS = 12  # beyond that a screen says "19 to 39", not a list


@dataclass(frozen=True, kw_only=True)
class RaisedAlarm:
    """An item alarm that these answers raise, with the items that did it."""

    id: str
    items: tuple[str, ...]
    level: str
    text: str
    source: Source


@dataclass(frozen=True, kw_only=True)
class Score:
    """What one set says. Without a total, `lowest` and `highest` bound what it can still become.

    A scale of letters (ACVPU) has no total and no bounds, only a `value` and its band.
    """

    definition: str
    key: str
    status: str
    answers: Mapping[str, Answer]
    points: Mapping[str, int]
    unscored: Mapping[str, Answer]
    total: int | None
    lowest: int | None
    highest: int | None
    possible: tuple[int, ...]
    value: Answer | None
    band: Band | None
    possible_bands: tuple[Band, ...]
    band_system: str
    missing: tuple[str, ...]
    illegal: Mapping[str, str]
    alarms: tuple[RaisedAlarm, ...]
    red: tuple[str, ...]


def vital_answers(
    instrument: Instrument, vitals: Vitals, *, spo2_scale: int | None = None
) -> dict[str, Answer | None]:
    """What an instrument reads from vital signs; the SpO2 scale is a clinician's choice."""
    read: dict[str, Answer | None] = {
        item.id: getattr(vitals, item.id) for item in instrument.items if item.id in KINDS
    }
    return read | {"spo2_scale": spo2_scale} if "spo2_scale" in instrument.by_id else read


def score(
    instrument: Instrument,
    answers: Mapping[str, Answer | None],
    *,
    band_system: str | None = None,
) -> Score:
    """Score a set of answers by one named band system; raises KeyError for an unknown system.

    An answer that is None or absent is missing. Anything that is not exactly legal is `illegal`.
    """
    system = instrument.band_systems[band_system or instrument.default_bands]
    given = {name: answer for name, answer in answers.items() if answer is not None}
    illegal = {n: why for n, a in given.items() if (why := refusal(instrument, n, a))}
    legal = {name: answer for name, answer in given.items() if name not in illegal}
    extra, twice = numbers(instrument, legal)
    legal = {name: answer for name, answer in legal.items() if name in instrument.by_id}
    ended, needless = ended_by(instrument, legal)
    illegal |= twice | needless
    assumed = {i.id: i.assumed for i in instrument.items if i.assumed is not None}
    known: dict[str, Answer] = {**assumed, **legal}
    open_items = () if ended else instrument.scored
    missing = tuple(i.id for i in open_items if i.id not in known and not i.optional)
    ways = [way for way in instrument.ways if _still_open(way, known)]
    points_by_way = _points_by_way(instrument, known, ways)
    points = _certain(instrument, known, points_by_way)
    red = tuple(name for name, p in points.items() if p == instrument.red_points)
    totals = frozenset[int]()
    if not illegal and instrument.scoring != "none":
        totals = _totals(instrument, ways, points_by_way, ended=ended)
    bands = () if illegal else _bands(instrument, system, legal, totals, red=bool(red))
    status = "ok"
    if illegal:
        status = "invalid"
    elif missing or not (legal or extra):
        status = "incomplete"
    return Score(
        definition=instrument.id,
        key=instrument.key,
        status=status,
        answers=MappingProxyType({i.id: legal[i.id] for i in instrument.items if i.id in legal}),
        points=MappingProxyType(points),
        unscored=MappingProxyType(extra),
        total=max(totals, default=None) if status == "ok" else None,
        lowest=min(totals, default=None),
        highest=max(totals, default=None),
        possible=tuple(sorted(totals)) if len(totals) <= FEW_TOTALS else (),
        value=value_of(instrument, legal | extra) if status == "ok" else None,
        band=bands[0] if status == "ok" and len(bands) == 1 else None,
        possible_bands=bands,
        band_system=system.name,
        missing=missing,
        illegal=MappingProxyType(illegal),
        alarms=() if illegal else _alarms(instrument, legal | extra),
        red=() if illegal else red,
    )


def possible_bands(
    system: BandSystem, totals: Iterable[int], *, red: bool = False
) -> tuple[Band, ...]:
    """The bands that these totals lie in, mildest first; a red parameter lifts those below it."""
    if not system.bands:
        return ()
    found = list({band.low: band for band in map(system.of_total, totals)}.values())
    if red and system.red:
        lifted = {band if band.severity >= system.red.severity else system.red for band in found}
        found = list(lifted)
    return tuple(sorted(found, key=lambda band: (band.severity, band.low)))


def _still_open(way: Way, known: Mapping[str, Answer]) -> bool:
    return all(known.get(name, answer) == answer for name, answer in way.answers.items())


def _given_points(item: Item, answer: Answer, way: Way) -> int | None:
    """The points of one legal answer; None for a letter, which is no number."""
    if item.rows:
        value = Decimal(answer)
        if item.vital and item.vital.decimals:
            value = item.vital.rounded(value)
        return next(row.points for row in way.rows[item.id] if row.holds(value))
    if item.points:
        return item.points[answer]
    return answer if isinstance(answer, int) and not item.lettered else None


Points = Mapping[str, int | None]


def _points_by_way(
    instrument: Instrument, known: Mapping[str, Answer], ways: Sequence[Way]
) -> list[Points]:
    """For each way, the points of what is answered, or what this way takes to be answered."""
    same = {
        item.id: _given_points(item, known[item.id], ways[0])
        for item in instrument.scored
        if item.id in known and item.id not in instrument.conditional
    }
    found: list[Points] = []
    for way in ways:
        here = dict(same)
        for item in instrument.scored:
            answer = known.get(item.id, way.answers.get(item.id))
            if item.id not in same and answer is not None:
                here[item.id] = _given_points(item, answer, way)
        found.append(here)
    return found


def _certain(
    instrument: Instrument, known: Mapping[str, Answer], points_by_way: Sequence[Points]
) -> dict[str, int]:
    """The points of each answered item, unless they still depend on a missing answer."""
    found = {}
    for item in instrument.scored:
        if item.id in known:
            points = points_by_way[0][item.id]
            if points is not None and all(here[item.id] == points for here in points_by_way):
                found[item.id] = points
    return found


def _totals(
    instrument: Instrument, ways: Sequence[Way], points_by_way: Sequence[Points], *, ended: bool
) -> frozenset[int]:
    """Every total that the set can still reach; none, where an answer is a letter."""
    found: set[int] = set()
    asked = () if ended else instrument.scored
    for way, here in zip(ways, points_by_way, strict=True):
        given = [points for points in here.values() if points is not None]
        if len(given) == len(here):
            missing = frozenset(item.id for item in asked if item.id not in here)
            found |= {sum(given) + points for points in way.sums(missing)}
    return frozenset(found)


def _bands(
    instrument: Instrument,
    system: BandSystem,
    answers: Mapping[str, Answer],
    totals: frozenset[int],
    *,
    red: bool,
) -> tuple[Band, ...]:
    if totals or not system.bands:
        return possible_bands(system, totals, red=red)
    answer = answers.get(instrument.items[0].id)
    if answer is None or instrument.scoring != "single":
        return system.bands
    return (system.of_value(str(answer)),)


def value_of(instrument: Instrument, answers: Mapping[str, Answer]) -> Answer | None:
    """What stands for the whole where there is no total, or besides it."""
    if instrument.scoring == "single":
        return answers[instrument.items[0].id]
    return answers.get(instrument.headline)


def _alarms(instrument: Instrument, answers: Mapping[str, Answer]) -> tuple[RaisedAlarm, ...]:
    raised = []
    for alarm in instrument.alarms:
        items = tuple(name for name in alarm.items if alarm.is_raised_by(answers.get(name)))
        if items:
            raised.append(_raised(alarm, items))
    return tuple(raised)


def _raised(alarm: ItemAlarm, items: tuple[str, ...]) -> RaisedAlarm:
    return RaisedAlarm(
        id=alarm.id,
        items=items,
        level=alarm.level,
        text=alarm.text,
        source=alarm.source,
    )


def alarms_named(instrument: Instrument, ids: Collection[str]) -> tuple[RaisedAlarm, ...]:
    """Alarms that were raised before, from their stored ids."""
    return tuple(_raised(alarm, alarm.items) for alarm in instrument.alarms if alarm.id in ids)
