"""Begin, raise and end a sign-in."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.accounts import passwords
from backend.accounts.factors import queries as factor_queries
from backend.accounts.factors import service as factors
from backend.accounts.passkeys import service as passkeys
from backend.accounts.passkeys.models import Ceremony
from backend.accounts.permissions import Role
from backend.accounts.sign_in import throttle
from backend.accounts.sign_in.models import ONE_FACTOR, TWO_FACTORS, SignIn, SpentAnswer
from backend.accounts.staff import queries as staff_queries
from backend.accounts.staff.models import Staff
from backend.audit import service as audit
from backend.core import live
from backend.core.db import unit_on_duty
from backend.core.errors import Invalid, NotAllowed, StepUpNeeded
from backend.core.settings import settings

LONGEST = timedelta(hours=12)
# A password alone waits this long for its second factor.
LONGEST_WITH_ONE_FACTOR = timedelta(minutes=20)
# How long a second proof of who one is holds.
STEPPED_UP = timedelta(minutes=5)
# Said to every open stream on whatever server, so that the screen of an ended sign-in goes dark.
ENDED = "ended-"

# Shown on the demo's sign-in page; the demo refuses a database that was not made by it.
DEMO_PASSWORD = "vigil-demo"  # noqa: S105 (no secret: it opens only the demo)

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A sign-in at its beginning: what the browser is to hold, and what it still lacks."""

    token: str
    role: Role
    assurance: int
    has_second_factor: bool


def new_token() -> str:
    """256 bits that nobody guesses; a browser holds them, the database their hash."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def begin(
    session: Session, *, login_name: str, password: str, now: datetime, address: str | None = None
) -> Begun | None:
    """Check the password and begin a sign-in on the person's unit, or None if it is wrong.

    The caller answers the refusal itself, so that the failed try is committed.
    """
    claimed = throttle.claim(login_name, address)
    throttle.must_wait(session, claimed, now=now)
    person = staff_queries.by_login_name(session, login_name)
    # The demo's password stands in the source: in earnest it opens nothing, whoever has it.
    right = proves(person, password) and (settings().demo or password != DEMO_PASSWORD)
    if person is None or not right:
        throttle.failed(session, claimed, now=now)
        audit.note(session, None, "sign_in.refused")
        return None
    if person.password_hash and passwords.is_outdated(person.password_hash):
        person.password_hash = passwords.keep(password)
    # The demo signs in with one tap; only there does that count for two factors.
    return begin_as(
        session, person, assurance=TWO_FACTORS if settings().demo else ONE_FACTOR, now=now
    )


def begin_by_passkey(session: Session, *, answer: str, now: datetime) -> Begun | None:
    """Whoever a passkey proves, with their finger, face or PIN: two factors at once, or None.

    Nothing can be guessed, so nobody is slowed down. As in `begin`, the caller answers the refusal.
    """
    person = passkeys.proved(session, answer, Ceremony.SIGN_IN, now=now)
    if person is None:
        audit.note(session, None, "sign_in.refused")
        return None
    return begin_as(session, person, assurance=TWO_FACTORS, now=now)


def begin_as(session: Session, person: Staff, *, assurance: int, now: datetime) -> Begun:
    """A sign-in of somebody who has been proved, by whatever it was."""
    posting = staff_queries.current_posting(session, person.id)
    if posting is None:
        raise Invalid("You are not posted to any unit. Ask the administrator.")
    session.execute(select(unit_on_duty(posting.unit_id)))
    token = new_token()
    session.add(
        SignIn(
            token_sha256=token_hash(token),
            staff_id=person.id,
            unit_id=posting.unit_id,
            created_at=now,
            last_active_at=now,
            expires_at=now + (LONGEST if assurance == TWO_FACTORS else LONGEST_WITH_ONE_FACTOR),
            assurance=assurance,
        )
    )
    audit.note(session, person.id, "sign_in.begun", unit_id=posting.unit_id)
    log.info("signed_in", staff_id=person.id, unit_id=posting.unit_id)
    return Begun(
        token=token,
        role=posting.role,
        assurance=assurance,
        has_second_factor=factor_queries.any_of(session, person.id),
    )


def proves(person: Staff | None, password: str) -> bool:
    """Whether this password is that person's. Takes as long for a person who does not exist."""
    kept = person.password_hash if person is not None and person.disabled_at is None else None
    return passwords.match(kept, password)


def add_second_factor(
    session: Session,
    sign_in_id: int,
    person: Staff,
    *,
    code: str,
    now: datetime,
    address: str | None = None,
) -> str | None:
    """The digits of an app or a recovery code make a sign-in whole: its new token, or None.

    As in `begin`, the caller answers the refusal, so that the failed try is committed.
    """
    claimed = throttle.claim(person.login_name, address)
    throttle.must_wait(session, claimed, now=now)
    if not factors.accepts(session, person, code=code, now=now):
        throttle.failed(session, claimed, now=now)
        audit.note(session, person.id, "sign_in.second_factor_refused")
        return None
    return make_whole(session, sign_in_id)


