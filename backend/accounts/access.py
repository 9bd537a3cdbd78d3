"""Who is asking: the signed-in person, or a machine with a token, and what they may do here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.orm import Session

from backend.accounts.devices.models import Device
from backend.accounts.factors import queries as factors
from backend.accounts.permissions import ALLOWED, Permission, Role
from backend.accounts.sign_in.cookies import token_of
from backend.accounts.sign_in.models import IDLE, ONE_FACTOR, TWO_FACTORS, SignIn
from backend.accounts.sign_in.service import token_hash
from backend.accounts.staff.models import Posting, Staff
from backend.accounts.units.models import Unit
from backend.audit.service import at_sign_in
from backend.core import clock
from backend.core.db import Db, new_session, unit_on_duty
from backend.core.deed import DeedForm
from backend.core.errors import Conflict, HalfSignedIn, NotAllowed, SignedOut, StepUpNeeded


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Somebody who acts, on the unit they act on."""

    id: int
    name: str
    role: Role
    unit: Unit
    sign_in_id: int | None
    assurance: int = ONE_FACTOR
    stepped_up_until: datetime | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The unit's clock."""
        return ZoneInfo(self.unit.time_zone)

    def may(self, permission: Permission) -> bool:
        """Whether the role allows it."""
        return permission in ALLOWED[self.role]

    def must(self, permission: Permission) -> None:
        """Refuse, in a sentence."""
        if not self.may(permission):
            raise NotAllowed("Your role on this unit does not allow this.")

    def must_have_stepped_up(self, now: datetime) -> None:
        """Refuse whoever has not proved in the last minutes that they are still the same person."""
        if self.stepped_up_until is None or self.stepped_up_until <= now:
            raise StepUpNeeded

    def signs(self, form: DeedForm) -> None:
        """Refuse a form that somebody else opened: the signer is the person at the keys."""
        if form.opened_by != self.id:
            raise Conflict("This form was opened by someone else. Open it again to sign it.")


def _is_live_refresh(request: Request) -> bool:
    """A page that refreshes itself is nobody's activity."""
    return request.headers.get("Vigil-Refresh") == "1" or request.url.path == "/live"


# Every request asks this: put together once.
AT_THE_KEYS = (
    select(
        SignIn,
        Staff,
        Posting.role,
        Unit,
        unit_on_duty(SignIn.unit_id),
        at_sign_in(SignIn.id),
    )
    .join(Staff, Staff.id == SignIn.staff_id)
    .join(Unit, Unit.id == SignIn.unit_id)
    .join(
        Posting,
        (Posting.staff_id == Staff.id)
        & (Posting.unit_id == SignIn.unit_id)
        & Posting.until_at.is_(None),
    )
    .where(
        SignIn.token_sha256 == bindparam("token_sha256"),
        SignIn.ended_at.is_(None),
        SignIn.expires_at > bindparam("now"),
        SignIn.last_active_at > bindparam("idle_since"),
        Staff.disabled_at.is_(None),
    )
)


def at_the_keys(session: Session, token: str | None, *, active: bool, now: datetime) -> Actor:
    """The person whose browser holds this token."""
    if not token:
        raise SignedOut("Sign in first.")
    presented = {"token_sha256": token_hash(token), "now": now, "idle_since": now - IDLE}
    row = session.execute(AT_THE_KEYS, presented).one_or_none()
    if row is None:
        raise SignedOut("Your sign-in has ended. Sign in again; what you typed is kept.")
    sign_in, person, role, unit, *_ = row
    # Once a minute is enough to know that somebody is there, and spares a write a request.
    if active and now - sign_in.last_active_at > timedelta(minutes=1):
        session.execute(update(SignIn).where(SignIn.id == sign_in.id).values(last_active_at=now))
    return Actor(
        id=person.id,
        name=person.name,
        role=role,
        unit=unit,
        sign_in_id=sign_in.id,
        assurance=sign_in.assurance,
        stepped_up_until=sign_in.stepped_up_until,
    )


