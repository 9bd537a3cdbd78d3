"""Account to a patient for what has left with their name, as rows and as a file."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import typst
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.audit import service as audit
from backend.care.disclosures import queries
from backend.care.disclosures import service as disclosures
from backend.care.disclosures.models import Basis, Disclosure, DisclosureReview, What
from backend.care.disclosures.notice import Stamp
from backend.care.disclosures.queries import Entry
from backend.care.disclosures.service import Clearance, Grounds, Leaving, Written
from backend.core import live, local_time
from backend.reports.shift import csv_file
from backend.stays.models import Stay

# 42 CFR 2.25 goes back three years.
YEARS = 3
COLUMNS = ("when", "what", "to whom", "of what organisation", "what for", "ground", "by")
TEMPLATE = Path(__file__).parent / "accounting.typ"
MEDIA = {"pdf": "application/pdf", "csv": csv_file.MEDIA_TYPE}


def since(now: datetime, zone: ZoneInfo) -> datetime:
    """Three years ago, on the unit's clock; from a leap day, the 28th."""
    local = now.astimezone(zone)
    try:
        return local.replace(year=local.year - YEARS)
    except ValueError:
        return local.replace(year=local.year - YEARS, day=28)


def row(entry: Entry, zone: ZoneInfo) -> tuple[str, ...]:
    """One disclosure in words, in the order of COLUMNS."""
    one = entry.disclosure
    at = one.told_at or one.at
    ground = one.basis.value
    if entry.consent_id is not None:
        ground += f" no. {entry.consent_id}"
    if one.nature:
        ground += f": {one.nature}"
    when = f"{local_time.day_and_time(at, zone)} {at.astimezone(zone):%Y}"
    return (when, one.what.value, one.recipient, one.affiliation, one.purpose, ground, entry.by)


def file(
    session: Session, actor: Actor, stay: Stay, form: str, *, code: str, now: datetime
) -> tuple[str, str, bytes]:
    """Name, type and bytes of the accounting. It goes to the patient, and into the ledger too."""
    entries = queries.of_patient(
        session, stay.patient_id, stay.unit_id, since=since(now, actor.zone)
    )
    rows = [row(one, actor.zone) for one in entries]
    about = (
        f"Patient {code}, {actor.unit.name}. What has left with the name in the {YEARS} years"
        f" before {local_time.day(now, actor.zone)} {now:%Y}."
    )

    def write(clearance: Clearance) -> Written[bytes]:
        body = _WRITERS[form](clearance.stamp, about, rows, now)
        return Written(value=body, body=lambda: body, rows=len(rows))

    leaving = Leaving(
        unit=actor.unit,
        by=actor.id,
        actor=actor,
        what=What.ACCOUNTING,
        form=form,
        whose={stay.id: stay.patient_id},
        grounds=Grounds(
            basis=Basis.PATIENT,
            recipient="the patient",
            affiliation="none",
            purpose="accounting of disclosures, 42 CFR 2.25",
        ),
    )
    body = disclosures.release(session, leaving, write)
    return f"vigil-accounting-{now.astimezone(actor.zone):%Y-%m-%d-%H%M}.{form}", MEDIA[form], body


def _csv(stamp: Stamp, about: str, rows: Sequence[tuple[str, ...]], _: datetime) -> bytes:
    header = [(stamp.notice,), (stamp.grounds,), (about,)]
    return b"\xef\xbb\xbf" + csv_file.lines([*header, COLUMNS, *rows])


def _pdf(stamp: Stamp, about: str, rows: Sequence[tuple[str, ...]], now: datetime) -> bytes:
    accounting = {
        "notice": stamp.notice,
        "grounds": stamp.grounds,
        "about": about,
        "columns": COLUMNS,
        "rows": rows,
    }
    made: bytes = typst.compile(
        TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs={"accounting": json.dumps(accounting)},
        timestamp=int(now.timestamp()),
    )
    return made


_WRITERS = {"csv": _csv, "pdf": _pdf}


def seen(session: Session, actor: Actor, disclosure: Disclosure) -> None:
    """The privacy officer has looked at it. Twice is once."""
    row = DisclosureReview(
        disclosure_id=disclosure.id, unit_id=disclosure.unit_id, reviewed_by=actor.id
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return
    audit.record(
        session,
        actor.id,
        "disclosure.reviewed",
        unit_id=disclosure.unit_id,
        disclosure_id=disclosure.id,
    )
    live.announce(session, "disclosures")
