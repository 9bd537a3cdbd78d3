"""Write down an emergency disclosure, a patient's wish, and the answer to it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.care.disclosures import queries
from backend.care.disclosures.models import (
    Basis,
    Disclosure,
    DisclosurePatient,
    Restriction,
    RestrictionAnswer,
    Verdict,
    What,
)
from backend.core import live
from backend.core.errors import Conflict, Invalid, NotFound
from backend.stays.models import Stay

SENT_BEFORE = "This form was already sent with other values. Open it again."
TOPIC = "disclosures"


def told_in_emergency(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    recipient: str,
    affiliation: str,
    told_at: datetime,
    nature: str,
    told: str,
    now: datetime,
) -> None:
    """42 CFR 2.51(c). The privacy officer's page says so at once."""
    # The form tells minutes: the minute of the admission counts.
    if told_at > now or told_at < stay.admitted_at.replace(second=0, microsecond=0):
        raise Invalid(
            "Check when it was told.",
            {"told_at": "It must lie between the admission and now."},
        )
    if already := queries.by_key(session, key):
        if (already.recipient, already.nature) != (recipient, nature):
            raise Conflict(SENT_BEFORE)
        return
    entry = Disclosure(
        key=key,
        unit_id=stay.unit_id,
        by_id=actor_id,
        what=What.TOLD,
        form="told",
        basis=Basis.EMERGENCY,
        sha256="",
        row_count=1,
        recipient=recipient,
        affiliation=affiliation,
        purpose=told,
        nature=nature,
        told_at=told_at,
    )
    try:
        with session.begin_nested():
            session.add(entry)
    except IntegrityError:
        return  # the same form, sent twice at once
    session.add(
        DisclosurePatient(
            disclosure_id=entry.id,
            stay_id=stay.id,
            patient_id=stay.patient_id,
            unit_id=stay.unit_id,
        )
    )
    session.flush()
    audit.record(
        session,
        actor_id,
        "disclosure.told_in_emergency",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        disclosure_id=entry.id,
    )
    live.announce(session, TOPIC)


def ask_restriction(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    asked: str,
    recipient: str | None,
) -> None:
    """42 CFR 2.26. It binds once the privacy officer has agreed."""
    done = session.scalars(select(Restriction).where(Restriction.key == key)).one_or_none()
    if done is not None:
        if (done.stay_id, done.asked) != (stay.id, asked):
            raise Conflict(SENT_BEFORE)
        return
    row = Restriction(
        key=key,
        patient_id=stay.patient_id,
        stay_id=stay.id,
        unit_id=stay.unit_id,
        asked=asked,
        recipient=recipient,
        taken_by=actor_id,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return
    audit.record(
        session,
        actor_id,
        "restriction.asked",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        restriction_id=row.id,
    )
    live.announce(session, TOPIC)


def answer_restriction(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    restriction_id: int,
    verdict: Verdict,
    reason: str,
) -> None:
    """Agree, decline, or lift what was agreed; each answer stays on record."""
    done = session.scalars(
        select(RestrictionAnswer).where(RestrictionAnswer.key == key)
    ).one_or_none()
    if done is not None:
        if (done.restriction_id, done.verdict) != (restriction_id, verdict):
            raise Conflict(SENT_BEFORE)
        return
    # Two answers at once take turns.
    session.execute(select(Stay.id).where(Stay.id == stay.id).with_for_update())
    wish = next(
        (
            one
            for one in queries.wishes(session, stay.patient_id, stay.unit_id)
            if one.request.id == restriction_id
        ),
        None,
    )
    if wish is None:
        raise NotFound("There is no such request of this patient.")
    if (verdict is Verdict.LIFTED) != (wish.verdict is Verdict.AGREED):
        raise Conflict("This request has been answered meanwhile. Open the page again.")
    row = RestrictionAnswer(
        key=key,
        restriction_id=restriction_id,
        unit_id=stay.unit_id,
        verdict=verdict,
        reason=reason,
        decided_by=actor_id,
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        actor_id,
        "restriction.answered",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        reason=verdict.value,
        restriction_id=restriction_id,
    )
    live.announce(session, TOPIC)