def make_whole(session: Session, sign_in_id: int) -> str:
    """Two factors have been proved: a whole shift, and a token that nobody has seen before."""
    row = session.get_one(SignIn, sign_in_id)
    row.assurance = TWO_FACTORS
    row.expires_at = row.created_at + LONGEST
    audit.note(session, row.staff_id, "sign_in.made_whole", unit_id=row.unit_id)
    return _new_token_for(row)


def step_up(
    session: Session,
    sign_in_id: int,
    person: Staff,
    *,
    proof: str,
    now: datetime,
    address: str | None = None,
) -> str | None:
    """Prove once more who is at the keys, by password or code: the new token, or None if wrong.

    As in `begin`, the caller answers the refusal, so that the failed try is committed.
    """
    claimed = throttle.claim(person.login_name, address)
    throttle.must_wait(session, claimed, now=now)
    row = session.get_one(SignIn, sign_in_id)
    if not (factors.accepts(session, person, code=proof, now=now) or proves(person, proof)):
        throttle.failed(session, claimed, now=now)
        audit.note(session, person.id, "step_up.refused", unit_id=row.unit_id)
        return None
    return stepped_up(session, row, now=now)


def step_up_by_passkey(
    session: Session, sign_in_id: int, staff_id: int, *, answer: str, now: datetime
) -> str | None:
    """The same by a touch of one of their own keys."""
    row = session.get_one(SignIn, sign_in_id)
    person = passkeys.proved(
        session, answer, Ceremony.STEP_UP, now=now, staff_id=staff_id, sign_in_id=sign_in_id
    )
    if person is None:
        audit.note(session, staff_id, "step_up.refused", unit_id=row.unit_id)
        return None
    return stepped_up(session, row, now=now)


def stepped_up(session: Session, row: SignIn, *, now: datetime) -> str:
    """It has been proved, by whatever it was."""
    row.stepped_up_until = now + STEPPED_UP
    audit.note(session, row.staff_id, "step_up.proved", unit_id=row.unit_id)
    return _new_token_for(row)


def use_step_up(session: Session, sign_in_id: int, *, now: datetime) -> None:
    """For a deed that wants a proof of its own: of two at once, one is refused."""
    used = session.execute(
        update(SignIn)
        .where(SignIn.id == sign_in_id, SignIn.stepped_up_until > now)
        .values(stepped_up_until=None)
        .returning(SignIn.staff_id, SignIn.unit_id)
    ).one_or_none()
    if used is None:
        raise StepUpNeeded
    audit.note(session, used.staff_id, "step_up.used", unit_id=used.unit_id)


def end(session: Session, sign_in_id: int, *, now: datetime) -> None:
    """Sign out: the token is worth nothing from this commit on."""
    row = session.get_one(SignIn, sign_in_id)
    row.ended_at = row.ended_at or now
    _tell(session, [row.id])
    audit.note(session, row.staff_id, "sign_in.ended", unit_id=row.unit_id)


def end_all(session: Session, staff_id: int, *, now: datetime, but: int | None = None) -> int:
    """End every sign-in of this person, save perhaps the one that asks; how many there were."""
    ended = session.scalars(
        update(SignIn)
        .where(
            SignIn.staff_id == staff_id, SignIn.ended_at.is_(None), SignIn.id.is_distinct_from(but)
        )
        .values(ended_at=now)
        .returning(SignIn.id)
    ).all()
    _tell(session, ended)
    audit.note(session, staff_id, "sign_in.all_ended", sign_in_ids=list(ended))
    return len(ended)


def spend_once(session: Session, token: str, *, now: datetime) -> None:
    """Of two that bring the same answer from elsewhere, at whatever servers, one is refused."""
    spent = session.execute(
        insert(SpentAnswer)
        .values(token_sha256=token_hash(token), at=now)
        .on_conflict_do_nothing()
        .returning(SpentAnswer.id)
    ).one_or_none()
    if spent is None:
        raise NotAllowed("This way in has been used already. Start again from the sign-in page.")


def _tell(session: Session, sign_in_ids: Iterable[int]) -> None:
    """Every server closes its streams of these sign-ins when this commits."""
    topics = [f"{ENDED}{sign_in_id}" for sign_in_id in sign_in_ids]
    if topics:
        session.flush()
        live.announce(session, *topics)


def _new_token_for(row: SignIn) -> str:
    token = new_token()
    row.token_sha256 = token_hash(token)
    return token
