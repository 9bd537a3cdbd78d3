"""Read one row of a long-format file: exact values in our units, or a reason why not."""

import csv
import io
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from backend.clinical import vitals
from backend.clinical.definition import Answer
from backend.clinical.scale import latest
from backend.core.errors import Invalid
from backend.interop.csv_import.mapping import FileMapping, Target
from backend.interop.csv_import.rows import Row

LONGEST_ID = 100
EARLIEST = datetime(1900, 1, 2, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
# What was written down long before it was seen was not seen then; a clock may be a day off.
MOST_AHEAD = timedelta(days=1)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class Refused(Exception):
    """A row that is not stored. `reason` is one of a few, `detail` speaks of this row."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Reading(NamedTuple):
    """One value of one patient at one time. Sorts by the first four: each stay in order of time."""

    patient: str
    stay: str
    observed_at: datetime
    line: int
    entered_at: datetime | None
    code: str
    target: Target
    value: Answer
    raw: str


@dataclass(frozen=True)
class Columns:
    """Where in a row each thing is; None where the file does not have it."""

    header: list[str]
    patient: int
    observed: int
    item: int
    value: int
    stay: int | None
    entered: int | None
    unit: int | None


def columns(header: list[str], mapping: FileMapping) -> Columns:
    """Find the mapped columns; Invalid names those that are not there, or there twice."""
    header = [name.strip() for name in header]
    wanted = mapping.columns
    missing = [column for column in wanted.values() if header.count(column) != 1]
    if missing and re.search("[\x00\ufffd]", "".join(header)):
        raise Invalid("The header cannot be read: save the file as UTF-8 and start again.")
    if missing:
        raise Invalid(
            f"The mapping names columns that the file does not have exactly once:"
            f" {', '.join(missing)}. The file has: {', '.join(header)[:500]}."
        )
    at = {name: header.index(column) for name, column in wanted.items()}
    return Columns(
        header=header,
        patient=at["patient"],
        observed=at["observed"],
        item=at["item"],
        value=at["value"],
        stay=at.get("stay"),
        entered=at.get("entered"),
        unit=at.get("unit"),
    )


@dataclass
class Reader:
    """Turns rows into readings, and remembers what texts mean: they come again and again."""

    mapping: FileMapping
    columns: Columns
    _values: dict[tuple[str, str, str], Answer | Refused] = field(default_factory=dict)
    _times: dict[str, datetime | Refused] = field(default_factory=dict)

    def reading(self, row: Row) -> Reading:
        """The reading of a row; raises Refused with the reason why there is none."""
        cells, at = row.cells, self.columns
        if len(cells) != len(at.header):
            raise Refused(
                "wrong number of columns", f"{len(cells)} cells under {len(at.header)} columns."
            )
        code = cells[at.item].strip()
        target = self.mapping.targets.get(code)
        if target is None:
            raise Refused("item not mapped")
        value = self._value(
            code,
            target,
            cells[at.value].strip(),
            cells[at.unit].strip() if at.unit is not None else "",
        )
        patient = _identity(cells[at.patient], "patient")
        stay = _identity(cells[at.stay], "stay") if at.stay is not None else ""
        observed_at = self._time(cells[at.observed].strip())
        entered = cells[at.entered].strip() if at.entered is not None else ""
        entered_at = None if entered in self.mapping.nulls else self._time(entered)
        if entered_at and observed_at - entered_at > MOST_AHEAD:
            raise Refused("written down more than a day before it was observed")
        return Reading(
            patient, stay, observed_at, row.line, entered_at, code, target, value, row.raw
        )

    def again(self, line: int, raw: str) -> Reading:
        """The reading of a row that has been read before."""
        cells = next(csv.reader(io.StringIO(raw, newline=""), delimiter=self.mapping.delimiter))
        return self.reading(Row(line, raw, cells))

    def _value(self, code: str, target: Target, text: str, unit: str) -> Answer:
        key = code, text, unit
        found = self._values.get(key)
        if found is None:
            try:
                found = value_of(self.mapping, target, text, unit)
            except Refused as refused:
                found = refused
            _remember(self._values, key, found)
        if isinstance(found, Refused):
            # Raised anew: an exception that is raised again grows by its trace each time.
            raise Refused(found.reason, found.detail)
        return found

    def _time(self, text: str) -> datetime:
        found = self._times.get(text)
        if found is None:
            try:
                found = time_of(self.mapping, text)
            except Refused as refused:
                found = refused
            _remember(self._times, text, found)
        if isinstance(found, Refused):
            # Raised anew: an exception that is raised again grows by its trace each time.
            raise Refused(found.reason, found.detail)
        return found


def _remember(memory: dict[Any, Any], key: Any, value: Any) -> None:
    if len(memory) > 20_000:
        memory.clear()
    memory[key] = value


def _identity(text: str, what: str) -> str:
    text = text.strip()
    if not text:
        raise Refused(f"no {what}")
    if len(text) > LONGEST_ID or not text.isprintable() or "\ufffd" in text:
        raise Refused(f"{what} cannot be read")
    return text


def time_of(mapping: FileMapping, text: str) -> datetime:
    """A time of the file, in UTC; of an hour that comes twice in autumn, the first."""
    if text in mapping.nulls:
        raise Refused("no time")
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            if mapping.zone is None:
                raise Refused("time without a time zone", "Name the `time_zone` in the mapping.")
            found = found.replace(tzinfo=mapping.zone)
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused("time cannot be read") from None
    if not EARLIEST <= found <= LATEST:
        raise Refused("time cannot be right")
    return found


def value_of(mapping: FileMapping, target: Target, text: str, unit: str) -> Answer:
    """What a text of the file says, in our unit or as a legal answer; raises Refused."""
    if text in target.values:
        return target.values[text]
    if text in mapping.nulls:
        raise Refused("no value")
    if target.is_total:
        return _whole(text)
    if target.instrument:
        return _answer(target, text)
    kind = vitals.KINDS[target.vital]
    if not kind.is_number:
        raise Refused(
            "value not mapped", f"The mapping does not say what it means for {kind.label}."
        )
    return _measured(mapping, kind, target, text, unit)


def _measured(
    mapping: FileMapping, kind: vitals.VitalKind, target: Target, text: str, unit: str
) -> int | Decimal:
    unit = mapping.units.get(unit, unit) if unit not in mapping.nulls else target.unit
    if not unit:
        raise Refused("no unit", f"{kind.label} is not stored without its unit.")
    if unit not in kind.units:
        raise Refused("unit not known", f"{kind.label} cannot be given in {unit[:20]!r}.")
    _number(text)
    try:
        found = vitals.convert(kind, text, unit)
    except vitals.VitalError as error:
        raise Refused("value cannot be taken", str(error)) from None
    wrong = vitals.problem(kind, found)
    if wrong and wrong.refuse:
        raise Refused("impossible value", wrong.sentence)
    return found


def _answer(target: Target, text: str) -> Answer:
    instrument = latest()[target.instrument]
    item = instrument.by_id.get(target.item)
    if item is None:
        limits = instrument.unscored_by_id[target.item]
        number = _number(text)
        if not limits.low <= number <= limits.high:
            raise Refused("impossible value", f"{limits.label}: {limits.low} to {limits.high}.")
        return int(number) if number == int(number) else number
    if item.allows(text):
        return text
    answer = _whole(text)
    if not item.allows(answer):
        raise Refused("value not on the scale", f"{item.label} of {instrument.name}.")
    return answer


def _whole(text: str) -> int:
    number = _number(text)
    if number != int(number):
        raise Refused("value not on the scale", "It is not a whole number.")
    return int(number)


def _number(text: str) -> Decimal:
    """An ordinary number: no underscores, no words for infinity, no digits of other scripts."""
    if not _NUMBER.fullmatch(text) or len(text) > vitals.LONGEST_NUMBER:
        raise Refused("not a number")
    number = Decimal(text)
    if number not in vitals.ABSURD:
        raise Refused("impossible value", "No unit makes sense of this number.")
    return number
