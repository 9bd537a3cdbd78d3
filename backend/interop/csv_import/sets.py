"""Make sets of the readings of one time: nothing averaged, overwritten or guessed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID, uuid5

from backend.clinical.definition import Answer
from backend.clinical.vitals import KINDS, Vitals
from backend.interop.csv_import.reading import Reading

# Keys are derived from what a set says, so that reading a file twice stores nothing twice.
SPACE = UUID("6d1c1c52-7f0e-4d0b-8d39-0f8e0a3c42c9")
PRESSURES = frozenset({"systolic_mmhg", "diastolic_mmhg"})

ANOTHER_VALUE = "another value at the same time"
NO_PRESSURE = "diastolic not below systolic"
NO_OXYGEN = "room air and oxygen at once"


@dataclass(frozen=True, kw_only=True)
class ReadSet:
    """The values of one patient at one time, measured in one way, before anything is scored."""

    observed_at: datetime
    entered_at: datetime | None
    vitals: Vitals
    answers: Mapping[str, Mapping[str, Answer]]
    channels: str
    readings: tuple[Reading, ...]

    @property
    def has_vitals(self) -> bool:
        return self.vitals != Vitals()

    def key(self, source: str) -> UUID:
        """The same for the same values of the same patient at the same time, and no other."""
        first = self.readings[0]
        values = sorted(f"{place(reading)}={reading.value}" for reading in self.readings)
        said = [source, first.patient, first.stay, self.observed_at.isoformat(), *values]
        return uuid5(SPACE, "\x1f".join(said))


@dataclass(frozen=True, kw_only=True)
class Moment:
    """All that a file says of one patient at one time."""

    sets: tuple[ReadSet, ...]
    totals: tuple[Reading, ...]
    duplicates: tuple[Reading, ...]
    refused: tuple[tuple[Reading, str, str], ...]


def place(reading: Reading) -> str:
    """What a reading is a value of: two readings of one place at one time cannot both be right."""
    target = reading.target
    if target.vital:
        return f"{target.channel}/{target.vital}"
    return f"{target.instrument}:{target.item}"


def moments(readings: Iterable[Reading], channels: Sequence[str]) -> Iterator[Moment]:
    """The readings of one stay, in order of time, as one moment per time."""
    for _, together in groupby(readings, key=lambda reading: reading.observed_at):
        yield moment(list(together), channels)


def moment(readings: Sequence[Reading], channels: Sequence[str]) -> Moment:
    """Sort out what was read of one time: of two values for one thing, the first in the file."""
    kept: dict[str, Reading] = {}
    duplicates: list[Reading] = []
    refused: list[tuple[Reading, str, str]] = []
    for reading in readings:
        first = kept.setdefault(place(reading), reading)
        if first is reading:
            continue
        if first.value == reading.value:
            duplicates.append(reading)
        else:
            refused.append((reading, ANOTHER_VALUE, f"Line {first.line} says {first.value}."))
    totals = tuple(one for one in kept.values() if one.target.is_total)
    values = [one for one in kept.values() if not one.target.is_total]
    sets = []
    for group in _by_channel(values, channels):
        sound, unsound = _without_contradictions(group)
        refused += unsound
        if sound:
            sets.append(_read_set(sound))
    return Moment(
        sets=tuple(sets), totals=totals, duplicates=tuple(duplicates), refused=tuple(refused)
    )


def _by_channel(values: list[Reading], channels: Sequence[str]) -> list[list[Reading]]:
    """One group, and one more for each channel that measured again what the first one holds.

    A pressure is taken from one channel as a whole: never the cuff's systolic with the arterial
    line's diastolic.
    """
    groups = [[one for one in values if not one.target.channel]]
    for channel in channels if len(groups[0]) < len(values) else ():
        here = [one for one in values if one.target.channel == channel]
        if {_block(one) for one in here} & {_block(one) for one in groups[0]}:
            groups.append(here)
        else:
            groups[0] += here
    return [group for group in groups if group]


def _block(reading: Reading) -> str:
    field = reading.target.vital
    return "pressure" if field in PRESSURES else field or place(reading)


def _without_contradictions(
    group: list[Reading],
) -> tuple[list[Reading], list[tuple[Reading, str, str]]]:
    """What cannot both be right is left out, both: nobody knows which of the two is wrong."""
    by_field = {one.target.vital: one for one in group if one.target.vital}
    high, low = by_field.get("systolic_mmhg"), by_field.get("diastolic_mmhg")
    device, flow = by_field.get("on_oxygen"), by_field.get("oxygen_l_per_min")
    unsound: list[tuple[Reading, str, str]] = []
    if high and low and low.value >= high.value:  # type: ignore[operator]  # both are numbers
        detail = f"{high.value} over {low.value} mmHg."
        unsound += [(one, NO_PRESSURE, detail) for one in (high, low)]
    if device and flow and device.value is not (flow.value > 0):  # type: ignore[operator]
        word = "oxygen" if device.value else "room air"
        unsound += [(one, NO_OXYGEN, f"{word}, {flow.value} L/min.") for one in (device, flow)]
    left_out = {id(one) for one, _, _ in unsound}
    return [one for one in group if id(one) not in left_out], unsound


def _read_set(group: list[Reading]) -> ReadSet:
    answers: dict[str, dict[str, Answer]] = {}
    fields: dict[str, Answer] = {}
    for one in group:
        if one.target.vital:
            fields[one.target.vital] = one.value
        else:
            answers.setdefault(one.target.instrument, {})[one.target.item] = one.value
    written = [one.entered_at for one in group if one.entered_at]
    return ReadSet(
        observed_at=group[0].observed_at,
        entered_at=max(written, default=None),
        vitals=Vitals(**fields),  # type: ignore[arg-type]  # each was read as its own kind
        answers=answers,
        channels=_channel_words(group),
        readings=tuple(group),
    )


def _channel_words(group: list[Reading]) -> str:
    """ "arterial line: Systolic pressure, Diastolic pressure", for the chart to show."""
    labels: dict[str, list[str]] = {}
    for one in group:
        if one.target.channel:
            labels.setdefault(one.target.channel, []).append(KINDS[one.target.vital].label)
    return "; ".join(f"{channel}: {', '.join(names)}" for channel, names in labels.items())
