"""Account to a patient for what has left with their name, as rows and as a file."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
# 42 CFR 2.24: whom a consent to everybody of a kind has reached, when, and with what.
REACHED = ("when", "to whom", "of what organisation", "what was told", "the patient agreed to")
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


def reached(entry: Entry, zone: ZoneInfo) -> tuple[str, ...]:
    """One disclosure under a general designation, in the order of REACHED."""
    one = entry.disclosure
    when, what = row(entry, zone)[:2]
    kinds = ", ".join(sorted(kind.value for kind in disclosures.KINDS.get(one.what, ())))
    return (when, one.recipient, one.affiliation, f"{what}: {kinds}", entry.designation or "")


@dataclass(frozen=True, kw_only=True)
class Account:
    """One of the two lists that a patient may ask for."""

    title: str
    name: str
    purpose: str
    about: str
    columns: tuple[str, ...]
    tell: Callable[[Entry, ZoneInfo], tuple[str, ...]]
    wanted: Callable[[Entry], bool]


ACCOUNTS: dict[str, Account] = {
    "accounting": Account(
        title="Accounting of disclosures",
        name="accounting",
        purpose="accounting of disclosures, 42 CFR 2.25",
        about="What has left with the name",
        columns=COLUMNS,
        tell=row,
        wanted=lambda _: True,
    ),
    "intermediary": Account(
        title="Whom a consent to everybody of a kind has reached",
        name="intermediary",
        purpose="list of disclosures by an intermediary, 42 CFR 2.24",
        about="What was told under a consent to everybody of a kind",
        columns=REACHED,
        tell=reached,
        wanted=lambda entry: entry.designation is not None,
    ),
}


def rows(
    session: Session, account: Account, stay: Stay, zone: ZoneInfo, now: datetime
) -> tuple[tuple[str, ...], ...]:
    """The list of one patient, the oldest first."""
    found = queries.of_patient(session, stay.patient_id, stay.unit_id, since=since(now, zone))
    return tuple(account.tell(one, zone) for one in found if account.wanted(one))


def file(
    session: Session, actor: Actor, stay: Stay, form: str, of: str, *, code: str, now: datetime
) -> tuple[str, str, bytes]:
    """Name, type and bytes of the list. It goes to the patient, and into the ledger too."""
    account = ACCOUNTS[of]
    told = rows(session, account, stay, actor.zone, now)
    about = (
        f"Patient {code}, {actor.unit.name}. {account.about} in the {YEARS} years"
        f" before {local_time.day(now, actor.zone)} {now:%Y}."
    )

    def write(clearance: Clearance) -> Written[bytes]:
        body = _WRITERS[form](clearance.stamp, about, account, told, now)
        return Written(value=body, body=lambda: body, rows=len(told))

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
            purpose=account.purpose,
        ),
    )
    body = disclosures.release(session, leaving, write)
    at = f"{now.astimezone(actor.zone):%Y-%m-%d-%H%M}"
    return f"vigil-{account.name}-{at}.{form}", MEDIA[form], body


Rows = Sequence[tuple[str, ...]]


def _csv(stamp: Stamp, about: str, account: Account, told: Rows, _: datetime) -> bytes:
    header = [(stamp.notice,), (stamp.grounds,), (about,)]
    return b"\xef\xbb\xbf" + csv_file.lines([*header, account.columns, *told])


def _pdf(stamp: Stamp, about: str, account: Account, told: Rows, now: datetime) -> bytes:
    accounting = {
        "title": account.title,
        "notice": stamp.notice,
        "grounds": stamp.grounds,
        "about": about,
        "columns": account.columns,
        "rows": told,
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
