"""`vigil instruments`: what can be scored, by which definition and which bands."""

import json
from typing import Annotated, Any

import typer

from backend.clinical import scale
from backend.clinical.definition import as_text

app = typer.Typer(add_completion=False, rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, with every item.")]


@app.callback(invoke_without_command=True, context_settings={"allow_interspersed_args": True})
def instruments(*, as_json: AsJson = False) -> None:
    """List the shipped instruments; the first band system of each is the default."""
    found = scale.instruments().values()
    if as_json:
        typer.echo(json.dumps([_as_json(instrument) for instrument in found], indent=2))
        return
    for instrument in found:
        bands = ", ".join(_default_first(instrument))
        typer.echo(f"{instrument.key}\t{instrument.id}\t{instrument.measures}\tbands: {bands}")


def _default_first(instrument: scale.Instrument) -> list[str]:
    return sorted(instrument.band_systems, key=lambda name: name != instrument.default_bands)


def _as_json(instrument: scale.Instrument) -> dict[str, Any]:
    return {
        "key": instrument.key,
        "id": instrument.id,
        "name": instrument.name,
        "measures": instrument.measures,
        "citation": instrument.citation,
        "terms": instrument.terms,
        "band_systems": _default_first(instrument),
        "items": [_item(item) for item in instrument.items],
        "unscored": [entry.id for entry in instrument.unscored],
    }


def _item(item: scale.Item) -> dict[str, Any]:
    told: dict[str, Any] = {"id": item.also or item.id, "label": item.label, "rater": item.rater}
    if item.vital and item.vital.possible:
        limits = item.vital.possible
        told |= {"unit": item.vital.ucum, "low": float(limits.low), "high": float(limits.high)}
    else:
        told["legal"] = list(item.legal)
        told["anchors"] = {as_text(value): words for value, words in item.anchors.items()}
    return told
