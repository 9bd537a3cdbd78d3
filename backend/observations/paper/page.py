"""What a blank sheet asks, in the words of the definition, with room to write."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import segno
from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.clinical import forecast, scale
from backend.clinical.definition import as_text
from backend.clinical.vitals import KINDS, VitalKind
from backend.core import local_time
from backend.core.settings import settings
from backend.observations import words
from backend.observations.paper import token
from backend.protocols import queries as protocols
from backend.rounds import moves
from backend.rounds import queries as rounds
from backend.rounds.models import ObservationOrder, Round
from backend.stays.models import Stay

NEWS2 = "news2"
MOST_SHEETS = 24
# Dots of the picture, so that a telephone reads it from a crumpled page.
PRINTED = 3
VITALS = tuple(kind for name, kind in KINDS.items() if name != "oxygen_l_per_min")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One question: its legal answers to encircle, or none where a value is written."""

    label: str
    prompt: str
    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Blank:
    """One page of paper."""

    name: str
    measures: str
    due: str
    lines: tuple[Line, ...]
    picture: str
    citation: str


def asked(session: Session, actor: Actor, stay: Stay) -> list[str]:
    """What this unit may ask of this patient, what is ordered first."""
    ordered = [row.instrument for row in rounds.open_on_stay(session, stay.id)]
    may = scale.offered(sedation=actor.unit.sedation_scale, permitted=actor.unit.permitted_scales)
    return list(dict.fromkeys([*ordered, NEWS2, *(key for key in scale.asked() if key in may)]))


def ordered(session: Session, stay: Stay) -> set[str]:
    """What is ordered for this patient now."""
    return {row.instrument for row in rounds.open_on_stay(session, stay.id)}


def blanks(
    session: Session,
    actor: Actor,
    stay: Stay,
    instruments: Sequence[str],
    *,
    hours: int,
    now: datetime,
) -> tuple[Blank, ...]:
    """A sheet for each time at which one of these falls due; one for now if it is not ordered."""
    coming = _coming(session, stay, hours=hours, now=now)
    wanted = sorted((at, key) for key in instruments for at in coming.get(key, [now]))
    return tuple(_blank(actor, stay, key, at, now) for at, key in wanted[:MOST_SHEETS])


def _coming(
    session: Session, stay: Stay, *, hours: int, now: datetime
) -> dict[str, list[datetime]]:
    protocol = protocols.in_force(session, stay.unit_id, at=now).protocol
    found: dict[str, list[datetime]] = {}
    for row in rounds.open_on_stay(session, stay.id):
        its = moves.machine(session, _order(session, row), protocol)
        end = max(now + timedelta(hours=hours), row.due_at + timedelta(minutes=1))
        found[row.instrument] = list(forecast.dues(its, moves.task(row), start=now, end=end))
    return found


def _order(session: Session, row: Round) -> ObservationOrder:
    return session.get_one(ObservationOrder, row.order_id)


def _blank(actor: Actor, stay: Stay, key: str, at: datetime, now: datetime) -> Blank:
    path = f"/paper/{token.made(actor.unit.id, stay.id, key, at)}"
    picture = segno.make(f"{settings().public_origin}{path}", error="m")
    instrument = scale.asked().get(key)
    return Blank(
        name=words.name_of(key),
        measures=instrument.measures if instrument else "vital signs",
        due=local_time.day_and_time(at, actor.zone, now),
        lines=_items(key) or _vitals(),
        picture=picture.svg_data_uri(scale=PRINTED, border=4, light="#fff"),
        citation=instrument.citation if instrument else "",
    )


def _items(key: str) -> tuple[Line, ...]:
    instrument = scale.asked().get(key)
    if instrument is None:
        return ()
    items = [
        Line(
            label=item.label,
            prompt=item.prompt,
            answers=tuple((as_text(value), item.anchors.get(value, "")) for value in item.legal),
        )
        for item in instrument.items
    ]
    extras = [
        Line(label=extra.label, prompt=extra.unit, answers=()) for extra in instrument.unscored
    ]
    return (*items, *extras)


def _choices(kind: VitalKind) -> tuple[tuple[str, str], ...]:
    """Letters to encircle; where a browser sends a word, an empty circle to tick."""
    shown = kind.field != "on_oxygen"
    return tuple((value if shown else "", label) for value, label in kind.choices.items())


def _vitals() -> tuple[Line, ...]:
    return tuple(
        Line(
            label=kind.label,
            prompt=kind.unit,
            answers=_choices(kind),
        )
        for kind in VITALS
    )
