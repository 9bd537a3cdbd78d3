"""Fill the sheet: with what was typed or stored, what is wrong with it, and what was before."""

import json
from decimal import Decimal

from backend.clinical.vitals import KINDS, VitalKind, limits_in
from backend.core import local_time
from backend.observations import words
from backend.observations.models import Outcome
from backend.observations.sheet import scales
from backend.observations.sheet.filled import CHOOSERS, Filling
from backend.observations.sheet.page import (
    Choice,
    Correcting,
    Measure,
    Sheet,
    SleepCheck,
)
from backend.observations.sheet.reading import NOT_MEASURED, local_input

OUTCOMES = {
    Outcome.ASSESSED: ("Assessed", None),
    Outcome.ASLEEP: ("Asleep", "asleep"),
    Outcome.REFUSED: ("Refused", "refused"),
    Outcome.OFF_UNIT: ("Off unit", None),
    Outcome.UNABLE: ("Unable to assess", None),
    Outcome.STAFF_UNAVAILABLE: ("Staff unavailable", None),
}
SLEEP_POSITIONS = ("on the right side", "on the left side", "on the back", "face down")
SLEEP_COLOURS = ("colour normal", "pale", "flushed", "bluish")
SLEEP_RESPONSES = ("stirs to voice", "wakes to voice", "stirs to touch", "does not respond")
SLEEP_SECONDS = ("15", "30", "60")
NUMBERS = (
    "pulse_per_min",
    "respiratory_rate_per_min",
    "systolic_mmhg",
    "diastolic_mmhg",
    "spo2_percent",
    "temperature_c",
)
SHORT = {"respiratory_rate_per_min": "Breathing", "systolic_mmhg": "Systolic"}
SHORT |= {"diastolic_mmhg": "Diastolic", "spo2_percent": "SpO₂", "temperature_c": "Temp"}
OTHER_UNITS = {"temperature_unit": ("°C", "°F"), "pressure_unit": ("mmHg", "kPa")}


def measures(filling: Filling) -> tuple[Measure, ...]:
    """The vital signs that are numbers, in the order in which they are taken."""
    return tuple(measure(name, filling) for name in NUMBERS)


def measure(name: str, filling: Filling) -> Measure:
    """One vital sign in the unit that was chosen for it."""
    kind = KINDS[name]
    unit = filling.unit_of(kind)
    ask = filling.asks.get(name)
    return Measure(
        name=name,
        label=SHORT.get(name, kind.label),
        unit=unit,
        value=filling.typed.get(name, ""),
        decimals=kind.decimals if unit == kind.unit else 1,
        most=_plain(limits_in(kind, unit)[1]),
        units=_units(kind),
        was=filling.was(kind),
        error=filling.errors.get(name),
        ask=ask,
        ask_words="Yes, without it" if ask == NOT_MEASURED else f"Yes, {ask} is right",
        confirmed=ask is not None and filling.typed.get(f"confirm.{name}") == ask,
    )


def _units(kind: VitalKind) -> str:
    """For the script: each unit that can be chosen, with what is possible in it."""
    chooser = CHOOSERS.get(kind.field)
    if chooser is None:
        return ""
    found = {}
    for unit in OTHER_UNITS[chooser]:
        low, high = limits_in(kind, unit)
        decimals = kind.decimals if unit == kind.unit else 1
        found[unit] = [_plain(low), _plain(high), decimals]
    return json.dumps(found, ensure_ascii=False)


def _plain(value: Decimal) -> str:
    return f"{value:g}"


def _unit_choices(filling: Filling, chooser: str, usual: str) -> tuple[Choice, ...]:
    options = {unit: unit for unit in OTHER_UNITS[chooser]}
    return filling.choices(chooser, options, default=usual)


