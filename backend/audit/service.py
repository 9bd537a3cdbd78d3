"""Write down what was done and what was seen, in the transaction that did it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from backend.audit.models import VIEWED, AuditEntry
from backend.core.db import table_of

# Put together once: every deed comes by here. Inline: an entry of no unit may be written, and not
# be read back.
INSERT_ENTRY = insert(table_of(AuditEntry)).inline()


def record(
    session: Session,
    actor_id: int | None,
    action: str,
    *,
    unit_id: int | None = None,
    stay_id: int | None = None,
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
        "reason": reason,
        "subject": subject,
    }
    session.execute(INSERT_ENTRY, entry)


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
            "reason": None,
            "subject": dict(subject),
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
    reason: str | None = None,
    **subject: Any,
) -> None:
    """Something that changed no record (a refusal, an export): no screen is woken for it."""
    session.execute(
        insert(table_of(AuditEntry))
        .inline()
        .values(
            actor_id=actor_id,
            action=action,
            deed=False,
            unit_id=unit_id,
            reason=reason,
            subject=subject,
        )
    )


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
