"""What the template of the sheet shows: every question with its legal answers, as typed."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One button of a row, of which one can be pressed."""

    value: str
    label: str
    checked: bool
    anchor: str = ""
    glyph: str | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """One line: what to ask or look at, and the answers that exist. `name` is the input's."""

    name: str
    number: int
    label: str
    prompt: str
    choices: tuple[Choice, ...]
    all_anchored: bool
    carried: str | None
    error: str | None
    # May stay open in a complete set.
    optional: bool
    # The input of the vital sign that this is read off, and its name: then nothing is asked here.
    asked_at: str = ""
    asked_as: str = ""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number to type. `ask` is a value that only has to be confirmed."""

    name: str
    label: str
    unit: str
    value: str
    decimals: int
    most: str
    was: str | None
    error: str | None
    # As JSON, where another unit can be chosen: unit -> lowest, highest, decimals.
    units: str = ""
    ask: str | None = None
    ask_words: str = ""
    confirmed: bool = False


@dataclass(frozen=True, kw_only=True)
class Scale:
    """One instrument of the sheet, opened where it is due."""

    key: str
    name: str
    measures: str
    open: bool
    last: str | None
    due: str | None
    groups: tuple[tuple[str, str, tuple[Question, ...]], ...]
    extras: tuple[Measure, ...]
    extras_words: str
    length: int
    citation: str


@dataclass(frozen=True, kw_only=True)
class Offer:
    """An instrument that is not on the sheet, one tap away."""

    key: str
    name: str
    measures: str
    path: str
    fragment: str


@dataclass(frozen=True, kw_only=True)
class SleepCheck:
    """What is seen of somebody asleep, without waking them."""

    breaths: str
    breaths_error: str | None
    ask: str | None
    confirmed: bool
    seconds: tuple[Choice, ...]
    positions: tuple[Choice, ...]
    colours: tuple[Choice, ...]
    responses: tuple[Choice, ...]
    response_error: str | None
    # Why it would not stand for the set that is due, however calm the sleeper.
    blocked: str | None
    # What a prescriber has ordered for sleepers.
    ordered: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Correcting:
    """The set that is being put right."""

    path: str
    was: str
    reason: str
    reason_error: str | None


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The whole form."""

    path: str
    preview_path: str
    stay_id: int
    key: str
    opened_by: int
    opened_in: int | None
    draft: str
    title: str
    overdue: str | None
    reserved: str | None
    now_words: str
    now_local: str
    now: str
    outcomes: tuple[Choice, ...]
    observed_local: str
    time_error: str | None
    repeated: tuple[Choice, ...]
    scales: tuple[Scale, ...]
    offers: tuple[Offer, ...]
    vitals: tuple[Measure, ...]
    shows_previous: bool
    temperature_units: tuple[Choice, ...]
    pressure_units: tuple[Choice, ...]
    oxygen: tuple[Choice, ...]
    oxygen_error: str | None
    oxygen_flow: Measure
    consciousness: tuple[Choice, ...]
    consciousness_error: str | None
    sleep: SleepCheck
    note: str
    note_error: str | None
    problems: tuple[str, ...]
    correcting: Correcting | None
