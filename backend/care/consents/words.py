"""A consent in words that the patient and a tired nurse understand."""

from datetime import date
from zoneinfo import ZoneInfo

from backend.care.consents.models import (
    Consent,
    PurposeKind,
    RecipientKind,
    RecordKind,
    SignedHow,
)
from backend.care.consents.queries import Signed
from backend.core import local_time


def to_whom(consent: Consent) -> str:
    """`Dr Vance`, or `everybody who is: my treating providers`."""
    if consent.recipient_kind is RecipientKind.CLASS:
        return f"all of {consent.recipient}"
    return consent.recipient


def what(consent: Consent) -> str:
    """In the order of the list."""
    return ", ".join(kind.value for kind in RecordKind if kind.value in consent.scope)


def what_for(consent: Consent) -> str:
    """The one purpose, or all of the three."""
    if consent.purpose_kind is PurposeKind.TPO:
        return consent.purpose_kind.value
    return consent.purpose or ""


def how_long(consent: Consent) -> str:
    """The end that was agreed."""
    if consent.expires_on:
        return f"until {consent.expires_on.day} {consent.expires_on:%b %Y}"
    if consent.expires_with:
        return f"until: {consent.expires_with}"
    return "until it is revoked"


def signed(one: Signed, zone: ZoneInfo) -> str:
    """How, when, and who took it."""
    consent = one.consent
    how = {
        SignedHow.PAPER: "on paper",
        SignedHow.ELECTRONIC: "electronically",
        SignedHow.REPRESENTATIVE: "on paper by a legal representative",
    }[consent.signed_how]
    when = f"{local_time.day_and_time(consent.signed_at, zone)} {consent.signed_at:%Y}"
    return f"signed {how} {when}, taken by {one.names[consent.taken_by]}"


def state(one: Signed, zone: ZoneInfo, today: date) -> str:
    """Whether it holds, and since when not."""
    if one.end is not None:
        when = local_time.day_and_time(one.end.ended_at, zone)
        by = one.names[one.end.ended_by]
        return f"{one.end.kind.value}, {when}, noted by {by} ({one.end.said_how})"
    if one.superseded:
        return "a newer version took its place"
    if one.consent.expires_on and one.consent.expires_on < today:
        return "its last day is over"
    return "holds"


def holds(one: Signed, today: date) -> bool:
    """Whether anything may leave on it today."""
    return one.stands and not (one.consent.expires_on and one.consent.expires_on < today)
