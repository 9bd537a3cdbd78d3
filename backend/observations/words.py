"""Stored sets in the words of the ward: parts, changes, outcomes, vital signs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from backend.clinical import scale
from backend.clinical.definition import Item
from backend.core import local_time
from backend.observations.models import Observation, Outcome, Score, ScoreStatus

# What was not measured or not answered. Never a zero.
NOTHING = "\N{EN DASH}"
NOT_ASSESSED = "not assessed"
# What is written down without a figure that stands for the whole.
DONE = "done"
# In place of a note, for whoever may not read notes.
NOT_YOURS = "has a note that nurses and physicians read"
OUTCOMES = {
    Outcome.ASSESSED: "assessed",
    Outcome.ASLEEP: "asleep",
    Outcome.REFUSED: "refused",
    Outcome.OFF_UNIT: "off unit",
    Outcome.UNABLE: "unable to assess",
    Outcome.STAFF_UNAVAILABLE: "staff unavailable",
    Outcome.ENTERED_IN_ERROR: "taken back",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """One item of a score. `level` is 0 to 4 for shading, or "-" where nothing was answered.

    `figure` is its points, or its answer where it gives none.
    """

    id: str
    label: str
    answer: str
    points: str
    figure: str
    level: str
    red: bool


def name_of(instrument_key: str) -> str:
    """`CIWA-B` for `ciwa-b`."""
    known = scale.latest().get(instrument_key)
    return known.name if known else instrument_key


def total_of(score: Score) -> str:
    """`26`, `-2`, `S`; while something is missing `at least 6`, because missing is not zero."""
    if is_known(score):
        return figure(score.definition, score.total, score.value)
    return f"at least {score.lowest}" if score.lowest is not None else "no total"


def shown(score: Score) -> str:
    """The same for a figure: `26`, `≥6`, and `?` where nothing at all is known."""
    if is_known(score):
        return figure(score.definition, score.total, score.value)
    return f"≥{score.lowest}" if score.lowest else "?"


def is_known(score: Score) -> bool:
    """Whether it is complete. Not every complete score has a total: a letter has none."""
    return score.status is ScoreStatus.OK


def figure(definition: str, total: int | None, value: str | None) -> str:
    """What stands for a complete score: its total, with its sign where it has one, or its value."""
    instrument = scale.instruments()[definition]
    if total is not None:
        return f"{total:+d}" if instrument.is_signed and total else str(total)
    if value is not None:
        return value
    return DONE if instrument.scoring == "none" else "no total"


def told(score: Score) -> str:
    """A complete score without a total in words: `5.2 mmol/L`, `day room; awake, resting`."""
    if score.total is not None or not is_known(score):
        return ""
    found = [part for part in parts(score) if part.answer != NOT_ASSESSED]
    return "; ".join(f"{part.label.lower()} {_without_letter(part)}" for part in found)


def _without_letter(part: Part) -> str:
    """`own room` for `R, own room`: the letter is for the keyboard."""
    _, _, words = part.answer.partition(", ")
    return words if words and part.figure.isalpha() else part.answer


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One part that rose or fell since the complete set before; `arrow` for the eye."""

    label: str
    arrow: str
    change: str


def moved(score: Score, before: Score | None) -> tuple[Moved, ...]:
    """The parts that moved, the most first. Only the same definition can be compared part by part.

    A part that either set did not answer has not moved: it is not known.
    """
    if before is None or before.definition != score.definition:
        return ()
    return moved_points(score.definition, score.points, before.points)


def moved_points(
    definition: str, points: Mapping[str, int], before: Mapping[str, int]
) -> tuple[Moved, ...]:
    """The same, of the points alone."""
    items = scale.instruments()[definition].by_id
    if len(items) == 1:
        return ()  # it is the whole, and its change is told already
    changes = {
        name: now - before[name]
        for name, now in points.items()
        if name in before and now != before[name]
    }
    ranked = sorted(changes.items(), key=lambda one: -abs(one[1]))
    return tuple(
        Moved(
            label=items[name].in_a_sentence,
            arrow=f"{'▲' if by > 0 else '▼'} {abs(by)}",
            change=f"{'up' if by > 0 else 'down'} {abs(by)}",
        )
        for name, by in ranked
    )


