"""Write down what was done and what was seen, in the transaction that did it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, insert
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.audit.models import VIEWED, AuditEntry
from backend.core.db import table_of

# Put together once: every deed comes by here. Inline: an entry of no unit may be written, and not
# be read back.
INSERT_ENTRY = insert(table_of(AuditEntry)).inline()


def at_sign_in(sign_in_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[str]:
    """Selecting this names the sign-in to this transaction's entries, where it is the actor's."""
    return func.set_config("vigil.sign_in_id", cast(sign_in_id, Text), True)  # noqa: FBT003 (SQL)


def record(
    session: Session,
    actor_id: int | None,
    action: str,
    *,
    unit_id: int | None = None,
    stay_id: int | None = None,
    patient_id: int | None = None,
    reason: str | None = None,
    **subject: Any,
) -> None:
    """A deed. It moves the change number, so that every screen asks again."""
    entry = {
        "actor_id": actor_id,
        "action": action,
        "deed": True,
        "unit_id": unit_id,
        "stay_id": stay_id,
        "patient_id": patient_id,
        "reason": reason,
        "subject": subject,
        **_object(subject),
    }
    session.execute(INSERT_ENTRY, entry)


def _object(subject: Mapping[str, Any]) -> dict[str, Any]:
    """What it was done to: the first id that the subject names. It outlives the details."""
    for name, value in subject.items():
        if name.endswith("_id") and isinstance(value, int):
            return {"object_type": name.removesuffix("_id"), "object_id": value}
    return {"object_type": None, "object_id": None}


def record_on_stays(
    session: Session,
    actor_id: int | None,
    action: str,
    *,
    unit_id: int,
    subjects: Iterable[tuple[int | None, Mapping[str, Any]]],
) -> None:
    """One deed on many stays, in one round trip: each stay (if it is one) with its subject."""
    entries = [
        {
            "actor_id": actor_id,
            "action": action,
            "deed": True,
            "unit_id": unit_id,
            "stay_id": stay_id,
            "patient_id": None,
            "reason": None,
            "subject": dict(subject),
            **_object(subject),
        }
        for stay_id, subject in subjects
    ]
    if entries:
        session.execute(INSERT_ENTRY, entries)


def note(
    session: Session,
    actor_id: int | None,
    action: str,
    *,
    unit_id: int | None = None,
    stay_id: int | None = None,
    patient_id: int | None = None,
    reason: str | None = None,
    of: tuple[str, int] | None = None,
    **subject: Any,
) -> None:
    """Something that changed no record (a refusal, an export): no screen is woken for it.

    `of`: what it was about, where that is not the first id of the subject.
    """
    entry = {
        "actor_id": actor_id,
        "action": action,
        "deed": False,
        "unit_id": unit_id,
        "stay_id": stay_id,
        "patient_id": patient_id,
        "reason": reason,
        "subject": subject,
        **_object({f"{of[0]}_id": of[1]} if of else subject),
    }
    session.execute(INSERT_ENTRY, entry)


def viewed(session: Session, actor_id: int, *, stay_id: int, unit_id: int, now: datetime) -> None:
    """Somebody looked at a chart: once per person, stay and quarter of an hour."""
    session.execute(
        postgresql.insert(AuditEntry)
        .values(
            actor_id=actor_id,
            action=VIEWED,
            deed=False,
            unit_id=unit_id,
            stay_id=stay_id,
            quarter_hour=int(now.timestamp()) // 900,
        )
        .on_conflict_do_nothing()
    )
