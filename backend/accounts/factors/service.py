"""Enrol, accept and remove second factors."""

import hmac
import secrets
from datetime import datetime

import pyotp
from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.accounts.factors import queries
from backend.accounts.factors.models import Authenticator, RecoveryCode
from backend.accounts.passkeys import service as passkeys
from backend.accounts.staff.models import Staff
from backend.audit import service as audit
from backend.core import secret
from backend.core.errors import Conflict, Invalid

ISSUER = "Vigil"
SEED = "authenticator seed"
DIGITS = 6
# A telephone's clock may be half a minute off.
DRIFT_STEPS = 1
RECOVERY_CODES = 10
# Twelve digits: typed on the same keys as those of the app, and too many to guess at its pace.
_GROUPS, _OF_A_GROUP = 3, 10_000


def begin_app(session: Session, person: Staff, *, now: datetime) -> Authenticator:
    """A new seed for an app. It replaces nothing until the app has shown its first digits."""
    session.execute(
        update(Authenticator)
        .where(Authenticator.staff_id == person.id, Authenticator.confirmed_at.is_(None))
        .values(removed_at=now)
    )
    seed = pyotp.random_base32().encode()
    app = Authenticator(
        staff_id=person.id,
        sealed_seed=secret.seal(seed, purpose=SEED, owner=person.id),
        made_at=now,
    )
    session.add(app)
    session.flush()
    audit.note(session, person.id, "factor.app_begun")
    return app


def seed_of(app: Authenticator) -> str:
    """What the app is to hold; shown while it is enrolled and never again."""
    return secret.unseal(app.sealed_seed, purpose=SEED, owner=app.staff_id).decode()


def address_of(app: Authenticator, person: Staff) -> str:
    """The same as an address that a camera reads. It names nobody's ward."""
    return pyotp.TOTP(seed_of(app)).provisioning_uri(name=person.login_name, issuer_name=ISSUER)


def confirm_app(session: Session, person: Staff, *, code: str, now: datetime) -> tuple[str, ...]:
    """The app shows the right digits: it counts from now on. New recovery codes, shown once."""
    app = queries.waiting_app(session, person.id)
    if app is None:
        raise Conflict("This has been done already, or was begun again. Open your account again.")
    if not _take(session, app, code, now):
        words = "The app shows other digits. Wait for new ones and type them."
        raise Invalid(words, {"code": words})
    session.execute(
        update(Authenticator)
        .where(Authenticator.staff_id == person.id, *queries.IN_USE)
        .values(removed_at=now)
    )
    app.confirmed_at = now
    session.flush()
    audit.record(session, person.id, "factor.app_enrolled", staff_id=person.id)
    return make_recovery_codes(session, person, now=now)


def make_recovery_codes(session: Session, person: Staff, *, now: datetime) -> tuple[str, ...]:
    """Ten new ones; those on older paper are worth nothing from this commit on."""
    session.execute(
        update(RecoveryCode)
        .where(RecoveryCode.staff_id == person.id, RecoveryCode.spent_at.is_(None))
        .values(spent_at=now)
    )
    codes = tuple(_recovery_code() for _ in range(RECOVERY_CODES))
    session.add_all(
        RecoveryCode(staff_id=person.id, code_sha256=_code_hash(code), made_at=now)
        for code in codes
    )
    session.flush()
    audit.record(session, person.id, "factor.recovery_codes_made", staff_id=person.id)
    return codes


def remove_all(session: Session, actor_id: int, person: Staff, *, now: datetime) -> None:
    """All second factors are gone; the next sign-in sets one up anew."""
    passkeys.remove_all(session, person.id, now=now)
    session.execute(
        update(Authenticator)
        .where(Authenticator.staff_id == person.id, Authenticator.removed_at.is_(None))
        .values(removed_at=now)
    )
    session.execute(
        update(RecoveryCode)
        .where(RecoveryCode.staff_id == person.id, RecoveryCode.spent_at.is_(None))
        .values(spent_at=now)
    )
    audit.record(session, actor_id, "factor.all_removed", staff_id=person.id)


def accepts(session: Session, person: Staff, *, code: str, now: datetime) -> bool:
    """Whether these digits, or this recovery code, prove the person. Either is then used up."""
    typed = "".join(code.split())
    app = queries.app(session, person.id)
    if app is not None and typed.isdecimal() and typed.isascii() and len(typed) == DIGITS:
        return _take(session, app, typed, now)
    spent = session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.staff_id == person.id,
            RecoveryCode.code_sha256 == _code_hash(typed),
            RecoveryCode.spent_at.is_(None),
        )
        .values(spent_at=now)
        .returning(RecoveryCode.id)
    ).one_or_none()
    if spent is None:
        return False
    audit.note(session, person.id, "factor.recovery_code_used")
    return True


def _step(app: Authenticator, code: str, now: datetime) -> int | None:
    """The half minute whose digits these are."""
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdecimal() and len(typed) == DIGITS):
        return None
    clock = pyotp.TOTP(seed_of(app))
    current = clock.timecode(now)
    steps = range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1)
    right = [step for step in steps if hmac.compare_digest(clock.generate_otp(step), typed)]
    return right[-1] if right else None


def _take(session: Session, app: Authenticator, code: str, now: datetime) -> bool:
    """Digits are accepted once: of two at the same instant the database lets one through."""
    step = _step(app, code, now)
    if step is None:
        return False
    taken = session.execute(
        update(Authenticator)
        .where(Authenticator.id == app.id, Authenticator.last_step < step)
        .values(last_step=step)
        .returning(Authenticator.id)
    ).one_or_none()
    return taken is not None


def _recovery_code() -> str:
    return "-".join(f"{secrets.randbelow(_OF_A_GROUP):04}" for _ in range(_GROUPS))


def _code_hash(code: str) -> bytes:
    plain = code.replace("-", "").encode("utf-8", "surrogatepass")
    return hmac.digest(secret.key("recovery code"), plain, "sha256")
