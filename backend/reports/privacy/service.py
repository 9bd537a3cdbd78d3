"""Take a part of the trail out: by code, through the door, and on the trail itself."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.staff import queries as staff
from backend.audit import service as audit
from backend.audit.models import AuditEntry
from backend.care.disclosures import service as disclosures
from backend.care.disclosures.models import What
from backend.care.disclosures.notice import Stamp
from backend.care.disclosures.service import Clearance, Leaving, Written
from backend.reports.privacy import queries, words
from backend.reports.privacy.queries import Asked
from backend.reports.shift import csv_file

COLUMNS = ("when", "who", "what", "patient", "details")
MOST_ROWS = 10_000
MEDIA_TYPE = csv_file.MEDIA_TYPE


def file(session: Session, actor: Actor, asked: Asked, *, now: datetime) -> tuple[str, bytes]:
    """Name and bytes. Whoever takes it out has just proved who they are."""
    actor.must_have_stepped_up(now)
    found = queries.page(session, asked, MOST_ROWS + 1)
    entries = found[:MOST_ROWS]
    rows = _rows(session, actor, entries)
    of = actor.unit.name if asked.unit_id is not None else "No unit"
    about = f"{of}: the audit trail, {len(rows)} entries, the newest first."
    if len(found) > MOST_ROWS:
        about += " There are older ones: choose days to get them."

    def write(clearance: Clearance) -> Written[bytes]:
        body = _csv(clearance.stamp, about, rows)
        return Written(value=body, body=lambda: body, rows=len(rows))

    leaving = Leaving(unit=actor.unit, by=actor.id, actor=actor, what=What.AUDIT_TRAIL, form="csv")
    body = disclosures.release(session, leaving, write)
    audit.note(
        session,
        actor.id,
        "audit.exported",
        unit_id=actor.unit.id,
        patient_id=asked.patient_id,
        of=("staff", asked.actor_id) if asked.actor_id else None,
        what=asked.what,
        rows=len(rows),
    )
    return f"vigil-audit-{now.astimezone(actor.zone):%Y-%m-%d-%H%M}.csv", body


def _rows(session: Session, actor: Actor, entries: Sequence[AuditEntry]) -> list[tuple[str, ...]]:
    """What somebody put in words stays here: it may name a patient."""
    names = staff.names(session, words.people(entries))
    codes = queries.codes(session, [one.patient_id for one in entries if one.patient_id])
    return [
        (
            f"{one.at.astimezone(actor.zone):%Y-%m-%d %H:%M:%S%z}",
            words.who(one, names),
            words.action(one),
            words.patient(one, codes),
            words.details(one, names, written=False),
        )
        for one in entries
    ]


def _csv(stamp: Stamp, about: str, rows: Sequence[tuple[str, ...]]) -> bytes:
    header = [(stamp.notice,), (stamp.grounds,), (about,)]
    return b"\xef\xbb\xbf" + csv_file.lines([*header, COLUMNS, *rows])
