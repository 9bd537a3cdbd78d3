"""Questions about the audit trail, each answered over an index however long the trail is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Row,
    func,
    literal_column,
    select,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session

from backend.accounts.staff.models import Posting, Staff
from backend.audit.models import VIEWED, AuditAnchor, AuditCheck, AuditEntry
from backend.patients.models import Patient
from backend.reports.privacy.words import What
from backend.stays.models import Stay

CENSUS = "census.viewed"
# Neither deeds nor opened charts: few, and found by an index of their own.
RARE: dict[str, tuple[str, ...]] = {
    "exports": ("report.exported", "disclosure.made", "audit.exported"),
    "refusals": (
        "access.refused",
        "disclosure.refused",
        "sign_in.refused",
        "sign_in.second_factor_refused",
        "sign_in.unlock_refused",
        "sign_in.workstation_code_refused",
        "step_up.refused",
    ),
    "sign-ins": (
        "sign_in.begun",
        "sign_in.ended",
        "sign_in.all_ended",
        "sign_in.refused",
        "sign_in.second_factor_refused",
        "sign_in.unlock_refused",
        "sign_in.unlocked",
        "step_up.proved",
        "step_up.refused",
    ),
    "glass": ("glass.broken", "glass.used", "glass.ended", "glass.refused", "glass.reviewed"),
}
# They saw who saw the patient, and nothing of the record.
ABOUT_THE_TRAIL = ("audit.read", "audit.searched")
READS = (VIEWED, CENSUS, "wallboard.shown", "report.viewed")


# Word for word the condition of the index, so that a prepared plan may use it.
RARELY: ColumnElement[bool] = literal_column(
    "(NOT audit_entry.deed AND audit_entry.action <> 'audit.viewed')", Boolean
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What part of the trail: `before` is the last entry of the page before this one.

    Without a unit it is what belongs to none; the database shows that to a privacy officer only.
    """

    unit_id: int | None
    patient_id: int | None = None
    actor_id: int | None = None
    what: What = "all"
    since: datetime | None = None
    until: datetime | None = None
    before: tuple[datetime, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Seer:
    """One person, and when they first and last had to do with a patient."""

    name: str
    times: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How the trail is kept."""

    seal_lag_s: float
    check: AuditCheck | None
    anchors: Sequence[Row[str, datetime | None, datetime]]


def page(session: Session, asked: Asked, most: int) -> list[AuditEntry]:
    """The newest of them first."""
    newest = (AuditEntry.at.desc(), AuditEntry.id.desc())
    wanted = select(AuditEntry).where(*_conditions(asked))
    alone = asked.patient_id is None and asked.actor_id is None
    if asked.what in RARE and alone:
        # A branch for each action reads no further than one page of it.
        few = [
            select(AuditEntry.id)
            .where(*_conditions(asked), AuditEntry.action == action)
            .order_by(*newest)
            .limit(most)
            .subquery()
            for action in RARE[asked.what]
        ]
        ids = union_all(*(select(branch.c.id) for branch in few))
        wanted = select(AuditEntry).where(AuditEntry.id.in_(ids))
    elif asked.what in RARE:
        wanted = wanted.where(AuditEntry.action.in_(RARE[asked.what]))
    return list(session.scalars(wanted.order_by(*newest).limit(most)))


def _conditions(asked: Asked) -> list[ColumnElement[bool]]:
    entry = AuditEntry
    unit = entry.unit_id.is_(None) if asked.unit_id is None else entry.unit_id == asked.unit_id
    found = [unit, *_kinds(asked.what)]
    if asked.patient_id is not None:
        found.append(entry.patient_id == asked.patient_id)
    if asked.actor_id is not None:
        found.append(entry.actor_id == asked.actor_id)
    if asked.since is not None:
        found.append(entry.at >= asked.since)
    if asked.until is not None:
        found.append(entry.at < asked.until)
    if asked.before is not None:
        found.append(tuple_(entry.at, entry.id) < tuple_(*asked.before))
    return found


def _kinds(what: What) -> list[ColumnElement[bool]]:
    if what == "deeds":
        return [AuditEntry.deed.is_(True)]
    if what == "reads":
        return [AuditEntry.action.in_(READS)]
    return [RARELY] if what in RARE else []


def who_saw(session: Session, unit_id: int, patient_id: int) -> list[Seer]:
    """Everybody who opened, wrote into or was refused the record of this patient."""
    rows = session.execute(
        select(
            Staff.name,
            func.count().label("times"),
            func.min(AuditEntry.at).label("first_at"),
            func.max(AuditEntry.at).label("last_at"),
        )
        .join(Staff, Staff.id == AuditEntry.actor_id)
        .where(
            AuditEntry.unit_id == unit_id,
            AuditEntry.patient_id == patient_id,
            AuditEntry.action.not_in(ABOUT_THE_TRAIL),
        )
        .group_by(Staff.id)
        .order_by(func.max(AuditEntry.at).desc())
    )
    return [Seer(**row._asdict()) for row in rows]


def who_saw_on_a_board(session: Session, unit_id: int, patient_id: int) -> list[Seer]:
    """Everybody whom a board, wall or list showed this patient, while they lay here."""
    rows = session.execute(
        select(
            Staff.name,
            func.count().label("times"),
            func.min(AuditEntry.at).label("first_at"),
            func.max(AuditEntry.at).label("last_at"),
        )
        .select_from(Stay)
        .join(
            AuditEntry,
            (AuditEntry.unit_id == Stay.unit_id)
            & (AuditEntry.action == CENSUS)
            & RARELY
            & (AuditEntry.at >= func.least(Stay.admitted_at, Stay.created_at))
            & (AuditEntry.at < func.coalesce(Stay.discharged_at, func.now()) + timedelta(hours=1)),
        )
        .join(Staff, Staff.id == AuditEntry.actor_id)
        .where(
            Stay.unit_id == unit_id,
            Stay.patient_id == patient_id,
            AuditEntry.subject["stay_ids"].contains(func.to_jsonb(Stay.id)),
        )
        .group_by(Staff.id)
        .order_by(func.max(AuditEntry.at).desc())
    )
    return [Seer(**row._asdict()) for row in rows]


def people(session: Session, unit_id: int) -> list[tuple[int, str]]:
    """Whoever works on the unit, or has."""
    rows = session.execute(
        select(Staff.id, Staff.name)
        .where(Staff.id.in_(select(Posting.staff_id).where(Posting.unit_id == unit_id)))
        .order_by(Staff.name)
    )
    return [(row.id, row.name) for row in rows]


def patient_by_code(session: Session, unit_id: int, code: str) -> int | None:
    """The patient of this code, if they have lain on this unit."""
    return session.scalars(
        select(Patient.id)
        .join(Stay, Stay.patient_id == Patient.id)
        .where(Patient.code == code.strip().upper(), Stay.unit_id == unit_id)
        .limit(1)
    ).first()


def codes(session: Session, patient_ids: Sequence[int]) -> dict[int, str]:
    """The codes of those patients that this unit knows."""
    rows = session.execute(select(Patient.id, Patient.code).where(Patient.id.in_(patient_ids)))
    return {row.id: row.code for row in rows}


def standing(session: Session) -> Standing:
    """Sealed, checked, anchored: each as it stands now."""
    newest = select(AuditCheck).order_by(AuditCheck.id.desc()).limit(1)
    places = session.execute(
        select(
            AuditAnchor.place,
            func.max(AuditAnchor.at).filter(AuditAnchor.failure.is_(None)).label("kept_at"),
            func.max(AuditAnchor.at).label("tried_at"),
        )
        .where(AuditAnchor.at > func.now() - timedelta(days=7))
        .group_by(AuditAnchor.place)
        .order_by(AuditAnchor.place)
    )
    return Standing(
        seal_lag_s=session.scalar(text("SELECT seal_lag_s FROM audit_health")) or 0.0,
        check=session.scalars(newest).one_or_none(),
        anchors=places.all(),
    )
