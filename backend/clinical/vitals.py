"""Vital signs: canonical units, what cannot be, what should be asked again, exact conversion."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from importlib import resources
from types import MappingProxyType

from backend.clinical.reading import Source, Table

LONGEST_NUMBER = 40  # characters: nobody measures longer, and Decimal would work for minutes


class VitalError(ValueError):
    """A value that cannot be taken; the message is the sentence to show."""


@dataclass(frozen=True, kw_only=True)
class Vitals:
    """One measured set in canonical units; None means not measured, never normal."""

    respiratory_rate_per_min: int | None = None
    spo2_percent: int | None = None
    on_oxygen: bool | None = None
    oxygen_l_per_min: Decimal | None = None
    systolic_mmhg: int | None = None
    diastolic_mmhg: int | None = None
    pulse_per_min: int | None = None
    temperature_c: Decimal | None = None
    consciousness: str | None = None


@dataclass(frozen=True, kw_only=True)
class Range:
    """A closed range in the canonical unit."""

    low: Decimal
    high: Decimal

    def __contains__(self, value: int | Decimal) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A value as a person wrote it, in the unit that they chose."""

    text: str
    unit: str


# Beyond this no unit makes sense of a number; it also keeps exact arithmetic small.
ABSURD = Range(low=Decimal(-(10**6)), high=Decimal(10**6))


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """canonical = (value + add) * multiply, exactly."""

    add: Fraction
    multiply: Fraction


