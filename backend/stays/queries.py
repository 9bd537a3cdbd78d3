"""Questions about stays: who lies where, and what must stand in the banner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from backend.accounts.units.models import Bed
from backend.patients import queries as patients
from backend.patients.models import Patient
from backend.stays.leave import queries as leave
from backend.stays.leave import words as leave_words
from backend.stays.models import Placement, Stay


@dataclass(frozen=True, kw_only=True)
class Banner:
    """What is shown about the patient wherever something can be recorded."""

    stay_id: int
    bed_label: str | None
    name: str
    code: str
    born_on_words: str
    age_words: str
    day_of_stay: int
    allergies: str
    risks: tuple[str, ...]
    substances: str
    use_history: str | None
    discharged: bool
    # Where they are, since when and until when, if they are not on the unit.
    away: str | None


def by_key(session: Session, key: UUID) -> Stay | None:
    """The stay that this deed has already made, if it has."""
    return session.scalars(select(Stay).where(Stay.key == key)).one_or_none()


def current(session: Session, unit_id: int) -> Sequence[Stay]:
    """Everybody on the unit now, with or without a bed."""
    return session.scalars(
        select(Stay).where(Stay.unit_id == unit_id, Stay.discharged_at.is_(None)).order_by(Stay.id)
    ).all()


def bed_now(session: Session, stay_id: int) -> Bed | None:
    """The bed this stay lies in, if it has one."""
    return session.scalars(
        select(Bed)
        .join(Placement, Placement.bed_id == Bed.id)
        .where(Placement.stay_id == stay_id, Placement.until_at.is_(None))
    ).one_or_none()


def placement_now(session: Session, stay_id: int) -> Placement | None:
    """Since when this stay lies where it lies; None where it has no bed."""
    return session.scalars(
        select(Placement).where(Placement.stay_id == stay_id, Placement.until_at.is_(None))
    ).one_or_none()


def free_beds(session: Session, unit_id: int) -> Sequence[Bed]:
    """Beds that nobody lies in."""
    taken = select(Placement.bed_id).where(Placement.until_at.is_(None))
    return session.scalars(
        select(Bed)
        .where(Bed.unit_id == unit_id, Bed.retired_at.is_(None), Bed.id.not_in(taken))
        .order_by(Bed.position, Bed.id)
    ).all()


def placements_between(
    session: Session, unit_id: int, start: datetime, end: datetime
) -> Sequence[Placement]:
    """Every placement that touches this time."""
    return session.scalars(
        select(Placement)
        .where(
            Placement.unit_id == unit_id,
            Placement.from_at < end,
            (Placement.until_at.is_(None)) | (Placement.until_at > start),
        )
        .order_by(Placement.from_at)
    ).all()


def day_of_stay(stay: Stay, zone: ZoneInfo, now: datetime) -> int:
    """Day 1 is the calendar day of admission on the unit's clock."""
    first = stay.admitted_at.astimezone(zone).date()
    last = (stay.discharged_at or now).astimezone(zone).date()
    return (last - first).days + 1


def age_years(patient: Patient, zone: ZoneInfo, now: datetime) -> int | None:
    """Whole years on the unit's calendar; None when the date of birth is not known."""
    if patient.born_on is None:
        return None
    today = now.astimezone(zone).date()
    had_birthday = (today.month, today.day) >= (
        patient.born_on.month,
        patient.born_on.day,
    )
    return today.year - patient.born_on.year - (0 if had_birthday else 1)


def banner(session: Session, stay: Stay, zone: ZoneInfo, now: datetime) -> Banner:
    """Name, bed, date of birth, allergies and risks. What nobody has asked reads "not asked"."""
    patient, bed_label = session.execute(
        select(Patient, Bed.label)
        .select_from(Patient)
        .outerjoin(Placement, and_(Placement.stay_id == stay.id, Placement.until_at.is_(None)))
        .outerjoin(Bed, Bed.id == Placement.bed_id)
        .where(Patient.id == stay.patient_id)
    ).one()
    age = age_years(patient, zone, now)
    gone = leave.away(session, [stay.id]).get(stay.id)
    return Banner(
        stay_id=stay.id,
        bed_label=bed_label,
        name=f"{patient.family_name}, {patient.given_name}",
        code=patient.code,
        born_on_words=f"{patient.born_on:%d %b %Y}" if patient.born_on else "not known",
        age_words=f"{age} y" if age is not None else "age not known",
        day_of_stay=day_of_stay(stay, zone, now),
        allergies=patient.allergies or "not asked",
        risks=patients.risks(session, [patient.id]).get(patient.id, ()),
        substances=", ".join(stay.substances) or "not recorded",
        use_history=stay.use_history,
        discharged=stay.discharged_at is not None,
        away=leave_words.told(gone, zone, now) if gone else None,
    )