def moved_lately(parts: Sequence[tuple[str, Mapping[str, int]]]) -> tuple[Moved, ...]:
    """The same of the last two scores, newest first, each as its definition and its points."""
    if len(parts) < 2 or parts[0][0] != parts[1][0]:
        return ()
    return moved_points(parts[0][0], parts[0][1], parts[1][1])


def change(total: int | None, previous: int | None) -> tuple[str, str]:
    """An arrow for the eye and a word for the ear; empty where there is nothing to compare."""
    if total is None or previous is None:
        return "", ""
    difference = total - previous
    if difference == 0:
        return "=", "no change"
    up = difference > 0
    return f"{'▲' if up else '▼'} {abs(difference)}", f"{'up' if up else 'down'} {abs(difference)}"


def due(due_at: datetime, now: datetime) -> str:
    """`12 min overdue`, `due in 6 min`."""
    if due_at <= now:
        return f"{local_time.span(now - due_at)} overdue"
    return f"due in {local_time.span(due_at - now)}"


def parts(score: Score) -> Iterator[Part]:
    """Every item of the definition that made this score, answered or not."""
    instrument = scale.instruments()[score.definition]
    for item in instrument.scored:
        answer, points = score.answers.get(item.id), score.points.get(item.id)
        yield Part(
            id=item.id,
            label=item.label,
            answer=_answer(item, answer),
            points=NOTHING if points is None else str(points),
            figure=_figure(answer) if points is None else str(points),
            level=_level(item, points, better_high=instrument.higher_is_better),
            red=points is not None and points == instrument.red_points,
        )
    if instrument.scoring == "none":
        yield from _numbers(score)


def _numbers(score: Score) -> Iterator[Part]:
    """Where nothing is scored, the numbers are the parts."""
    for entry in scale.instruments()[score.definition].unscored:
        if not entry.same_as:
            value = score.unscored.get(entry.id)
            yield Part(
                id=entry.id,
                label=entry.label,
                answer=NOT_ASSESSED if value is None else f"{value:g} {entry.unit}",
                points=NOTHING,
                figure=NOTHING if value is None else f"{value:g}",
                level="-",
                red=False,
            )


def _figure(answer: Any) -> str:
    return NOTHING if answer is None else str(answer)


def _answer(item: Item, answer: Any) -> str:
    if answer is None:
        return NOT_ASSESSED
    if item.vital:
        return f"{answer} {item.vital.unit}"
    words = item.anchors.get(answer, "")
    if isinstance(answer, bool):
        return words
    return f"{answer}, {words}" if words else str(answer)


def _level(item: Item, points: int | None, *, better_high: bool) -> str:
    """A fifth of what the item can give, upwards: any point at all is more than none."""
    if points is None:
        return "-"
    numbers = [row.points for row in item.rows] or list(item.points.values())
    numbers = numbers or [value for value in item.legal if isinstance(value, int)]
    most = max((abs(number) for number in numbers), default=4)
    away = most - points if better_high else abs(points)
    return str(-(-away * 4 // most)) if most else "0"


def vital(name: str, value: Any) -> str:
    """A vital sign as it is written on a chart."""
    if value is None:
        return NOTHING
    if name == "on_oxygen":
        return "oxygen" if value else "room air"
    if isinstance(value, Decimal):
        return f"{value:.1f}"
    return str(value)


def pressure(row: Observation) -> str:
    """`152/96`; a half that was not measured stays open."""
    if row.systolic_mmhg is None and row.diastolic_mmhg is None:
        return NOTHING
    return f"{vital('', row.systolic_mmhg)}/{vital('', row.diastolic_mmhg)}"
