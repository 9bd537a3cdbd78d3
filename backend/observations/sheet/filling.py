"""Fill the sheet: with what was typed or stored, what is wrong with it, and what was before."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from backend.clinical import scale
from backend.clinical.definition import Instrument, Item, as_text
from backend.clinical.vitals import KINDS, VitalKind
from backend.core import local_time
from backend.observations import words
from backend.observations.models import Outcome
from backend.observations.sheet.page import (
    Choice,
    Correcting,
    Measure,
    Question,
    Scale,
    Sheet,
    SleepCheck,
)
from backend.observations.sheet.queries import Before, Found
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
OTHER_UNITS = {"temperature_c": ("°C", "°F"), "pressure": ("mmHg", "kPa")}


@dataclass(frozen=True, kw_only=True)
class Filling:
    """What the sheet is filled with: what was typed, what is wrong with it, what was before."""

    typed: Mapping[str, str]
    errors: Mapping[str, str]
    asks: Mapping[str, str]
    before: Before
    opened: Collection[str]
    zone: ZoneInfo
    now: datetime

    def choices(
        self, name: str, options: Mapping[str, str], *, default: str = ""
    ) -> tuple[Choice, ...]:
        """The options of one input, value to label, with the one that was chosen."""
        chosen = self.typed.get(name) or default
        return tuple(
            Choice(value=value, label=label, checked=value == chosen)
            for value, label in options.items()
        )

    def when(self, moment: datetime) -> str:
        return local_time.day_and_time(moment, self.zone, self.now)

    def was(self, found: Found | None) -> str | None:
        """`was 108, 21:40`."""
        if found is None:
            return None
        return f"was {found.value}, {self.when(found.observed_at)}"


def with_asked_today(filling: Filling) -> Filling:
    """What is asked once a day stands as it was answered today, and can be changed."""
    carried = {name: as_text(found.value) for name, found in filling.before.asked_today.items()}
    return replace(filling, typed=carried | dict(filling.typed))


def scales(filling: Filling) -> tuple[Scale, ...]:
    """Every summed instrument: those that are due open and first, the others one tap away."""
    found = [_scale(one, filling) for one in scale.latest().values() if one.scoring == "sum"]
    return tuple(sorted(found, key=lambda one: not one.open))


def _scale(instrument: Instrument, filling: Filling) -> Scale:
    questions = [_question(instrument, n, item, filling) for n, item in _numbered(instrument)]
    asked = tuple(q for q, item in questions if item.rater == "patient")
    looked = tuple(q for q, item in questions if item.rater != "patient")
    groups = (
        ("Ask", "rated by the patient", asked),
        ("Look and ask" if not asked else "Look", "rated by you", looked),
    )
    touched = any(name.startswith(f"{instrument.key}.") for name in filling.typed)
    due = next((r for r in filling.before.rounds if r.instrument == instrument.key), None)
    last = filling.before.totals.get(instrument.key)
    return Scale(
        key=instrument.key,
        name=instrument.name,
        measures=instrument.measures,
        open=instrument.key in filling.opened or (touched and bool(filling.errors)),
        last=f"last {last.value}, {filling.when(last.observed_at)}" if last else None,
        due=words.due(due.due_at, filling.now) if due else None,
        groups=tuple(group for group in groups if group[2]),
        extras=tuple(
            Measure(
                name=f"{instrument.key}.{extra.id}",
                label=extra.label,
                unit=extra.unit,
                value=filling.typed.get(f"{instrument.key}.{extra.id}", ""),
                decimals=0,
                most=str(extra.high),
                was=None,
                error=filling.errors.get(f"{instrument.key}.{extra.id}"),
            )
            for extra in instrument.unscored
        ),
        length=len(questions),
        citation=instrument.citation,
    )


def _numbered(instrument: Instrument) -> list[tuple[int, Item]]:
    return list(enumerate(instrument.items, 1))


def _question(
    instrument: Instrument, number: int, item: Item, filling: Filling
) -> tuple[Question, Item]:
    name = f"{instrument.key}.{item.id}"
    chosen = filling.typed.get(name)
    carried = filling.before.asked_today.get(name)
    asked = item.prompt.lower()
    hint = [
        text for text in (item.condition, item.time_frame) if text and text.lower() not in asked
    ]
    if carried is not None and as_text(carried.value) == chosen:
        hint.append(f"from {filling.when(carried.observed_at)}, asked once a day")
    question = Question(
        name=name,
        number=number,
        label=item.label,
        prompt=item.prompt,
        choices=tuple(
            Choice(
                value=as_text(value),
                label=as_text(value),
                anchor=item.anchors.get(value, ""),
                checked=as_text(value) == chosen,
            )
            for value in item.legal
        ),
        all_anchored=all(value in item.anchors for value in item.legal),
        carried=" · ".join(hint) or None,
        error=filling.errors.get(name),
    )
    return question, item


def measures(filling: Filling) -> tuple[Measure, ...]:
    """The vital signs that are numbers, in the order in which they are taken."""
    return tuple(measure(name, filling) for name in NUMBERS)


def measure(name: str, filling: Filling) -> Measure:
    """One vital sign in the unit that was chosen for it."""
    kind = KINDS[name]
    pressure = name in ("systolic_mmhg", "diastolic_mmhg")
    chooser = "pressure_unit" if pressure else f"{name.removesuffix('_c')}_unit"
    unit = filling.typed.get(chooser, kind.unit)
    foreign = unit != kind.unit
    ask = filling.asks.get(name)
    return Measure(
        name=name,
        label=SHORT.get(name, kind.label),
        unit=unit,
        value=filling.typed.get(name, ""),
        decimals=1 if foreign else kind.decimals,
        most="" if foreign else _most(kind),
        was=filling.was(filling.before.vitals.get(name)),
        error=filling.errors.get(name),
        ask=ask,
        ask_words="Yes, without it" if ask == NOT_MEASURED else f"Yes, {ask} is right",
        confirmed=ask is not None and filling.typed.get(f"confirm.{name}") == ask,
    )


def _most(kind: VitalKind) -> str:
    return str(kind.possible.high) if kind.possible else ""


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
    all_scales = scales(filling)
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
        vitals=measures(filling),
        temperature_units=filling.choices(
            "temperature_unit", {u: u for u in OTHER_UNITS["temperature_c"]}, default="°C"
        ),
        pressure_units=filling.choices(
            "pressure_unit", {u: u for u in OTHER_UNITS["pressure"]}, default="mmHg"
        ),
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
