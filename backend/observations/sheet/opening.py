"""Open a sheet: new, again with everything that was typed, or to put a stored set right."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.clinical import scale
from backend.clinical.definition import as_text
from backend.clinical.sheet import Sheet as Said
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.core.errors import Invalid
from backend.observations import words
from backend.observations.definitions import queries as definitions
from backend.observations.queries import StoredSet
from backend.observations.sheet import filling, queries, scales, stored
from backend.observations.sheet.filled import Filling, with_asked_today
from backend.observations.sheet.page import Scale, Sheet
from backend.observations.sheet.reading import Sent
from backend.protocols import queries as protocols
from backend.rounds import service as rounds
from backend.rounds.nights import queries as nights
from backend.rounds.nights import words as night_words
from backend.stays.models import Stay


def _filling(
    session: Session,
    actor: Actor,
    stay: Stay,
    typed: Mapping[str, str],
    *,
    refused: Invalid | None = None,
    asks: Mapping[str, str] | None = None,
    opened: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
) -> Filling:
    now, zone = clock.now(), actor.zone
    starts = actor.unit.shift_starts
    definitions.keep_up(session)
    offered = scale.offered(
        sedation=actor.unit.sedation_scale, permitted=actor.unit.permitted_scales
    )
    before = queries.before(session, stay.id, now=now, shift_starts=starts, zone=zone)
    return Filling(
        typed=typed,
        errors=refused.fields or {"form": refused.sentence} if refused else {},
        asks=asks or {},
        before=before,
        opened=(*(opened or before.due(now)), *(key for key in also if key in offered)),
        offered=offered,
        zone=zone,
        now=now,
        temperature_unit=actor.unit.temperature_unit,
        pressure_unit=actor.unit.pressure_unit,
        shows_previous=actor.unit.previous_values == "always",
        nights=tuple(night_words.told(one) for one in nights.standing(session, stay.id).values()),
        not_asleep=rounds.why_not_asleep(
            session, stay, now=now, in_force=protocols.in_force(session, stay.unit_id, at=now)
        ),
    )


def _left_to_a_nurse(actor: Actor) -> str | None:
    names = [words.name_of(key) for key in actor.reserved_scales]
    if not names:
        return None
    return (
        f"On this unit a nurse rates what is observed on {' and '.join(names)}. Leave those lines"
        " open; vital signs, and what you only ask, are yours."
    )


def new(
    session: Session,
    actor: Actor,
    stay: Stay,
    *,
    instruments: tuple[str, ...],
    also: tuple[str, ...],
    key: UUID,
    observed_local: str = "",
) -> Sheet:
    """With these instruments open, or else with what is due; and with what is wanted `also`."""
    typed = {"observed_local": observed_local} if observed_local else {}
    filled = _filling(session, actor, stay, typed, opened=instruments, also=also)
    return filling.sheet(
        with_asked_today(filled),
        stay_id=stay.id,
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        key=str(key),
        path=f"/stays/{stay.id}/observations",
        reserved=_left_to_a_nurse(actor),
    )


def said_now(session: Session, actor: Actor, stay: Stay, sheet: Said) -> Said:
    """The set without an instrument of which only today's answers were carried along.

    What is asked once a day stands on the sheet by itself: it begins nobody's assessment. Invalid
    where nothing else was entered.
    """
    known = scale.latest()
    given = {
        key: {**sheet.answers.get(key, {}), **sheet.unscored.get(key, {})}
        for key in sheet.answers.keys() | sheet.unscored.keys()
    }
    only_daily = [key for key in given if set(given[key]) <= set(known[key].asked_daily)]
    if not only_daily:
        return sheet
    before = queries.before(
        session, stay.id, now=clock.now(), shift_starts=actor.unit.shift_starts, zone=actor.zone
    )
    said = {name: as_text(found.value) for name, found in before.asked_today.items()}
    gone = {
        key
        for key in only_daily
        if all(said.get(f"{key}.{item}") == as_text(a) for item, a in given[key].items())
    }
    left = {key: items for key, items in sheet.answers.items() if key not in gone}
    beside = {key: items for key, items in sheet.unscored.items() if key not in gone}
    if gone and not left and not beside and sheet.vitals == Vitals():
        raise Invalid("Not saved.", {"outcome": "Nothing is entered but what was asked today."})
    return replace(sheet, answers=left, unscored=beside)


def one(session: Session, actor: Actor, stay: Stay, instrument: str) -> Scale | None:
    """One instrument, to be put into an open sheet; None where the unit does not use it."""
    filled = _filling(session, actor, stay, {}, opened=(instrument,))
    if instrument not in filled.offered:
        return None
    return scales.scale_of(instrument, with_asked_today(filled))


def again(
    session: Session,
    actor: Actor,
    stay: Stay,
    came: Sent,
    *,
    refused: Invalid,
    asks: Mapping[str, str],
    path: str,
    was: StoredSet | None,
) -> Sheet:
    """The same sheet under the same key, with a sentence at each input that was refused."""
    correcting = None
    if was is not None:
        reason, error = came.inputs.get("reason", ""), refused.fields.get("reason")
        correcting = stored.correcting(was, actor.zone, reason=reason, error=error)
    return filling.sheet(
        _filling(session, actor, stay, came.inputs, refused=refused, asks=asks),
        stay_id=stay.id,
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        key=came.inputs.get("key", ""),
        path=path,
        reserved=_left_to_a_nurse(actor),
        correcting=correcting,
    )


def correction(session: Session, actor: Actor, stay: Stay, was: StoredSet, *, key: UUID) -> Sheet:
    """Filled in as the stored set was."""
    typed = stored.typed(was, actor.zone)
    opened = tuple(key for key in was.scores if key in scale.latest())
    return filling.sheet(
        _filling(session, actor, stay, typed, opened=opened),
        stay_id=stay.id,
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        key=str(key),
        path=f"/stays/{stay.id}/observations/{was.observation.id}/correct",
        correcting=stored.correcting(was, actor.zone),
    )
