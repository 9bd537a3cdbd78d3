"""What a half-filled sheet comes to, by the scorer that will score it; nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass

from backend.clinical import scale, shared
from backend.clinical.definition import as_text
from backend.clinical.scale import Score
from backend.clinical.vitals import KINDS, Vitals
from backend.observations import words
from backend.observations.sheet.reading import answered, measure


@dataclass(frozen=True, kw_only=True)
class Total:
    """One instrument so far. Without the last item there is no total and no band."""

    name: str
    words: str
    band: str | None
    bands: str
    complete: bool
    alarms: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """Every instrument that has an answer."""

    totals: tuple[Total, ...]


def preview(
    inputs: Mapping[str, str], *, band_systems: Mapping[str, str], spo2_scale: int
) -> Preview:
    """Score whatever can be read; what cannot is simply not answered yet."""
    totals = []
    vitals = _vitals(inputs)
    for key, instrument in scale.asked().items():
        typed = {
            name.removeprefix(f"{key}."): value
            for name, value in inputs.items()
            if name.startswith(f"{key}.") and value.strip()
        }
        items, extras, _ = answered(instrument, typed)
        if items or (extras and not instrument.items):
            read = shared.read_off(instrument, vitals) if items else {}
            given = {**read, **items, **extras}
            score = scale.score(instrument, given, band_system=band_systems.get(key))
            if score.status != "invalid":
                totals.append(_total(score))
    news2 = scale.latest()["news2"]
    answers = scale.vital_answers(news2, vitals, spo2_scale=spo2_scale)
    if any(value is not None for name, value in answers.items() if name != "spo2_scale"):
        totals.append(_total(scale.score(news2, answers, band_system=band_systems.get("news2"))))
    return Preview(totals=tuple(totals))


def _vitals(inputs: Mapping[str, str]) -> Vitals:
    """What can be read of the vital signs; the others are open."""
    found = Vitals()
    typed = {name: inputs[name].strip() for name in KINDS if inputs.get(name, "").strip()}
    temperature, pressure = inputs.get("temperature_unit", ""), inputs.get("pressure_unit", "")
    found, _ = measure(typed, temperature, pressure)
    return found


def _total(score: Score) -> Total:
    instrument = scale.instruments()[score.definition]
    complete = score.status == "ok"
    open_items = len(score.missing)
    return Total(
        name=instrument.name,
        words=words.figure(
            score.definition, score.total, None if score.value is None else as_text(score.value)
        )
        if complete
        else f"no total yet, {open_items} to go",
        band=score.band.word if complete and score.band else None,
        bands=instrument.band_systems[score.band_system].label,
        complete=complete,
        alarms=tuple(alarm.text for alarm in score.alarms),
    )
