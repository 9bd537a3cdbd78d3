"""Read what was typed: numbers, answers and times, each refusal a sentence with its input."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from backend.clinical import shift
from backend.clinical import vitals as vital_signs
from backend.clinical.definition import Answer, Instrument, as_text
from backend.clinical.vitals import KINDS, VitalError, Vitals
from backend.core.errors import Invalid

# Nobody writes down more than this on one sheet.
MOST_INPUTS = 400
LONGEST_INPUT = 2_000
# A browser that was asleep or without a network may send what it tried to send before.
OLDEST_ATTEMPT = timedelta(hours=12)
AHEAD = timedelta(minutes=2)
# What confirms that a vital sign was left out on purpose.
NOT_MEASURED = "not measured"
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,12}([.,][0-9]{1,6})?")


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What a browser sent: each input once, readable; `problems` says what was not."""

    inputs: Mapping[str, str]
    problems: Mapping[str, str]

    def fingerprint(self, stay_id: int, supersedes_id: int | None = None) -> bytes:
        """The same for the same form, however often and whenever it is sent."""
        said = [stay_id, supersedes_id, sorted(self.inputs.items())]
        return hashlib.sha256(json.dumps(said).encode()).digest()

    def without(self, name: str) -> "Sent":
        """What the sheet itself sent, where a device added when it was saved there."""
        kept = {other: value for other, value in self.inputs.items() if other != name}
        return replace(self, inputs=kept)


def sent(pairs: Iterable[tuple[str, object]]) -> Sent:
    """Take what came over the wire; what is unreadable is kept as far as it can be shown."""
    inputs: dict[str, str] = {}
    problems: dict[str, str] = {}
    for number, (name, value) in enumerate(pairs):
        if number >= MOST_INPUTS:
            problems["form"] = "More was sent than this sheet asks."
            break
        if not isinstance(value, str) or not name.isprintable() or len(name) > 80:
            problems["form"] = "Something was sent that this sheet does not ask."
            continue
        clean = value.encode("utf-8", "replace").decode().replace("\x00", "")
        if clean != value or "\ufffd" in value:
            problems[name] = "Some characters could not be read. Type it again."
        if len(clean) > LONGEST_INPUT:
            problems[name] = f"At most {LONGEST_INPUT} characters fit here; this is cut."
            clean = clean[:LONGEST_INPUT]
        if inputs.setdefault(name, clean) != clean:
            problems[name] = "This was answered twice, differently. Answer it again."
    return Sent(inputs=inputs, problems=problems)


def local_input(moment: datetime, zone: ZoneInfo) -> str:
    """For a `datetime-local` input."""
    return f"{moment.astimezone(zone):%Y-%m-%dT%H:%M}"


def first_tried(sent_at: str | None, now: datetime) -> datetime:
    """The moment of the first try to save: a lost network must not move the time of the set."""
    if sent_at is None:
        return now
    try:
        tried = datetime.fromisoformat(sent_at)
    except ValueError:
        return now
    if tried.tzinfo is None:
        return now
    if not now - OLDEST_ATTEMPT <= tried <= now + AHEAD:
        words = {"observed_at": "This was first tried long ago. Write when it was observed."}
        raise Invalid("Check the time.", words)
    return tried.astimezone(UTC)


def typed_time(typed: str, repeated: str | None, zone: ZoneInfo) -> datetime:
    words = {"observed_at": "Write the date and the time."}
    try:
        naive = datetime.fromisoformat(typed)
    except ValueError:
        raise Invalid("Check the time.", words) from None
    if naive.tzinfo is not None or not 1900 < naive.year < 9000:
        raise Invalid("Check the time.", words)
    try:
        return shift.local_to_utc(naive, zone)
    except shift.LocalTimeError as twice_or_never:
        if twice_or_never.choices and repeated is not None:
            return twice_or_never.choices[repeated == "second"]
        field = "repeated" if twice_or_never.choices else "observed_at"
        raise Invalid("Check the time.", {field: str(twice_or_never)}) from None


def per_minute(breaths: int, seconds: int) -> str:
    """A count over some seconds, as a rate."""
    rate = (Decimal(breaths) * 60 / seconds).quantize(Decimal(1), ROUND_HALF_UP)
    return str(rate)


def units_of(temperature_unit: str, pressure_unit: str) -> dict[str, str]:
    """The unit of each vital sign that can be typed in more than one."""
    return {
        "temperature_c": temperature_unit,
        "systolic_mmhg": pressure_unit,
        "diastolic_mmhg": pressure_unit,
    }


def measure(
    typed: Mapping[str, str], temperature_unit: str, pressure_unit: str
) -> tuple[Vitals, dict[str, str]]:
    """Vital signs in canonical units, and a sentence for each that is no number."""
    units = units_of(temperature_unit, pressure_unit)
    found: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for field, value in typed.items():
        kind = KINDS[field]
        if field == "on_oxygen":
            found[field] = {"true": True, "false": False}.get(value, value)
        elif not kind.is_number:
            found[field] = value
        elif not PLAIN_NUMBER.fullmatch(value):
            refused[field] = f"{kind.label}: write a number, such as 72 or 36.8."
        else:
            try:
                unit = units.get(field, kind.unit)
                found[field] = vital_signs.convert(kind, value.replace(",", "."), unit)
            except VitalError as error:
                refused[field] = str(error)
    return Vitals(**found), refused


def answered(
    instrument: Instrument, typed: Mapping[str, str]
) -> tuple[dict[str, Answer], dict[str, Answer], dict[str, str]]:
    """Items, unscored entries and refusals. Only the exact text of a legal value counts."""
    items: dict[str, Answer] = {}
    extras: dict[str, Answer] = {}
    refused: dict[str, str] = {}
    for name, value in typed.items():
        if (item := instrument.by_id.get(name)) is not None:
            legal = {as_text(one): one for one in item.legal}
            if value in legal:
                items[name] = legal[value]
            else:
                refused[name] = f"{item.label}: it is one of {', '.join(legal)}."
        elif (extra := instrument.unscored_by_id.get(name)) is not None:
            number = value.replace(",", ".")
            whole = PLAIN_NUMBER.fullmatch(value)
            if whole and extra.low <= Decimal(number) <= extra.high:
                extras[name] = int(number) if number.isdecimal() else Decimal(number)
            else:
                refused[name] = f"{extra.label}: a number from {extra.low} to {extra.high}."
        else:
            refused[name] = f"{instrument.name} does not ask this."
    return items, extras, refused
