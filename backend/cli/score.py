"""`vigil score`: score answers by the shipped rules, one set at a time or a line of JSON each."""

import codecs
import json
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from backend.cli import instruments
from backend.clinical import protocol, scale
from backend.clinical.definition import Answer
from backend.clinical.deterioration import Seen, Verdict, verdicts
from backend.clinical.vitals import Vitals
from backend.core import strict_json
from backend.core.errors import Invalid, UserError
from backend.protocols.service import DEFAULT

app = typer.Typer(add_completion=False, rich_markup_mode=None)

InstrumentName = Annotated[
    str,
    typer.Argument(help="A short name or an id, as `vigil instruments` lists them, or a .toml."),
]
Answers = Annotated[
    list[str] | None,
    typer.Argument(help="item=value ...; without any, a set per line of JSON is read from stdin."),
]
AnswerFile = Annotated[
    Path | None, typer.Option("--file", help="The answers of one set, .toml or .json.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Bands = Annotated[str | None, typer.Option("--bands", help="A band system by name.")]

WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
FRACTION = re.compile(r"[+-]?[0-9]{1,18}\.[0-9]{1,18}")
FLAGS = {"true": True, "yes": True, "false": False, "no": False}
# One set has no course; its age does not matter here.
MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A score, and what the shipped rules say about this one set."""

    instrument: scale.Instrument
    score: scale.Score
    met: tuple[Verdict, ...]


@app.callback(invoke_without_command=True, context_settings={"allow_interspersed_args": True})
def score(
    instrument: InstrumentName,
    answers: Answers = None,
    *,
    file: AnswerFile = None,
    as_json: AsJson = False,
    bands: Bands = None,
) -> None:
    """Score a set: missing is never zero, and an illegal value means no total.

    Without answers, a JSON object per line is read from standard input and one per line is written;
    a faulty line is "invalid", and the next one is still scored.
    """
    try:
        definition = _definition(instrument)
        shipped = protocol.load(DEFAULT.read_text("utf-8"))
        shipped = _with_bands(shipped, definition, bands)
        if not answers and file is None:
            _score_lines(definition, shipped)
            return
        given = _read(file) if file else {}
        for pair in answers or []:
            name, value = _pair(pair)
            if name in given:
                raise Invalid(f"{name} is answered twice.")
            given[name] = value
        scored = _score(definition, shipped, given)
    except UserError as refused:
        _refuse(refused.sentence)
    except protocol.ProtocolError as wrong:
        _refuse(f"The shipped protocol does not fit this definition. {wrong}")
    typer.echo(json.dumps(_as_json(scored)) if as_json else _as_text(scored))
    if scored.score.illegal:
        raise typer.Exit(2)


def _refuse(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(2)


def _definition(name: str) -> scale.Instrument:
    """By its short name or id; or a definition file, to try it before it is loaded."""
    if name.endswith(".toml"):
        try:
            tried = scale.load(Path(name).read_text("utf-8"))
        except (OSError, ValueError) as refused:
            why = str(refused) if isinstance(refused, scale.DefinitionError) else "not readable"
            raise Invalid(f"{Path(name).name[:40]}: {why}") from None
        scale.know([tried])
        return tried
    if name not in scale.latest() and name not in scale.instruments():
        instruments.learn()
    found = scale.latest().get(name) or scale.instruments().get(name)
    if found is None:
        raise Invalid(
            f"There is no instrument {name[:40]!r}; there are {', '.join(scale.latest())}."
        )
    return found


def _with_bands(
    shipped: protocol.Protocol, instrument: scale.Instrument, bands: str | None
) -> protocol.Protocol:
    """The shipped protocol, but with these bands for the instrument."""
    if bands is None:
        return shipped
    if bands not in instrument.band_systems:
        among = ", ".join(instrument.band_systems)
        raise Invalid(f"{instrument.name} has no bands called {bands[:40]!r}; it has {among}.")
    document = tomllib.loads(DEFAULT.read_text("utf-8"))
    document["band_systems"][instrument.key] = bands
    own = [rule for rule in document["rules"] if rule["params"].get("instrument") == instrument.key]
    words = {band.word for band in instrument.band_systems[bands].bands}
    # A rule that names a word which these bands do not have cannot be asked.
    for rule in own:
        named = {rule["params"].get("word"), rule["params"].get("clear_word")} - {None}
        if named - words:
            document["rules"].remove(rule)
    return protocol.parse(document)


def _pair(text: str) -> tuple[str, Any]:
    """`nausea=3`, as it is typed in a shell."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Invalid(f"Write item=value, not {text[:40]!r}.")
    if WHOLE.fullmatch(value):
        return name, int(value)
    if FRACTION.fullmatch(value):
        return name, Decimal(value)
    return name, FLAGS.get(value, value)


def _read(file: Path) -> dict[str, Any]:
    """The answers in a file; TOML knows no missing value, JSON has null."""
    try:
        body = file.read_bytes()
        if file.suffix == ".toml":
            return tomllib.loads(body.decode(), parse_float=Decimal)
    except (OSError, ValueError, InvalidOperation):
        raise Invalid(f"{file.name} cannot be read as {file.suffix or 'a file'}.") from None
    return _object(strict_json.loads(body))


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid("A set is an object: item names and their values.")
    return value


def _score_lines(instrument: scale.Instrument, shipped: protocol.Protocol) -> None:
    system = protocol.band_system(instrument, shipped.band_systems).name
    for number, line in enumerate(sys.stdin.buffer):
        if number == 0:
            line = line.removeprefix(codecs.BOM_UTF8)  # noqa: PLW2901 (Windows puts it there)
        if not line.strip():
            continue
        try:
            given = _object(strict_json.loads(line))
            told = _as_json(_score(instrument, shipped, given))
        except UserError as refused:
            told = _invalid(system, [refused.sentence])
        typer.echo(json.dumps(told))


def _score(
    instrument: scale.Instrument, shipped: protocol.Protocol, given: Mapping[str, Any]
) -> Scored:
    names = {item.also: item.id for item in instrument.items if item.also}
    answers: dict[str, Answer | None] = {}
    for name, value in given.items():
        item = names.get(name, name)
        if item in answers:
            raise Invalid(f"{instrument.by_id[item].label} is answered twice.")
        answers[item] = value
    system = protocol.band_system(instrument, shipped.band_systems).name
    found = scale.score(instrument, answers, band_system=system)
    one = Seen(
        id=1,
        observed_at=MOMENT,
        entered_at=MOMENT,
        outcome="assessed",
        vitals=Vitals(),
        scores={instrument.key: found},
    )
    said = verdicts([one], shipped, now=MOMENT)
    met = tuple(verdict for verdict in said if verdict.state == "met")
    return Scored(instrument=instrument, score=found, met=met)


def _invalid(system: str, errors: list[str]) -> dict[str, Any]:
    return {
        "status": "invalid",
        "total": None,
        "band": None,
        "band_system": system,
        "parts": {},
        "alarms": [],
        "errors": errors,
    }


def _as_json(scored: Scored) -> dict[str, Any]:
    found = scored.score
    if found.illegal:
        return _invalid(found.band_system, list(found.illegal.values()))
    told: dict[str, Any] = {
        "status": found.status,
        "total": found.total,
        "band": found.band.word if found.band else None,
        "band_system": found.band_system,
        "parts": {_short(scored, item): points for item, points in found.points.items()},
        "alarms": [
            {"id": verdict.rule, "level": verdict.level, "text": verdict.sentence}
            for verdict in scored.met
        ],
        "errors": [],
        "definition": found.definition,
    }
    if found.status == "incomplete":
        told["lowest"], told["highest"] = found.lowest, found.highest
        told["possible"] = list(found.possible)
        told["possible_bands"] = [band.word for band in found.possible_bands]
        told["missing"] = [_short(scored, item) for item in found.missing]
    return told


def _short(scored: Scored, item: str) -> str:
    return scored.instrument.by_id[item].also or item


def _as_text(scored: Scored) -> str:
    """For a person at a terminal."""
    found, instrument = scored.score, scored.instrument
    lines = [f"{instrument.name} ({found.definition})"]
    if found.illegal:
        return "\n".join([*lines, "Invalid: no total.", *found.illegal.values()])
    bands = " or ".join(dict.fromkeys(band.word for band in found.possible_bands))
    system = instrument.band_systems[found.band_system].label
    if found.status == "ok":
        value = f"Total {found.total}" if found.total is not None else str(found.value)
        lines.append(f"{value}: {bands} ({system})")
    else:
        labels = ", ".join(instrument.by_id[item].in_a_sentence for item in found.missing)
        bounds = f"{found.lowest} to {found.highest}, " if found.lowest is not None else ""
        lines += [f"Incomplete: {bounds}{bands} ({system})", f"Missing: {labels}"]
    lines += [f"{verdict.level.upper()}: {verdict.sentence}" for verdict in scored.met]
    return "\n".join(lines)
