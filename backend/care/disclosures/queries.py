"""Questions about what has left, and about who asked that it should not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from backend.accounts.staff import queries as staff
from backend.care.consents.models import Consent, RecipientKind
from backend.care.disclosures.models import (
    Basis,
    Disclosure,
    DisclosurePatient,
    DisclosureReview,
    Restriction,
    RestrictionAnswer,
    Verdict,
    What,
)
from backend.patients.models import Patient
from backend.stays.models import Stay


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the ledger."""

    disclosure: Disclosure
    by: str
    named: int
    # Where it was about one patient only.
    stay_id: int | None
    consent_id: int | None
    # The kind of recipient, where the consent was to everybody of a kind.
    designation: str | None = None


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


def of_unit(session: Session, unit_id: int, *, since: datetime, most: int) -> Sequence[Entry]:
    """What has left the unit since then, with names or without, the newest first."""
    return _entries(
        session, Disclosure.unit_id == unit_id, Disclosure.at >= since, most=most, newest=True
    )


def unseen_emergencies(session: Session, unit_id: int) -> Sequence[Entry]:
    """What was told in an emergency and no privacy officer has seen yet, the oldest first."""
    seen = select(DisclosureReview.disclosure_id)
    return _entries(
        session,
        Disclosure.unit_id == unit_id,
        Disclosure.basis == Basis.EMERGENCY,
        Disclosure.id.not_in(seen),
        most=100,
    )


def _entries(
    session: Session, *where: ColumnElement[bool], most: int, newest: bool = False
) -> Sequence[Entry]:
    rows = session.execute(
        select(
            Disclosure,
            func.count(DisclosurePatient.stay_id),
            func.min(DisclosurePatient.stay_id),
        )
        .outerjoin(DisclosurePatient, DisclosurePatient.disclosure_id == Disclosure.id)
        .where(*where)
        .group_by(Disclosure.id)
        .order_by(Disclosure.id.desc() if newest else Disclosure.id)
        .limit(most)
    ).all()
    names = staff.names(session, [row[0].by_id for row in rows])
    return [
        Entry(
            disclosure=one,
            by=names[one.by_id],
            named=named,
            stay_id=first if named == 1 else None,
            consent_id=None,
        )
        for one, named, first in rows
    ]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A request to keep something back, with every answer to it, the oldest first."""

    request: Restriction
    answers: Sequence[RestrictionAnswer]
    names: dict[int, str]

    @property
    def verdict(self) -> Verdict | None:
        """The newest answer; None: nobody has decided yet."""
        return self.answers[-1].verdict if self.answers else None


def wishes(session: Session, patient_id: int, unit_id: int) -> Sequence[Wish]:
    """Every request of this patient, the newest first."""
    requests = session.scalars(
        select(Restriction)
        .where(Restriction.patient_id == patient_id, Restriction.unit_id == unit_id)
        .order_by(Restriction.id.desc())
    ).all()
    answers = session.scalars(
        select(RestrictionAnswer)
        .where(RestrictionAnswer.restriction_id.in_([one.id for one in requests]))
        .order_by(RestrictionAnswer.id)
    ).all()
    people = [one.taken_by for one in requests] + [one.decided_by for one in answers]
    names = staff.names(session, people)
    return [
        Wish(
            request=one,
            answers=[answer for answer in answers if answer.restriction_id == one.id],
            names=names,
        )
        for one in requests
    ]


def undecided(session: Session, unit_id: int) -> Sequence[Restriction]:
    """Requests that nobody has answered yet, the oldest first."""
    answered = select(RestrictionAnswer.restriction_id)
    return session.scalars(
        select(Restriction)
        .where(Restriction.unit_id == unit_id, Restriction.id.not_in(answered))
        .order_by(Restriction.id)
    ).all()


def of_patient(
    session: Session, patient_id: int, unit_id: int, *, since: datetime
) -> Sequence[Entry]:
    """What has left with this patient's name since then, the oldest first."""
    rows = session.execute(
        select(Disclosure, DisclosurePatient, Consent)
        .join(DisclosurePatient, DisclosurePatient.disclosure_id == Disclosure.id)
        .outerjoin(Consent, Consent.id == DisclosurePatient.consent_id)
        .where(
            DisclosurePatient.patient_id == patient_id,
            Disclosure.unit_id == unit_id,
            Disclosure.at >= since,
        )
        .order_by(Disclosure.at, Disclosure.id)
    ).all()
    names = staff.names(session, [one.by_id for one, _, _ in rows])
    return [
        Entry(
            disclosure=one,
            by=names[one.by_id],
            named=1,
            stay_id=line.stay_id,
            consent_id=line.consent_id,
            designation=consent.recipient
            if consent and consent.recipient_kind is RecipientKind.CLASS
            else None,
        )
        for one, line, consent in rows
    ]


def stay_by_code(session: Session, code: str, unit_id: int) -> int | None:
    """The newest stay on this unit of the patient who goes by this code."""
    return session.scalars(
        select(Stay.id)
        .join(Patient, Patient.id == Stay.patient_id)
        .where(func.lower(Patient.code) == code.lower(), Stay.unit_id == unit_id)
        .order_by(Stay.admitted_at.desc())
        .limit(1)
    ).one_or_none()
