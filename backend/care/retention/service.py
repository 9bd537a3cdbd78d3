"""Say how long things are kept; set and lift legal holds."""

from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.care.retention import queries
from backend.care.retention.models import Kept, LegalHold, LegalHoldEnd, RetentionRule
from backend.core.errors import Conflict, Invalid
from backend.stays.models import Stay

# 45 CFR 164.316(b)(2)(i) keeps what documents the safeguards for six years; the accounting of
# 42 CFR 2.25 looks back three.
LEAST_YEARS = {Kept.RECORD: 5, Kept.SHARING: 3, Kept.AUDIT: 6}


def set_rule(
    session: Session, actor_id: int, *, unit_id: int, kept: Kept, years: int, source: str
) -> RetentionRule:
    """The unit's own decision, with the law or contract behind it. The rule before stays known."""
    least = LEAST_YEARS[kept]
    if not least <= years <= 100:
        raise Invalid(f"The {kept.value} is kept for at least {least} and at most 100 years.")
    if not source.strip():
        raise Invalid("Say which law or contract wants it.")
    rule = RetentionRule(
        unit_id=unit_id, kept=kept, years=years, source=source.strip(), set_by=actor_id
    )
    session.add(rule)
    session.flush()
    audit.record(
        session,
        actor_id,
        "retention.rule_set",
        unit_id=unit_id,
        kept=kept.value,
        years=years,
    )
    return rule


def hold(
    session: Session,
    actor_id: int,
    *,
    key: UUID,
    unit_id: int,
    reason: str,
    stay: Stay | None = None,
) -> LegalHold:
    """From now on nothing of this stay, or of the unit, may go."""
    if not reason.strip():
        raise Invalid("Say why nothing may go.")
    if already := queries.hold_by_key(session, key):
        return already
    row = LegalHold(
        key=key,
        unit_id=unit_id,
        stay_id=stay.id if stay else None,
        reason=reason.strip(),
        set_by=actor_id,
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        actor_id,
        "retention.held",
        unit_id=unit_id,
        stay_id=row.stay_id,
        hold_id=row.id,
    )
    return row


def lift(session: Session, actor_id: int, *, unit_id: int, hold_id: int, reason: str) -> None:
    """The hold no longer stands; that it did stays on record."""
    if not reason.strip():
        raise Invalid("Say why it is lifted.")
    standing = {one.id: one for one in queries.holds(session, unit_id)}
    if hold_id not in standing:
        raise Conflict("No such hold stands on this unit.")
    row = LegalHoldEnd(hold_id=hold_id, unit_id=unit_id, reason=reason.strip(), ended_by=actor_id)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict("Somebody has lifted it meanwhile.") from error
    audit.record(
        session,
        actor_id,
        "retention.hold_lifted",
        unit_id=unit_id,
        stay_id=standing[hold_id].stay_id,
        hold_id=hold_id,
    )
