"""Questions about consents."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from backend.accounts.staff import queries as staff
from backend.care.consents.models import Consent, ConsentEnd


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A consent with what became of it."""

    consent: Consent
    end: ConsentEnd | None
    superseded: bool
    names: dict[int, str]

    @property
    def stands(self) -> bool:
        """Neither taken back nor put anew. Its last day may be over all the same."""
        return self.end is None and not self.superseded


def by_key(session: Session, key: UUID) -> Consent | None:
    """The consent that this deed has already recorded, if it has."""
    return session.scalars(select(Consent).where(Consent.key == key)).one_or_none()


def of_patient(session: Session, patient_id: int, unit_id: int) -> Sequence[Signed]:
    """Every version that was ever signed on this unit, the newest first."""
    newer = aliased(Consent)
    rows = session.execute(
        select(Consent, ConsentEnd, newer.id)
        .outerjoin(ConsentEnd, ConsentEnd.consent_id == Consent.id)
        .outerjoin(newer, newer.supersedes_id == Consent.id)
        .where(Consent.patient_id == patient_id, Consent.unit_id == unit_id)
        .order_by(Consent.id.desc())
    ).all()
    people = [row[0].taken_by for row in rows] + [row[1].ended_by for row in rows if row[1]]
    names = staff.names(session, people)
    return [
        Signed(consent=consent, end=end, superseded=newer_id is not None, names=names)
        for consent, end, newer_id in rows
    ]


def standing(
    session: Session, patient_ids: Collection[int], unit_id: int
) -> dict[int, list[Consent]]:
    """By patient, what has neither been taken back nor put anew."""
    newer = aliased(Consent)
    rows = session.scalars(
        select(Consent)
        .outerjoin(ConsentEnd, ConsentEnd.consent_id == Consent.id)
        .outerjoin(newer, newer.supersedes_id == Consent.id)
        .where(
            Consent.patient_id.in_(patient_ids),
            Consent.unit_id == unit_id,
            ConsentEnd.id.is_(None),
            newer.id.is_(None),
        )
        .order_by(Consent.id)
    )
    found: dict[int, list[Consent]] = {}
    for consent in rows:
        found.setdefault(consent.patient_id, []).append(consent)
    return found
