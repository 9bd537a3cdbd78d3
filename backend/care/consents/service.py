"""Record what a patient signed, and that it was taken back."""

from dataclasses import asdict
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.care.consents import queries
from backend.care.consents.models import (
    Consent,
    ConsentEnd,
    EndKind,
    PurposeKind,
    RecipientClass,
    RecipientKind,
    RecordKind,
)
from backend.care.consents.scope import Terms
from backend.core.errors import Conflict, Invalid
from backend.stays.models import Stay

SENT_BEFORE = "This form was already sent with other values. Open it again."
NO_LONGER = "This consent was changed or revoked meanwhile. Open the page again."


def give(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    terms: Terms,
    today: date,
    now: datetime,
    supersedes_id: int | None = None,
) -> Consent:
    """Record a consent, or the version that takes the place of one that stands."""
    if already := queries.by_key(session, key):
        if (already.stay_id, already.recipient) != (stay.id, terms.recipient):
            raise Conflict(SENT_BEFORE)
        return already
    if wrong := _wrong(terms, today, now):
        raise Invalid("Check the consent; nothing was saved.", wrong)
    if supersedes_id is not None:
        _the_standing(session, stay, supersedes_id)
    consent = Consent(
        key=key,
        patient_id=stay.patient_id,
        stay_id=stay.id,
        unit_id=stay.unit_id,
        taken_by=actor_id,
        supersedes_id=supersedes_id,
        **asdict(terms) | {"scope": [kind.value for kind in terms.scope]},
    )
    try:
        with session.begin_nested():
            session.add(consent)
    except IntegrityError as error:
        if already := queries.by_key(session, key):  # the same deed, sent twice at once
            return already
        raise Conflict(NO_LONGER) from error
    audit.record(
        session,
        actor_id,
        "consent.given",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        consent_id=consent.id,
        supersedes_id=supersedes_id,
    )
    return consent


def _wrong(terms: Terms, today: date, now: datetime) -> dict[str, str]:
    """What cannot be right, by the input it stands in."""
    wrong = {}
    if not terms.scope:
        wrong["scope"] = "Tick what may be told."
    if RecordKind.COUNSELLING in terms.scope and len(set(terms.scope)) > 1:
        wrong["scope"] = "Counselling notes need a consent of their own. Tick nothing else with it."
    classes = {one.value for one in RecipientClass}
    if terms.recipient_kind is RecipientKind.CLASS and terms.recipient not in classes:
        wrong["recipient"] = "Choose the kind of recipient from the list."
    if (terms.purpose_kind is PurposeKind.SPECIFIC) != bool(terms.purpose):
        wrong["purpose"] = "Name the purpose where it is one purpose, and only there."
    if terms.expires_on and terms.expires_with:
        wrong["expires_on"] = "Write the last day or the event, not both."
    if terms.expires_on and terms.expires_on < today:
        wrong["expires_on"] = "This day is over."
    if terms.signed_at > now:
        wrong["signed_at"] = "This time has not come yet."
    return wrong


def end(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    consent_id: int,
    kind: EndKind,
    said_how: str,
) -> None:
    """From this moment on it covers nothing more; what has left before, has left rightly."""
    done = session.scalars(select(ConsentEnd).where(ConsentEnd.key == key)).one_or_none()
    if done is not None:
        if done.consent_id != consent_id:
            raise Conflict(SENT_BEFORE)
        return
    consent = _the_standing(session, stay, consent_id)
    row = ConsentEnd(
        key=key,
        consent_id=consent.id,
        unit_id=stay.unit_id,
        kind=kind,
        said_how=said_how,
        ended_by=actor_id,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict(NO_LONGER) from error
    audit.record(
        session,
        actor_id,
        "consent.ended",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        reason=kind.value,
        consent_id=consent.id,
    )


def _the_standing(session: Session, stay: Stay, consent_id: int) -> Consent:
    """The consent of this patient, or a refusal if it no longer stands."""
    # Whoever revokes it and whoever puts it anew take turns.
    session.execute(select(Stay.id).where(Stay.patient_id == stay.patient_id).with_for_update())
    of_patient = queries.standing(session, [stay.patient_id], stay.unit_id)
    for consent in of_patient.get(stay.patient_id, []):
        if consent.id == consent_id:
            return consent
    raise Conflict(NO_LONGER)
