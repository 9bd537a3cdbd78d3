"""What the template of the chart shows."""

from dataclasses import dataclass

from backend.observations.chart.plot import Drawing
from backend.observations.words import Moved, Part


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One of the large figures at the top: the newest of its kind, and when it was."""

    name: str
    value: str
    word: str
    arrow: str
    change: str
    moved: tuple[Moved, ...]
    at: str
    known: bool


@dataclass(frozen=True, kw_only=True)
class Fluids:
    """The running balance: each side with its figure, and whether it is known."""

    sides: tuple[tuple[str, str, bool], ...]
    note: str


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One event, in words."""

    label: str
    when: str
    who: str


@dataclass(frozen=True, kw_only=True)
class Due:
    """What is due, and when."""

    name: str
    words: str
    at: str
    due: str
    overdue: bool


@dataclass(frozen=True, kw_only=True)
class ChartAlert:
    """An alert of this stay."""

    title: str
    level: str
    standing: str
    at: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Range:
    """One stretch of time that the chart can show."""

    key: str
    label: str
    here: bool


@dataclass(frozen=True, kw_only=True)
class Total:
    """One score in a row of the table."""

    name: str
    total: str
    band: str
    arrow: str
    change: str
    complete: bool
    told: str
    moved: tuple[Moved, ...]
    parts: tuple[Part, ...]
    missing: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One set. `struck` sets were corrected or taken back, and why is in the remarks."""

    id: int
    day: str
    observed: str
    machine_time: str
    entered: str
    scales: tuple[Total | None, ...]
    outcome: str
    vitals: tuple[str, ...]
    news2: Total | None
    who: str
    remarks: tuple[str, ...]
    struck: bool
    can_correct: bool


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One set as the cursor reads it: where it lies, when it was, and what was found."""

    set_id: int
    x: float
    when: str
    found: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class HeatTime:
    """The head of one column of items; the day stands over the first of each day."""

    set_id: int
    day: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Heat:
    """The items of one scale, set by set; darker is worse."""

    name: str
    key: str
    times: tuple[HeatTime, ...]
    rows: tuple[tuple[str, tuple[Part, ...]], ...]
    totals: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The whole body of the chart."""

    stay_id: int
    path: str
    range_words: str
    ranges: tuple[Range, ...]
    figures: tuple[Figure, ...]
    away: str | None
    fluids: Fluids | None
    due: tuple[Due, ...]
    happened: tuple[Happening, ...]
    alerts: tuple[ChartAlert, ...]
    closed_alerts: tuple[ChartAlert, ...]
    drawings: tuple[Drawing, ...]
    moments: tuple[Moment, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    more_path: str | None
    heats: tuple[Heat, ...]
    notice: str | None
    may_record: bool
    sees_alerts: bool
    may_manage: bool
    may_counsel: bool
    may_consent: bool