def outcomes(filling: Filling) -> tuple[Choice, ...]:
    """What can come of a round; nothing but "assessed" carries answers."""
    chosen = filling.typed.get("outcome", Outcome.ASSESSED.value)
    return tuple(
        Choice(value=outcome.value, label=label, glyph=glyph, checked=outcome.value == chosen)
        for outcome, (label, glyph) in OUTCOMES.items()
    )


def sleep_check(filling: Filling) -> SleepCheck:
    """Breaths, position, colour, response: what can be had without waking anybody."""

    def same(options: tuple[str, ...]) -> dict[str, str]:
        return {option: option for option in options}

    ask = filling.asks.get("respiratory_rate_per_min")
    asleep = filling.typed.get("outcome") == Outcome.ASLEEP.value
    return SleepCheck(
        breaths=filling.typed.get("sleep_breaths", ""),
        breaths_error=filling.errors.get("sleep_breaths"),
        ask=ask if asleep else None,
        confirmed=filling.typed.get("confirm.respiratory_rate_per_min") == ask,
        seconds=filling.choices(
            "sleep_seconds", {s: f"{s} s" for s in SLEEP_SECONDS}, default="60"
        ),
        positions=filling.choices("sleep_position", same(SLEEP_POSITIONS)),
        colours=filling.choices("sleep_colour", same(SLEEP_COLOURS)),
        responses=filling.choices("sleep_response", same(SLEEP_RESPONSES)),
        response_error=filling.errors.get("sleep_response"),
        blocked=filling.not_asleep,
        ordered=filling.nights,
    )


def repeated(filling: Filling) -> tuple[Choice, ...]:
    """Which of the two, where a local time was twice."""
    if "repeated" not in filling.errors and "repeated" not in filling.typed:
        return ()
    return filling.choices(
        "repeated", {"first": "the first time, before the change", "second": "the second time"}
    )


def sheet(
    filling: Filling,
    *,
    stay_id: int,
    opened_by: int,
    opened_in: int | None,
    key: str,
    path: str,
    reserved: str | None = None,
    correcting: Correcting | None = None,
) -> Sheet:
    """Everything that the template shows."""
    typed, errors, zone, now = filling.typed, filling.errors, filling.zone, filling.now
    all_scales = scales.scales(filling)
    overdue = [row for row in filling.before.rounds if row.due_at <= now]
    names = [one.name for one in all_scales if one.open]
    return Sheet(
        path=path,
        preview_path=f"/stays/{stay_id}/score-preview",
        stay_id=stay_id,
        key=key,
        opened_by=opened_by,
        opened_in=opened_in,
        draft=f"{opened_by}-{stay_id}-{path}" if correcting else f"{opened_by}-{stay_id}",
        title="Correct this set" if correcting else " · ".join([*names, "vital signs"]),
        overdue=words.due(overdue[0].due_at, now) if overdue and not correcting else None,
        reserved=reserved,
        now_words=local_time.clock_time(now, zone),
        now_local=local_input(now, zone),
        now=local_time.machine(now),
        outcomes=outcomes(filling),
        observed_local=typed.get("observed_local", ""),
        time_error=errors.get("observed_at") or errors.get("observed_local"),
        repeated=repeated(filling),
        scales=all_scales,
        offers=() if correcting else scales.offers(filling, stay_id),
        vitals=measures(filling),
        shows_previous=filling.shows_previous,
        temperature_units=_unit_choices(filling, "temperature_unit", filling.temperature_unit),
        pressure_units=_unit_choices(filling, "pressure_unit", filling.pressure_unit),
        oxygen=filling.choices("on_oxygen", {"false": "room air", "true": "oxygen"}),
        oxygen_error=errors.get("on_oxygen"),
        oxygen_flow=measure("oxygen_l_per_min", filling),
        consciousness=filling.choices("consciousness", KINDS["consciousness"].choices),
        consciousness_error=errors.get("consciousness"),
        sleep=sleep_check(filling),
        note=typed.get("note", ""),
        note_error=errors.get("note"),
        problems=tuple(dict.fromkeys(errors.values())),
        correcting=correcting,
    )
