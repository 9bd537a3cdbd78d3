"""The safety rounds of a stay, as one strip: each look, what it found, and what was missed."""

from collections.abc import Sequence

from backend.observations.chart.drawings import Sight
from backend.observations.chart.plot import LEFT, RIGHT, Drawing, Glyph, Label, Path, grid
from backend.rounds.safety import words
from backend.rounds.safety.models import SafetyCheck

HEIGHT, TOP, BOTTOM, MARKS = 52, 22, 40, 12
# The description reads out so many of the newest.
TOLD = 20


def safety_rounds(sight: Sight) -> Drawing | None:
    """A stroke for each look; above it what called, nobody seen, and what was missed."""
    checks, missed = sight.course.checks, sight.course.safety_missed
    if not checks and not missed:
        return None
    told = [f"{sight.when(row.observed_at)} {words.told(row)}" for row in checks]
    about = "; ".join(told[-TOLD:]) or "No look."
    drawing = Drawing(
        id="safety-rounds",
        title="Safety rounds",
        about=f"{len(missed)} missed. Newest: {about}",
        height=HEIGHT,
    )
    grid(drawing, sight.axis, sight.shift_starts, top=0, bottom=HEIGHT)
    seen = [row for row in checks if row.not_seen is None]
    strokes = "".join(f"M{sight.axis.x(row.observed_at)} {TOP}V{BOTTOM}" for row in seen)
    if strokes:
        drawing.paths.append(Path(d=strokes, kind="ln2"))
    marks = [
        (row.observed_at, "urgent" if words.is_grave(row) else "unknown", words.told(row))
        for row in checks
        if row.not_seen is not None or words.is_grave(row)
    ]
    marks += [(row.due_at, "overdue", "missed") for row in missed]
    drawing.glyphs += [
        Glyph(
            x=sight.axis.x(at),
            y=MARKS,
            name=name,
            kind="mk-plain",
            title=f"{sight.when(at)} {text}",
        )
        for at, name, text in sorted(marks)
    ]
    drawing.labels += [
        Label(x=0, y=36, words="Safety rounds", kind="t-strong"),
        Label(x=RIGHT + 12, y=18, words="Safety rounds", kind="nm"),
        *_last(sight, checks[-1:]),
    ]
    drawing.paths.append(Path(d=f"M{LEFT} {BOTTOM}H{RIGHT}", kind="axis"))
    return drawing


def _last(sight: Sight, newest: Sequence[SafetyCheck]) -> list[Label]:
    return [Label(x=RIGHT + 12, y=36, words=sight.when(row.observed_at)) for row in newest]
