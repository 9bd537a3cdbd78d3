"""Load a site's own definition, and keep the shipped ones beside the scores they make."""

import hashlib
import json

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.units import queries as units
from backend.audit import service as audit
from backend.clinical import protocol, scale
from backend.clinical.vitals import KINDS
from backend.core import clock
from backend.core.deed import is_readable
from backend.core.errors import Conflict, Invalid, NotFound
from backend.observations.definitions import queries
from backend.observations.definitions.models import DefinitionContent, InstrumentDocument
from backend.observations.models import InstrumentDefinition
from backend.protocols import queries as protocols
from backend.protocols.models import UnitProtocol

LARGEST = 200_000
LONGEST_NAME, LONGEST_WORDS = 40, 400


def load(session: Session, actor_id: int, text: str) -> tuple[scale.Instrument, bool]:
    """Store a definition file; the instrument, and whether it is new. Invalid: every reason.

    A definition never changes under stored scores: other content under a known id is refused, by
    the primary key too.
    """
    instrument = _read(text)
    queries.keep_up(session)
    known = scale.instruments().get(instrument.id)
    if known is not None:
        if known == instrument:
            return known, False
        raise Conflict(
            f"{instrument.id} is known with other content. A definition never changes under stored"
            " scores: give the changed one a new version."
        )
    _fits_the_house(session, instrument)
    session.add(_row(instrument))
    session.flush()
    session.add(InstrumentDocument(definition=instrument.id, document=text, loaded_by=actor_id))
    session.flush()
    audit.record(session, actor_id, "instrument.loaded", definition=instrument.id)
    scale.know([instrument])
    return instrument, True


def _read(text: str) -> scale.Instrument:
    if len(text) > LARGEST or not is_readable(text):
        raise Invalid("This file is too long, or holds characters that cannot be read.")
    try:
        instrument = scale.load(text)
    except scale.DefinitionError as refused:
        raise _refused(refused.reasons) from None
    reasons = [
        f"`{words[:40]}…` is too long: names have {LONGEST_NAME} letters at most, other words"
        f" {LONGEST_WORDS}."
        for words, most in _words(instrument)
        if len(words) > most
    ]
    if not instrument.is_asked or any(item.id in KINDS for item in instrument.items):
        reasons.append("What is read off the vital signs cannot be loaded: NEWS2 is not modified.")
    if reasons:
        raise _refused(reasons)
    return instrument


def _refused(reasons: "list[str] | tuple[str, ...]") -> Invalid:
    return Invalid(
        "This definition cannot be used.", {str(n): why for n, why in enumerate(reasons, 1)}
    )


def _words(instrument: scale.Instrument) -> "list[tuple[str, int]]":
    """Everything that a screen shows, and how long it may be."""
    short = [instrument.name, *(item.label for item in instrument.items)]
    short += [entry.label for entry in instrument.unscored]
    long = [instrument.measures, instrument.permission]
    for item in instrument.items:
        long += [item.prompt, item.condition, item.time_frame, *item.anchors.values()]
    for alarm in instrument.alarms:
        long += [alarm.title, alarm.text]
    return [(words, LONGEST_NAME) for words in short] + [(words, LONGEST_WORDS) for words in long]


def _fits_the_house(session: Session, instrument: scale.Instrument) -> None:
    """What every unit has approved must still be possible with it."""
    before = scale.latest().get(instrument.key)
    if before is None:
        return
    if not before.is_asked:
        raise _refused([f"{before.name} is made from the vital signs and is not replaced."])
    scale.know([instrument])
    reasons = []
    for unit in units.every(session):
        try:
            in_force = protocols.in_force(session, unit.id, at=clock.now())
            protocol.parse(session.get_one(UnitProtocol, in_force.id).document)
        except NotFound:
            continue
        except protocol.ProtocolError as wrong:
            reasons += [
                f"The protocol of {unit.name} does not fit it: {why}" for why in wrong.reasons
            ]
    scale.set_aside(instrument.id)
    if reasons:
        raise _refused(reasons)


def _row(instrument: scale.Instrument) -> InstrumentDefinition:
    legal = scale.legal_answers(instrument)
    digest = hashlib.sha256(json.dumps(legal, sort_keys=True, default=str).encode()).digest()
    return InstrumentDefinition(
        id=instrument.id, key=instrument.key, legal=legal, content_sha256=digest
    )


def load_shipped(session: Session) -> int:
    """Put the shipped instruments beside the scores they make; returns how many are new.

    A definition never changes under stored scores: a file that says anything else under an old id,
    be it one word of a question, is refused.
    """
    rows = session.execute(select(InstrumentDefinition.id, InstrumentDefinition.content_sha256))
    known = {row.id: row.content_sha256 for row in rows}
    said = {
        row.definition: row.sha256
        for row in session.execute(select(DefinitionContent.definition, DefinitionContent.sha256))
    }
    new = 0
    for instrument in scale.shipped().values():
        row, content = _row(instrument), bytes.fromhex(instrument.content_sha256)
        if instrument.id not in known:
            session.add(row)
            session.flush()
            new += 1
        if known.get(instrument.id, row.content_sha256) != row.content_sha256 or (
            said.get(instrument.id, content) != content
        ):
            raise Conflict(
                f"{instrument.id} differs from the definition that stored scores were made by."
                " Give the changed definition a new version, or put the old file back."
            )
        if instrument.id not in said:
            session.add(DefinitionContent(definition=instrument.id, sha256=content))
    session.flush()
    return new
