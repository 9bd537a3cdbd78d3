"""The terms of a consent, and whether it covers what somebody asks for. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from backend.care.consents.models import (
    Consent,
    PurposeKind,
    RecipientKind,
    RecordKind,
    SignedHow,
)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the patient signed."""

    scope: tuple[RecordKind, ...]
    recipient_kind: RecipientKind
    recipient: str
    purpose_kind: PurposeKind
    purpose: str | None
    expires_on: date | None
    expires_with: str | None
    signed_how: SignedHow
    signed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be told, to whom and what for. `recipient_class`: who they are to the patient."""

    kinds: Collection[RecordKind]
    recipient: str
    affiliation: str
    recipient_class: str | None
    purpose_kind: PurposeKind
    purpose: str


def covers(consent: Consent, wanted: Wanted, *, today: date) -> bool:
    """Scope, recipient, purpose and day all agree. Whether it was taken back is asked before."""
    return (
        set(wanted.kinds) <= {RecordKind(kind) for kind in consent.scope}
        and _same_recipient(consent, wanted)
        and _same_purpose(consent, wanted)
        and (consent.expires_on is None or today <= consent.expires_on)
    )


def _same_recipient(consent: Consent, wanted: Wanted) -> bool:
    if consent.recipient_kind is RecipientKind.CLASS:
        return wanted.recipient_class == consent.recipient
    known = wanted.recipient
    if consent.recipient_kind is RecipientKind.ORGANISATION:
        known = wanted.affiliation
    return _plain(known) == _plain(consent.recipient)


def _same_purpose(consent: Consent, wanted: Wanted) -> bool:
    if consent.purpose_kind is PurposeKind.TPO:
        return wanted.purpose_kind is PurposeKind.TPO
    return consent.purpose is not None and _plain(wanted.purpose) == _plain(consent.purpose)


def _plain(words: str) -> list[str]:
    """Letters count, not how they were typed."""
    return words.casefold().split()