@dataclass(frozen=True, kw_only=True)
class VitalKind:
    """What one vital sign is: a number with a unit and limits, or one of named choices."""

    field: str
    label: str
    unit: str
    ucum: str
    decimals: int
    possible: Range | None
    plausible: Range | None
    units: Mapping[str, Conversion]
    choices: Mapping[str, str]
    loinc: str
    loinc_mark: str
    source: Source

    @property
    def is_number(self) -> bool:
        return self.possible is not None

    @property
    def step(self) -> Decimal:
        """The smallest difference that is recorded: 1 or 0.1."""
        return Decimal(1).scaleb(-self.decimals)

    def rounded(self, value: Decimal | Fraction) -> Decimal:
        """To the recorded precision, halves away from zero, as people round."""
        if isinstance(value, Fraction):
            value = Decimal(value.numerator) / Decimal(value.denominator)
        return value.quantize(self.step, ROUND_HALF_UP)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with a value: `refuse` it, or else ask the person to confirm it."""

    kind: str
    field: str
    sentence: str
    refuse: bool


def _range(table: Table, key: str) -> Range | None:
    inner = table.maybe_table(key)
    if inner is None:
        return None
    low, high = inner.decimal("low"), inner.decimal("high")
    inner.finish()
    if low is None or high is None or low >= high:
        inner.refuse("`low` must be below `high`")
        return None
    return Range(low=low, high=high)


def _kind(field: str, table: Table) -> VitalKind:
    units = table.maybe_table("units")
    conversions = {}
    for unit in units.names() if units else ():
        entry = units.table(unit) if units else table
        conversions[unit] = Conversion(
            add=Fraction(entry.text("add", optional=True) or 0),
            multiply=Fraction(entry.text("multiply", optional=True) or 1),
        )
        entry.finish()
    choices = table.maybe_table("choices")
    kind = VitalKind(
        field=field,
        label=table.text("label"),
        unit=table.text("unit", optional=True),
        ucum=table.text("ucum", optional=True),
        decimals=table.maybe_whole("decimals", low=0) or 0,
        possible=_range(table, "possible"),
        plausible=_range(table, "plausible"),
        units=MappingProxyType(conversions),
        choices=MappingProxyType({key: choices.text(key) for key in choices.names()})
        if choices
        else MappingProxyType({}),
        loinc=table.text("loinc", optional=True),
        loinc_mark=table.text("loinc_mark", optional=True),
        source=table.source(),
    )
    table.finish()
    return kind


def load(text: str) -> Mapping[str, VitalKind]:
    """Read the kinds; every number needs limits that nest and every kind a source."""
    reasons: list[str] = []
    document = Table(tomllib.loads(text), "vitals", reasons)
    kinds = {field: _kind(field, document.table(field)) for field in document.names()}
    for kind in kinds.values():
        if kind.possible is None and not kind.choices:
            reasons.append(f"{kind.field}: needs a possible range or choices.")
        if kind.possible and (
            kind.plausible is None
            or kind.plausible.low not in kind.possible
            or kind.plausible.high not in kind.possible
        ):
            reasons.append(f"{kind.field}: plausible must lie within possible.")
    unknown = {field.name for field in fields(Vitals)} ^ set(kinds)
    reasons += [f"{name}: is not described, or not a vital sign." for name in sorted(unknown)]
    if reasons:
        raise VitalError(" ".join(reasons))
    return MappingProxyType(kinds)


KINDS = load((resources.files("backend.clinical") / "vitals.toml").read_text("utf-8"))


def number(value: int | str | Decimal) -> Decimal:
    """The exact number that was typed; raises VitalError for anything that is not one."""
    try:
        if isinstance(value, bool) or len(str(value)) > LONGEST_NUMBER:
            raise VitalError("That is not a number we can store.")
        found = Decimal(value.strip() if isinstance(value, str) else value)
    except (InvalidOperation, ValueError, TypeError) as error:
        raise VitalError("That is not a number.") from error
    if not found.is_finite():
        raise VitalError("That is not a number.")
    return found


def convert(kind: VitalKind, value: int | str | Decimal, unit: str) -> int | Decimal:
    """The value in the canonical unit, rounded to what is recorded.

    A value that already is in the canonical unit keeps its meaning: 72.5 beats are refused, not
    rounded. Temperatures are rounded to 0.1 °C whatever they came in.
    """
    if not kind.is_number or unit not in kind.units:
        raise VitalError(f"{kind.label} cannot be given in {unit[:20]!r}.")
    conversion = kind.units[unit]
    found = number(value)
    if found not in ABSURD or (found and found.adjusted() < -LONGEST_NUMBER):
        raise VitalError(f"{kind.label} {found:.3g} {unit} is not possible.")
    exact = (Fraction(found) + conversion.add) * conversion.multiply
    unchanged = conversion == Conversion(add=Fraction(0), multiply=Fraction(1))
    if unchanged and not kind.decimals and exact.denominator != 1:
        raise VitalError(f"{kind.label} is counted in whole {kind.unit}, not {found}.")
    canonical = kind.rounded(exact)
    return canonical if kind.decimals else int(canonical)


def in_unit(kind: VitalKind, value: int | Decimal, unit: str) -> Decimal:
    """A canonical value as it is read in another of its units, to one decimal place."""
    conversion = kind.units[unit]
    exact = Fraction(value) / conversion.multiply - conversion.add
    found = Decimal(exact.numerator) / Decimal(exact.denominator)
    return found.quantize(Decimal("0.1"), ROUND_HALF_UP)


def limits_in(kind: VitalKind, unit: str) -> tuple[Decimal, Decimal]:
    """What is possible, in this unit. Raises VitalError for what is no number."""
    if kind.possible is None:
        raise VitalError(f"{kind.label} is not a number.")
    if unit == kind.unit:
        return kind.possible.low, kind.possible.high
    return in_unit(kind, kind.possible.low, unit), in_unit(kind, kind.possible.high, unit)


def problem(kind: VitalKind, value: object, typed: Typed | None = None) -> Problem | None:
    """What is wrong with one canonical value, if anything; said as it was typed."""
    if value is None:
        return None
    if not kind.is_number:
        key = str(value).lower() if isinstance(value, bool) else value
        if isinstance(key, str) and key in kind.choices:
            return None
        words = ", ".join(kind.choices)
        return _refused(kind, "unknown", f"{kind.label} must be one of {words}.")
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        return _refused(kind, "not_a_number", f"{kind.label} must be a number.")
    return _number_problem(kind, value, typed or Typed(text=str(value), unit=kind.unit))


def _number_problem(kind: VitalKind, value: int | Decimal, typed: Typed) -> Problem | None:
    if isinstance(value, int) and not kind.decimals and kind.plausible and value in kind.plausible:
        return None  # as most are
    if not Decimal(value).is_finite():
        return _refused(kind, "not_a_number", f"{kind.label} must be a number.")
    if kind.possible and Decimal(value) not in kind.possible:
        low, high = limits_in(kind, typed.unit)
        shown = f"{typed.text} {typed.unit}" if Decimal(value) in ABSURD else "That"
        sentence = (
            f"{kind.label} {shown} is not possible: it must be {low} to {high} {typed.unit}."
            " Check the value."
        )
        return _refused(kind, "impossible", sentence)
    if value != kind.rounded(Decimal(value)):
        return _refused(kind, "too_fine", f"{kind.label} is recorded in steps of {kind.step}.")
    if kind.plausible and Decimal(value) not in kind.plausible:
        sentence = f"{kind.label} {typed.text} {typed.unit} is unusual. Is it right?"
        return Problem(kind="implausible", field=kind.field, sentence=sentence, refuse=False)
    return None


def _refused(kind: VitalKind, why: str, sentence: str) -> Problem:
    return Problem(kind=why, field=kind.field, sentence=sentence, refuse=True)


def problems(vitals: Vitals, typed: Mapping[str, Typed] | None = None) -> list[Problem]:
    """Everything to refuse or to ask about in a set, in the order of the form.

    `typed` is how a value stood on the form, where that was not the canonical unit.
    """
    said = typed or {}
    found = [problem(kind, getattr(vitals, name), said.get(name)) for name, kind in KINDS.items()]
    refused = {p.field for p in found if p and p.refuse}
    return [p for p in found if p] + _contradictions(vitals, refused)


def _contradictions(vitals: Vitals, refused: set[str]) -> list[Problem]:
    found = []
    low, high, flow = (
        vitals.diastolic_mmhg,
        vitals.systolic_mmhg,
        vitals.oxygen_l_per_min,
    )
    pressures_stand = not refused & {"diastolic_mmhg", "systolic_mmhg"}
    if pressures_stand and low is not None and high is not None and high <= low:
        sentence = f"Systolic pressure {high} must be above diastolic {low} mmHg. Are they swapped?"
        found.append(_refused(KINDS["diastolic_mmhg"], "contradiction", sentence))
    if flow is None or "oxygen_l_per_min" in refused:
        return found
    if flow > 0 and vitals.on_oxygen is False:
        sentence = f"Room air and {flow} L/min of oxygen cannot both be right."
        found.append(_refused(KINDS["oxygen_l_per_min"], "contradiction", sentence))
    if flow == 0 and vitals.on_oxygen is True:
        sentence = "On oxygen, but a flow of 0 L/min. Is it room air?"
        found.append(_refused(KINDS["oxygen_l_per_min"], "contradiction", sentence))
    return found
