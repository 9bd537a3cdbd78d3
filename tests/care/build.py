"""Consents, restrictions and broken glass for tests; the defaults say nothing special."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.accounts.glass import Glass as OpenGlass
from backend.accounts.sign_in.models import SignIn
from backend.care.consents import service as consents
from backend.care.consents.models import (
    Consent,
    EndKind,
    PurposeKind,
    RecipientKind,
    RecordKind,
    SignedHow,
)
from backend.care.consents.scope import Terms
from backend.care.disclosures import queries
from backend.care.disclosures.models import Verdict
from backend.care.glass import service as broken
from backend.care.glass.models import Glass, GlassReason, Outcome
from backend.care.purge.models import Purge, PurgeAnswer
from backend.care.purge.models import Verdict as PurgeVerdict
from backend.care.retention import service as retention
from backend.care.retention.models import Kept
from backend.care.sharing import service as sharing
from backend.core import clock
from backend.stays.models import Stay
from tests.people import Ward

EVERYTHING_BUT_NOTES = tuple(kind for kind in RecordKind if kind is not RecordKind.COUNSELLING)


def terms(**fields: Any) -> Terms:
    """All of the record to Dr Vance, for treatment, without an end."""
    values: dict[str, Any] = {
        "scope": EVERYTHING_BUT_NOTES,
        "recipient_kind": RecipientKind.PERSON,
        "recipient": "Dr Vance",
        "purpose_kind": PurposeKind.TPO,
        "purpose": None,
        "expires_on": None,
        "expires_with": None,
        "signed_how": SignedHow.PAPER,
        "signed_at": clock.now() - timedelta(minutes=1),
    } | fields
    return Terms(**values)


def consent(session: Session, ward: Ward, stay: Stay, **fields: Any) -> Consent:
    """A consent that this patient signed, taken by nora."""
    now = clock.now()
    return consents.give(
        session,
        ward.staff["nora"].id,
        stay,
        key=fields.pop("key", None) or uuid4(),
        supersedes_id=fields.pop("supersedes_id", None),
        terms=terms(**fields),
        today=now.date(),
        now=now,
    )


def restriction(session: Session, ward: Ward, stay: Stay, *, recipient: str | None = None) -> int:
    """What the patient asked to be kept back, and the privacy officer agreed to."""
    nora, pavel = ward.staff["nora"].id, ward.staff["pavel"].id
    sharing.ask_restriction(
        session, nora, stay, key=uuid4(), asked="Tell nobody.", recipient=recipient
    )
    wish = queries.wishes(session, stay.patient_id, stay.unit_id)[0]
    sharing.answer_restriction(
        session,
        pavel,
        stay,
        key=uuid4(),
        restriction_id=wish.request.id,
        verdict=Verdict.AGREED,
        reason="It can be done.",
    )
    return wish.request.id


def stepped_up(session: Session) -> None:
    """Everybody has just proved once more who they are."""
    session.execute(update(SignIn).values(stepped_up_until=clock.now() + timedelta(minutes=5)))


def glass(session: Session, staff_id: int, stay: Stay) -> Glass:
    """Somebody broke the glass of this stay."""
    return broken.break_(
        session,
        staff_id,
        stay,
        key=uuid4(),
        reason=GlassReason.EMERGENCY,
        words="Found without pulse.",
        standing=None,
    )


def reviewed_glass(session: Session, ward: Ward, stay: Stay) -> None:
    """Broken, ended and reviewed."""
    ada = ward.staff["ada"].id
    one = glass(session, ada, stay)
    standing = OpenGlass(
        id=one.id, stay_id=stay.id, unit_id=stay.unit_id, unit_name="", until_at=clock.now()
    )
    broken.end(session, ada, standing)
    pavel, words = ward.staff["pavel"].id, "She was there to help."
    broken.review(session, pavel, one, key=uuid4(), outcome=Outcome.JUSTIFIED, words=words)


def purge(session: Session, ward: Ward, stay: Stay) -> Purge:
    """Asked for by pavel, whether or not it may go."""
    pavel = ward.staff["pavel"].id
    row = Purge(key=uuid4(), unit_id=stay.unit_id, stay_ids=[stay.id], asked_by=pavel)
    session.add(row)
    session.flush()
    return row


def answered(session: Session, ward: Ward, row: Purge, verdict: PurgeVerdict) -> None:
    """By ada, without the service."""
    said = {"purge_id": row.id, "unit_id": row.unit_id, "asked_by": row.asked_by}
    ada = ward.staff["ada"].id
    session.add(PurgeAnswer(key=uuid4(), verdict=verdict, answered_by=ada, **said))
    session.flush()


def shared(session: Session, ward: Ward, stay: Stay) -> None:
    """A row in every table of what is shared."""
    nora = ward.staff["nora"].id
    given = consent(session, ward, stay)
    consents.end(
        session,
        nora,
        stay,
        key=uuid4(),
        consent_id=given.id,
        kind=EndKind.REVOKED,
        said_how="by word",
    )
    restriction(session, ward, stay)
    sharing.told_in_emergency(
        session,
        nora,
        stay,
        key=uuid4(),
        recipient="Dr Vance",
        affiliation="City Hospital",
        told_at=clock.now(),
        nature="seizure",
        told="what was taken, and when",
        now=clock.now(),
    )
    retention.set_rule(
        session, nora, unit_id=stay.unit_id, kept=Kept.AUDIT, years=6, source="45 CFR 164.316"
    )
    held = retention.hold(
        session, nora, key=uuid4(), unit_id=stay.unit_id, reason="a complaint", stay=stay
    )
    retention.lift(session, nora, unit_id=stay.unit_id, hold_id=held.id, reason="settled")
    reviewed_glass(session, ward, stay)
    answered(session, ward, purge(session, ward, stay), PurgeVerdict.DECLINED)
