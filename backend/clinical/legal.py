"""Is an answer exactly legal? If not, the sentence that says what would be."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from backend.clinical.definition import Answer, Instrument, Item, Unscored, Value, as_text
from backend.clinical.vitals import ABSURD, problem


def refusal(instrument: Instrument, name: str, answer: object) -> str | None:
    """The sentence that refuses this answer, if it must be refused."""
    entry = instrument.unscored_by_id.get(name)
    if entry:
        return _illegal_number(entry, answer)
    item = instrument.by_id.get(name)
    if item is None:
        return f"{_shown(name)} is not an item of {instrument.name}."
    if item.vital:
        wrong = problem(item.vital, measured(item, answer))
        return wrong.sentence if wrong and wrong.refuse else None
    if not item.allows(answer):
        values = ", ".join(as_text(value) for value in item.legal)
        number = isinstance(answer, int | Decimal) and not isinstance(answer, bool)
        # A text may be anything, a name too: only a number is repeated.
        shown = _shown(answer) if number else "such an answer"
        return f"{item.label}: {shown} does not exist; it is one of {values}."
    return None


def _illegal_number(entry: Unscored, answer: object) -> str | None:
    if isinstance(answer, int | Decimal) and not isinstance(answer, bool):
        finite = isinstance(answer, int) or answer.is_finite()
        if finite and entry.low <= answer <= entry.high:
            return None
    return f"{entry.label} must be a number from {entry.low} to {entry.high} {entry.unit}."


def measured(item: Item, answer: object) -> object:
    """Rounded to what the points table knows: nothing lies between 36.0 and 36.1."""
    kind = item.vital
    if kind and kind.decimals and isinstance(answer, Decimal) and answer.is_finite():
        return kind.rounded(answer) if answer in ABSURD else answer
    return answer


def numbers(
    instrument: Instrument, legal: Mapping[str, Answer]
) -> tuple[dict[str, Answer], dict[str, str]]:
    """The numbers beside the score, each in the unit in which it is stored; and what differs."""
    found: dict[str, Answer] = {}
    wrong: dict[str, str] = {}
    for name, entry in instrument.unscored_by_id.items():
        if name not in legal:
            continue
        stored = instrument.unscored_by_id.get(entry.same_as, entry)
        exact = Fraction(Decimal(legal[name])) * entry.multiply
        value = stored.rounded(exact) if entry.same_as or stored.decimals else legal[name]
        if found.setdefault(stored.id, value) != value:
            wrong[name] = f"{stored.label}: {legal[name]} {entry.unit} is another value."
    return found, wrong


def ended_by(instrument: Instrument, legal: Mapping[str, Answer]) -> tuple[bool, dict[str, str]]:
    """Whether an answer ended the questions, and a sentence for each answer that came after."""
    gate = next((i for i in instrument.items if i.id in legal and legal[i.id] in i.ends), None)
    if gate is None:
        return False, {}
    words = f"{gate.label} ends the questions here. Leave it open."
    after = [item for item in instrument.items if item is not gate and item.id in legal]
    return True, {item.id: f"{item.label}: {words}" for item in after}


def _shown(value: object) -> str:
    """A value in a sentence: short, and safe to print whatever it was."""
    if isinstance(value, int) and abs(value) >= 10**20:
        return "such a number"
    text = repr(value) if isinstance(value, str) else str(value)
    if isinstance(value, Decimal) and text.isdigit():
        text += ".0"  # 1e0 reads as 1, and is refused because it is no whole number
    return text if len(text) <= 40 else f"{text[:40]}…"


def legal_answers(instrument: Instrument) -> dict[str, list[Value] | dict[str, float]]:
    """What each item allows, as plain JSON: its values, or the limits of a measured number."""
    found: dict[str, list[Value] | dict[str, float]] = {}
    for item in instrument.items:
        limits = item.vital.possible if item.vital else None
        if limits:
            found[item.id] = {"low": float(limits.low), "high": float(limits.high)}
        else:
            found[item.id] = list(item.legal)
    return found
