"""Give a unit a protocol: the one that Vigil ships, or a version of its own. None ever changes."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.clinical import protocol as clinical
from backend.clinical import protocol_diff
from backend.core import clock
from backend.core.errors import Conflict, Invalid
from backend.protocols import queries
from backend.protocols.models import UnitProtocol

DEFAULT = Path(__file__).parent / "default.toml"


def adopt_default(
    session: Session,
    *,
    unit_id: int,
    drafted_by: int,
    approved_by: int,
    effective_at: datetime,
) -> UnitProtocol:
    """The shipped protocol as the unit's version 1, approved by a second person."""
    document = tomllib.loads(DEFAULT.read_text())
    clinical.parse(document)
    return _added(
        session,
        UnitProtocol(
            unit_id=unit_id,
            version=1,
            name=document["name"],
            document=document,
            drafted_by=drafted_by,
            approved_by=approved_by,
            effective_at=effective_at,
        ),
        "This unit has a protocol already.",
    )


def adopt(
    session: Session,
    *,
    unit_id: int,
    document: Mapping[str, Any],
    drafted_by: int,
    approved_by: int,
    effective_at: datetime | None,
) -> UnitProtocol:
    """The unit's next version, in force from a time that has not passed; None: from now.

    Invalid: every reason why it cannot be used. What was raised before keeps its own version.
    """
    versions = queries.versions(session, unit_id)
    check(document, before=versions[-1].document if versions else None)
    now = clock.now()
    if effective_at is not None and effective_at < now:
        raise Invalid("A protocol cannot rule over what has already happened: give a later time.")
    return _added(
        session,
        UnitProtocol(
            unit_id=unit_id,
            version=versions[-1].version + 1 if versions else 1,
            name=document["name"].strip(),
            document=dict(document),
            drafted_by=drafted_by,
            approved_by=approved_by,
            effective_at=effective_at or now,
        ),
        "Somebody has put another version into force meanwhile. Compare with that one first.",
    )


def check(document: Mapping[str, Any], *, before: Mapping[str, Any] | None) -> None:
    """Invalid: every reason why a document cannot follow the version before it."""
    if not _is_text(document):
        raise Invalid("This protocol holds a character that cannot be stored.")
    try:
        clinical.parse(document)
    except clinical.ProtocolError as error:
        reasons = dict(enumerate(error.reasons))
        fields = {str(number): sentence for number, sentence in reasons.items()}
        raise Invalid("This protocol cannot be used.", fields) from error
    if before is not None and (same := protocol_diff.same_number(before, document)):
        raise Invalid(
            f"These rules decide otherwise than before under the same version: {', '.join(same)}."
            " Give each a higher `version`, because alerts name it."
        )


def _is_text(value: Any) -> bool:
    """Whether every text can be stored: no NUL, and no half of a character."""
    if isinstance(value, Mapping):
        return all(_is_text(key) and _is_text(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(_is_text(inner) for inner in value)
    return not isinstance(value, str) or value.isprintable()


def _added(session: Session, row: UnitProtocol, taken: str) -> UnitProtocol:
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        if "approved_by_a_second_person" in str(error.orig):
            raise Conflict("Nobody approves their own draft.") from error
        raise Conflict(taken) from error
    audit.record(
        session, row.approved_by, "protocol.approved", unit_id=row.unit_id, protocol_id=row.id
    )
    return row
