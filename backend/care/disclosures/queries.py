"""Questions about what has left, and about who asked that it should not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from backend.accounts.staff import queries as staff
from backend.care.disclosures.models import (
    Basis,
    Disclosure,
    DisclosurePatient,
    Restriction,
    RestrictionAnswer,
    Verdict,
    What,
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the ledger."""

    disclosure: Disclosure
    by: str
    named: int
    consent_id: int | None


def by_key(session: Session, key: UUID) -> Disclosure | None:
    """What this deed has already let out, if it has."""
    return session.scalars(select(Disclosure).where(Disclosure.key == key)).one_or_none()


def files_lately(session: Session, actor_id: int, within: timedelta) -> int:
    """How many files this person has taken out in this time, by the database's clock."""
    return _lately(session, actor_id, within, files=True)


def answers_lately(session: Session, actor_id: int, within: timedelta) -> int:
    """How many stays with names this machine has read in this time."""
    return _lately(session, actor_id, within, files=False)


def _lately(session: Session, actor_id: int, within: timedelta, *, files: bool) -> int:
    answer = Disclosure.form == "answer"
    return session.scalars(
        select(func.count()).where(
            Disclosure.by_id == actor_id,
            Disclosure.at > func.clock_timestamp() - within,
            ~answer if files else answer,
            Disclosure.what != What.TOLD,
        )
    ).one()


def told_lately(session: Session, actor_id: int, what: What, stay_id: int) -> bool:
    """Whether this machine has read this of this stay within a quarter of an hour."""
    found = session.scalars(
        select(Disclosure.id)
        .join(DisclosurePatient, DisclosurePatient.disclosure_id == Disclosure.id)
        .where(
            Disclosure.by_id == actor_id,
            Disclosure.what == what,
            Disclosure.form == "answer",
            Disclosure.at > func.clock_timestamp() - timedelta(minutes=15),
            DisclosurePatient.stay_id == stay_id,
        )
        .limit(1)
    )
    return found.one_or_none() is not None


def restricted(
    session: Session, patient_ids: Collection[int], recipients: Collection[str] = ()
) -> set[int]:
    """Whose wish stands that nothing leaves with the name, or nothing to one of these."""
    known = {" ".join(words.casefold().split()) for words in recipients}
    found = set()
    for request, answer in _answered(session, patient_ids):
        about = request.recipient
        applies = about is None or " ".join(about.casefold().split()) in known
        if answer is Verdict.AGREED and applies:
            found.add(request.patient_id)
    return found


def _answered(
    session: Session, patient_ids: Collection[int]
) -> Sequence[tuple[Restriction, Verdict]]:
    newest = (
        select(RestrictionAnswer.restriction_id, RestrictionAnswer.verdict)
        .ext(distinct_on(RestrictionAnswer.restriction_id))
        .order_by(RestrictionAnswer.restriction_id, RestrictionAnswer.id.desc())
        .subquery()
    )
    rows = session.execute(
        select(Restriction, newest.c.verdict)
        .join(newest, newest.c.restriction_id == Restriction.id)
        .where(Restriction.patient_id.in_(patient_ids))
    )
    return [(request, verdict) for request, verdict in rows]


def of_unit(session: Session, unit_id: int, *, since: datetime, most: int = 500) -> Sequence[Entry]:
    """What has left the unit with names since then, the newest first."""
    rows = session.execute(
        select(Disclosure, func.count(DisclosurePatient.stay_id))
        .join(DisclosurePatient, DisclosurePatient.disclosure_id == Disclosure.id)
        .where(
            Disclosure.unit_id == unit_id, Disclosure.basis != Basis.CODED, Disclosure.at >= since
        )
        .group_by(Disclosure.id)
        .order_by(Disclosure.id.desc())
        .limit(most)
    ).all()
    names = staff.names(session, [row[0].by_id for row in rows])
    return [
        Entry(disclosure=one, by=names[one.by_id], named=named, consent_id=None)
        for one, named in rows
    ]


def of_patient(
    session: Session, patient_id: int, unit_id: int, *, since: datetime
) -> Sequence[Entry]:
    """What has left with this patient's name since then, the oldest first."""
    rows = session.execute(
        select(Disclosure, DisclosurePatient.consent_id)
        .join(DisclosurePatient, DisclosurePatient.disclosure_id == Disclosure.id)
        .where(
            DisclosurePatient.patient_id == patient_id,
            Disclosure.unit_id == unit_id,
            Disclosure.at >= since,
        )
        .order_by(Disclosure.at, Disclosure.id)
    ).all()
    names = staff.names(session, [row[0].by_id for row in rows])
    return [
        Entry(disclosure=one, by=names[one.by_id], named=1, consent_id=consent_id)
        for one, consent_id in rows
    ]
