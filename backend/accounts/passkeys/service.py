"""Ask a passkey to sign a challenge, and believe once what it signed."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

import webauthn
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from webauthn.helpers import (
    options_to_json,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from backend.accounts.passkeys import queries
from backend.accounts.passkeys.models import Ceremony, Passkey, PasskeyChallenge
from backend.accounts.staff.models import Staff
from backend.audit import service as audit
from backend.core import secret
from backend.core.errors import Conflict, Invalid, NotFound
from backend.core.settings import settings

LASTS = timedelta(minutes=5)
MOST = 10
# Verified by the device itself: its finger, face or PIN. That is the second factor.
VERIFIED = UserVerificationRequirement.REQUIRED
# Whatever an answer may be that is none.
UNREADABLE = (
    WebAuthnException,
    InvalidSignature,
    UnsupportedAlgorithm,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def _domain() -> str:
    """The name that keys are made for: a key for one name is of no use to another."""
    domain = settings().passkey_domain
    if domain is None:
        raise NotFound("Passkeys need Vigil to be reached by a name, over HTTPS.")
    return domain


def _owner(staff_id: int) -> bytes:
    """Who it is, as the key remembers it: it tells nobody anything."""
    return hmac.digest(secret.key("passkey owner"), str(staff_id).encode(), "sha256")


def _challenge(
    session: Session, ceremony: Ceremony, sign_in_id: int | None, now: datetime
) -> bytes:
    session.execute(delete(PasskeyChallenge).where(PasskeyChallenge.expires_at <= now))
    challenge = secrets.token_bytes(32)
    session.add(
        PasskeyChallenge(
            ceremony=ceremony,
            challenge_sha256=hashlib.sha256(challenge).digest(),
            expires_at=now + LASTS,
            sign_in_id=sign_in_id,
        )
    )
    return challenge


def ask_for_new(session: Session, person: Staff, sign_in_id: int, *, now: datetime) -> str:
    """What a browser needs to make a key for this person, as JSON."""
    kept = queries.of(session, person.id)
    if len(kept) >= MOST:
        raise Conflict(f"You have {MOST} passkeys. Remove one that you no longer use first.")
    return options_to_json(
        webauthn.generate_registration_options(
            rp_id=_domain(),
            rp_name="Vigil",
            user_id=_owner(person.id),
            user_name=person.login_name,
            user_display_name=person.name,
            challenge=_challenge(session, Ceremony.ENROL, sign_in_id, now),
            timeout=_ms(LASTS),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=VERIFIED
            ),
            exclude_credentials=_named(kept),
        )
    )


def ask(
    session: Session,
    ceremony: Ceremony,
    *,
    now: datetime,
    staff_id: int | None = None,
    sign_in_id: int | None = None,
) -> str:
    """What a browser needs to prove somebody, as JSON. Before they are known it names no key."""
    kept = queries.of(session, staff_id) if staff_id is not None else ()
    return options_to_json(
        webauthn.generate_authentication_options(
            rp_id=_domain(),
            challenge=_challenge(session, ceremony, sign_in_id, now),
            timeout=_ms(LASTS),
            allow_credentials=_named(kept) or None,
            user_verification=VERIFIED,
        )
    )


def enrol(
    session: Session, person: Staff, sign_in_id: int, *, name: str, answer: str, now: datetime
) -> Passkey:
    """The new key counts from now on."""
    if not name:
        words = "Give the passkey a name, so that you know it again."
        raise Invalid(words, {"name": words})
    refusal = Invalid("The device made no passkey for this page, or too late. Try again.")
    try:
        made = parse_registration_credential_json(answer)
        challenge = _spent(session, made.response.client_data_json, Ceremony.ENROL, sign_in_id, now)
        verified = challenge and webauthn.verify_registration_response(
            credential=made,
            expected_challenge=challenge,
            expected_rp_id=_domain(),
            expected_origin=settings().public_origin,
            require_user_verification=True,
        )
    except UNREADABLE:
        raise refusal from None
    if not verified:
        raise refusal
    passkey = Passkey(
        staff_id=person.id,
        name=name,
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        made_at=now,
    )
    try:
        with session.begin_nested():
            session.add(passkey)
    except IntegrityError:
        raise Invalid("This passkey is enrolled already.") from None
    audit.record(session, person.id, "factor.passkey_enrolled", staff_id=person.id)
    return passkey


def proved(
    session: Session,
    answer: str,
    ceremony: Ceremony,
    *,
    now: datetime,
    staff_id: int | None = None,
    sign_in_id: int | None = None,
) -> Staff | None:
    """Whom this answer proves, or None. The caller answers that, so that it stays used up."""
    try:
        return _proved(session, answer, ceremony, now=now, staff_id=staff_id, sign_in_id=sign_in_id)
    except UNREADABLE:
        return None


def _proved(
    session: Session,
    answer: str,
    ceremony: Ceremony,
    *,
    now: datetime,
    staff_id: int | None,
    sign_in_id: int | None,
) -> Staff | None:
    given = parse_authentication_credential_json(answer)
    challenge = _spent(session, given.response.client_data_json, ceremony, sign_in_id, now)
    found = queries.behind(session, given.raw_id)
    if challenge is None or found is None:
        return None
    passkey, person = found
    if staff_id not in {None, person.id}:
        return None
    # Before anybody is known the key itself must say whose it is.
    owner = given.response.user_handle
    if owner != _owner(person.id) and not (owner is None and staff_id is not None):
        return None
    verified = webauthn.verify_authentication_response(
        credential=given,
        expected_challenge=challenge,
        expected_rp_id=_domain(),
        expected_origin=settings().public_origin,
        credential_public_key=passkey.public_key,
        credential_current_sign_count=passkey.sign_count,
        require_user_verification=True,
    )
    return person if _used(session, passkey, verified.new_sign_count, now) else None


def _used(session: Session, passkey: Passkey, count: int, now: datetime) -> bool:
    """Of two that were signed at the same count, at whatever servers, one is refused."""
    goes_on = Passkey.sign_count < count
    if count == 0:  # it does not count at all
        goes_on = Passkey.sign_count == 0
    used = session.execute(
        update(Passkey)
        .where(Passkey.id == passkey.id, Passkey.removed_at.is_(None), goes_on)
        .values(sign_count=count, last_used_at=now)
        .returning(Passkey.id)
    ).one_or_none()
    return used is not None


def _spent(
    session: Session, told: bytes, ceremony: Ceremony, sign_in_id: int | None, now: datetime
) -> bytes | None:
    """The challenge that was answered, if it was ours, for this, and for the first time."""
    challenge = parse_client_data_json(told).challenge
    spent = session.execute(
        delete(PasskeyChallenge)
        .where(
            PasskeyChallenge.challenge_sha256 == hashlib.sha256(challenge).digest(),
            PasskeyChallenge.ceremony == ceremony,
            PasskeyChallenge.sign_in_id.is_not_distinct_from(sign_in_id),
            PasskeyChallenge.expires_at > now,
        )
        .returning(PasskeyChallenge.id)
    ).one_or_none()
    return challenge if spent is not None else None


def remove(
    session: Session, person: Staff, passkey_id: int, *, has_app: bool, now: datetime
) -> None:
    """One key opens nothing from this commit on; never the last proof that somebody has."""
    kept = session.scalars(
        select(Passkey)
        .where(Passkey.staff_id == person.id, Passkey.removed_at.is_(None))
        .order_by(Passkey.id)
        .with_for_update()
    ).all()
    passkey = next((key for key in kept if key.id == passkey_id), None)
    if passkey is None:
        raise NotFound("This passkey has been removed already.")
    if len(kept) == 1 and not has_app:
        raise Conflict(
            "This is your only second proof. Set up an app or another passkey before you remove it."
        )
    passkey.removed_at = now
    audit.record(session, person.id, "factor.passkey_removed", staff_id=person.id)


def remove_all(session: Session, staff_id: int, *, now: datetime) -> None:
    """None of this person's keys opens anything any more."""
    session.execute(
        update(Passkey)
        .where(Passkey.staff_id == staff_id, Passkey.removed_at.is_(None))
        .values(removed_at=now)
    )


def _named(kept: Iterable[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=key.credential_id) for key in kept]


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
