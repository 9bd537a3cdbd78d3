"""Questions about how long things are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from backend.accounts.units.models import Unit
from backend.audit.models import AuditEntry
from backend.care.disclosures.models import Disclosure, DisclosurePatient
from backend.care.retention.models import Kept, LegalHold, LegalHoldEnd, RetentionRule
from backend.stays.models import Stay


@dataclass(frozen=True, kw_only=True)
class Past:
    """What is past its time, of one kind. Without a rule nothing ever is."""

    kept: Kept
    rule: RetentionRule | None
    before: datetime | None
    rows: int
    # Of these, what a hold keeps.
    held: int


def rules(session: Session, unit_id: int) -> dict[Kept, RetentionRule]:
    """The rule of each kind that has one."""
    rows = session.scalars(
        select(RetentionRule)
        .where(RetentionRule.unit_id == unit_id)
        .ext(distinct_on(RetentionRule.kept))
        .order_by(RetentionRule.kept, RetentionRule.id.desc())
    )
    return {row.kept: row for row in rows}


def holds(session: Session, unit_id: int) -> Sequence[LegalHold]:
    """Those that stand, the oldest first."""
    return session.scalars(
        select(LegalHold)
        .outerjoin(LegalHoldEnd, LegalHoldEnd.hold_id == LegalHold.id)
        .where(LegalHold.unit_id == unit_id, LegalHoldEnd.id.is_(None))
        .order_by(LegalHold.id)
    ).all()


def hold_by_key(session: Session, key: UUID) -> LegalHold | None:
    """The hold that this deed has already set, if it has."""
    return session.scalars(select(LegalHold).where(LegalHold.key == key)).one_or_none()


def years_before(now: datetime, zone: ZoneInfo, years: int) -> datetime:
    """On the unit's calendar; from a leap day, the 28th."""
    local = now.astimezone(zone)
    try:
        return local.replace(year=local.year - years)
    except ValueError:
        return local.replace(year=local.year - years, day=28)


def past_their_time(session: Session, unit: Unit, now: datetime) -> list[Past]:
    """By kind: what a purge might look at. It only counts."""
    zone = ZoneInfo(unit.time_zone)
    known = rules(session, unit.id)
    standing = holds(session, unit.id)
    everything = any(hold.stay_id is None for hold in standing)
    stays = [hold.stay_id for hold in standing if hold.stay_id is not None]
    found = []
    for kept in Kept:
        rule = known.get(kept)
        before = years_before(now, zone, rule.years) if rule else None
        rows = held = 0
        if before is not None:
            rows = _count(session, kept, unit.id, before)
            held = rows if everything else _count(session, kept, unit.id, before, stays)
        found.append(Past(kept=kept, rule=rule, before=before, rows=rows, held=held))
    return found


def _count(
    session: Session, kept: Kept, unit_id: int, before: datetime, stays: list[int] | None = None
) -> int:
    """Stays, disclosures or audit entries that ended before; of these stays only, where given."""
    match kept:
        case Kept.RECORD:
            where = [Stay.unit_id == unit_id, Stay.discharged_at < before]
            of_stays: ColumnElement[bool] = Stay.id.in_(stays or [])
            counted = select(func.count(Stay.id))
        case Kept.SHARING:
            where = [Disclosure.unit_id == unit_id, Disclosure.at < before]
            of_stays = Disclosure.id.in_(
                select(DisclosurePatient.disclosure_id).where(
                    DisclosurePatient.stay_id.in_(stays or [])
                )
            )
            counted = select(func.count(Disclosure.id))
        case Kept.AUDIT:
            where = [AuditEntry.unit_id == unit_id, AuditEntry.at < before]
            of_stays = AuditEntry.stay_id.in_(stays or [])
            counted = select(func.count(AuditEntry.id))
    if stays is not None:
        where.append(of_stays)
    return session.scalars(counted.where(*where)).one()
