"""The instruments of the sheet: what is due, what was used before, and what is one tap away."""

from backend.clinical import scale, shared
from backend.clinical.definition import Instrument, Item, as_text
from backend.clinical.vitals import KINDS
from backend.observations import words
from backend.observations.sheet.filled import Filling
from backend.observations.sheet.page import Choice, Measure, Offer, Question, Scale


def scales(filling: Filling) -> tuple[Scale, ...]:
    """What is due, open and first; then what is ordered or was used before. No others."""
    found = [scale_of(key, filling) for key in scale.asked() if _is_here(key, filling)]
    return tuple(sorted(found, key=lambda one: not one.open))


def offers(filling: Filling, stay_id: int) -> tuple[Offer, ...]:
    """Every other instrument of the unit, so that the sheet stays as long as what is due."""
    return tuple(
        Offer(
            key=key,
            name=one.name,
            measures=one.measures,
            path=f"/stays/{stay_id}/record?also={key}",
            fragment=f"/stays/{stay_id}/record/scale?instrument={key}",
        )
        for key, one in scale.asked().items()
        if key in filling.offered and not _is_here(key, filling)
    )


def _is_here(key: str, filling: Filling) -> bool:
    ordered = {row.instrument for row in filling.before.rounds}
    touched = any(name.startswith(f"{key}.") for name in filling.typed)
    known = key in ordered or key in filling.before.totals
    return key in filling.opened or touched or (known and key in filling.offered)


def scale_of(key: str, filling: Filling) -> Scale:
    """One instrument of the sheet."""
    return _scale(scale.asked()[key], filling)


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
                decimals=extra.decimals,
                most=str(extra.high),
                was=None,
                error=filling.errors.get(f"{instrument.key}.{extra.id}"),
            )
            for extra in instrument.unscored
        ),
        extras_words="Written down as it is: there is no score."
        if instrument.scoring == "none"
        else "Written down beside the score, never added to it.",
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
    # Asked once, unless an answer stands here that the vital sign does not give.
    once = shared.of(instrument).get(item.id) if chosen is None else None
    question = Question(
        name=name,
        number=number,
        label=item.label,
        prompt=item.prompt,
        choices=tuple(
            Choice(
                value=as_text(value),
                label=f"{value:+d}" if item.is_signed and value else as_text(value),
                anchor=item.anchors.get(value, ""),
                checked=as_text(value) == chosen,
            )
            for value in item.legal
        ),
        all_anchored=all(value in item.anchors for value in item.legal),
        carried=" · ".join(hint) or None,
        error=filling.errors.get(name),
        optional=item.optional,
        asked_at=once.vital if once else "",
        asked_as=KINDS[once.vital].label.lower() if once else "",
    )
    return question, item