def half_signed_in(request: Request, db: Db) -> Actor:
    """Whoever knew the password, or 401. For the pages that ask for the second factor only."""
    actor = at_the_keys(
        db, token_of(request), active=not _is_live_refresh(request), now=clock.now()
    )
    _known(request, actor)
    return actor


def _known(request: Request, actor: Actor) -> None:
    """For what is written down about this request when it is refused."""
    request.state.staff_id = actor.id
    request.state.unit_id = actor.unit.id
    request.state.sign_in_id = actor.sign_in_id


def enrolling(db: Db, actor: Annotated[Actor, Depends(half_signed_in)]) -> Actor:
    """Who may see their own account: signed in, or with no second factor yet to sign in with."""
    if actor.assurance < TWO_FACTORS and factors.any_of(db, actor.id):
        raise HalfSignedIn("/sign-in/code")
    return actor


def signed_in(actor: Annotated[Actor, Depends(enrolling)]) -> Actor:
    """The person at the keys, proved by two factors; or 401, or 403 on the way to the second."""
    if actor.assurance < TWO_FACTORS:
        raise HalfSignedIn("/account")
    return actor


def by_token(request: Request, db: Db) -> Actor:
    """The machine that holds this bearer token, or 401."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise SignedOut("Send a device token: Authorization: Bearer …")
    row = db.execute(
        select(Staff, Posting.role, Unit, unit_on_duty(Device.unit_id))
        .join(Device, Device.staff_id == Staff.id)
        .join(Unit, Unit.id == Device.unit_id)
        .join(
            Posting,
            (Posting.staff_id == Staff.id)
            & (Posting.unit_id == Device.unit_id)
            & Posting.until_at.is_(None),
        )
        .where(
            Device.token_sha256 == token_hash(token.strip()),
            Device.revoked_at.is_(None),
            Staff.disabled_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        raise SignedOut("This token is not known, or has been revoked.")
    staff, role, unit, _ = row
    actor = Actor(id=staff.id, name=staff.name, role=role, unit=unit, sign_in_id=None)
    _known(request, actor)
    return actor


@dataclass(frozen=True)
class Allowed:
    """A signed-in person whose role has this permission. Routes that load no stay ask for this."""

    permission: Permission

    def __call__(self, actor: Annotated[Actor, Depends(signed_in)]) -> Actor:
        """The person, or 403."""
        actor.must(self.permission)
        return actor


@dataclass(frozen=True)
class TokenAllowed:
    """The same, for a machine."""

    permission: Permission

    def __call__(self, actor: Annotated[Actor, Depends(by_token)]) -> Actor:
        """The machine, or 403."""
        actor.must(self.permission)
        return actor


def listening(request: Request) -> Actor:
    """The person at the keys, or 401. A stream lives for hours and must hold no session."""
    with new_session() as session:
        actor = at_the_keys(session, token_of(request), active=False, now=clock.now())
    if actor.assurance < TWO_FACTORS:
        raise HalfSignedIn("/account")
    return actor


def still_signed_in(sign_in_id: int | None) -> bool:
    """Whether it can be shown now. It goes by the sign-in: its token changes with every step."""
    now = clock.now()
    with new_session() as session:
        lives = exists().where(
            SignIn.id == sign_in_id,
            SignIn.ended_at.is_(None),
            SignIn.expires_at > now,
            SignIn.last_active_at > now - IDLE,
            SignIn.staff_id == Staff.id,
            Staff.disabled_at.is_(None),
        )
        return session.scalars(select(lives)).one()


HalfIn = Annotated[Actor, Depends(half_signed_in)]
Enrolling = Annotated[Actor, Depends(enrolling)]
SignedIn = Annotated[Actor, Depends(signed_in)]
Listening = Annotated[Actor, Depends(listening)]
ByToken = Annotated[Actor, Depends(by_token)]
Gate = Callable[..., Actor]
