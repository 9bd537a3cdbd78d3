"""Who is asking: the signed-in person, or a machine with a token, and what they may do here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from inspect import Parameter, Signature
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.accounts.factors import queries as factors
from backend.accounts.glass import Glass, look_through, opened
from backend.accounts.permissions import Permission, Role, allows
from backend.accounts.sign_in.cookies import token_of
from backend.accounts.sign_in.models import IDLE, ONE_FACTOR, TWO_FACTORS, SignIn
from backend.accounts.sign_in.queries import AT_THE_KEYS, BEHIND_THE_TOKEN
from backend.accounts.sign_in.service import token_hash
from backend.accounts.units.models import Unit
from backend.accounts.workstations.models import LOCKS_ELSEWHERE, locks_after
from backend.core import clock
from backend.core.db import Db
from backend.core.deed import DeedForm
from backend.core.errors import (
    HalfSignedIn,
    Locked,
    NotAllowed,
    NotFound,
    OtherHands,
    SignedOut,
    StepUpNeeded,
)
from backend.core.web import AUTHORIZATION, REFRESH, SHOWN_TO, Id


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Somebody who acts, on the unit they act on."""

    id: int
    name: str
    role: Role
    unit: Unit
    sign_in_id: int | None
    denied: frozenset[str] = frozenset()
    # The other units where they are posted: (id, name).
    elsewhere: tuple[tuple[int, str], ...] = ()
    assurance: int = ONE_FACTOR
    has_second_factor: bool = True
    stepped_up_until: datetime | None = None
    workstation_id: int | None = None
    # The hash of what their browser holds: another after each unlock and each proof.
    holds: bytes = b""
    locks_after: timedelta = LOCKS_ELSEWHERE
    locked: bool = False
    # What they broke the glass of; whether this request reads it; and whether that is elsewhere.
    glass: Glass | None = None
    reads_through: bool = False
    visits: bool = False

    @property
    def zone(self) -> ZoneInfo:
        """The unit's clock."""
        return ZoneInfo(self.unit.time_zone)

    def may(self, permission: Permission) -> bool:
        """Whether role or broken glass allows it, and no restriction stands against it."""
        if self.reads_through and permission is Permission.SEE_CHART:
            return permission not in self.denied
        return not self.visits and allows(self.role, permission, self.denied)

    @property
    def reserved_scales(self) -> tuple[str, ...]:
        """Scales of which they leave to a nurse what an observer rates."""
        allowed = self.may(Permission.SCORE_RESERVED)
        return () if allowed else tuple(self.unit.reserved_scales)

    def must(self, permission: Permission) -> None:
        """Refuse, in a sentence."""
        if not self.may(permission):
            if permission in self.denied:
                raise NotAllowed("This has been restricted for you. Ask your administrator.")
            raise NotAllowed("Your role on this unit does not allow this.")

    def must_have_stepped_up(self, now: datetime) -> None:
        """Refuse whoever has not proved in the last minutes that they are still the same person."""
        if self.stepped_up_until is None or self.stepped_up_until <= now:
            raise StepUpNeeded

    def signs(self, form: DeedForm, *, of: int | None = None) -> None:
        """Refuse a form of another sign-in, or of another stay than `of`, which is in the address.

        The signer is the person at the keys, now.
        """
        if form.opened_by != self.id or form.opened_in != self.sign_in_id:
            raise OtherHands(form.opened_by, own=form.opened_by == self.id)
        form.must_be_of(of)


def _is_live_refresh(request: Request) -> bool:
    """A page that refreshes itself is nobody's activity."""
    return request.headers.get(REFRESH) == "1" or request.url.path == "/live"


# The page locks itself in time; the server does where no page did, so late that a key that was
# pressed a moment ago has been reported.
REPORTED_WITHIN = timedelta(seconds=30)
REPORTS = 6


def at_the_keys(
    session: Session, token: str | None, *, active: bool, now: datetime, even_locked: bool = False
) -> Actor:
    """The person whose browser holds this token, in front of a screen that is not locked."""
    if not token:
        raise SignedOut("Sign in first.")
    presented = {"token_sha256": token_hash(token), "now": now, "idle_since": now - IDLE}
    row = session.execute(AT_THE_KEYS, presented).one_or_none()
    if row is None:
        raise SignedOut("Your sign-in has ended. Sign in again; what you typed is kept.")
    sign_in, person, role, unit, kind, denied, elsewhere, glass, *_ = row
    after = locks_after(unit, kind)
    idle = now - sign_in.last_active_at
    locked = sign_in.locked_at is not None or idle > after + REPORTED_WITHIN
    if locked and not even_locked:
        raise Locked
    # A few times in the while that it takes to lock: enough, and spares a write a request.
    if active and not locked and idle > after / REPORTS:
        session.execute(update(SignIn).where(SignIn.id == sign_in.id).values(last_active_at=now))
    return Actor(
        id=person.id,
        name=person.name,
        role=role,
        unit=unit,
        denied=frozenset(denied or ()),
        elsewhere=tuple((unit_id, name) for unit_id, name in elsewhere or ()),
        sign_in_id=sign_in.id,
        assurance=sign_in.assurance,
        has_second_factor=sign_in.assurance == TWO_FACTORS or factors.any_of(session, person.id),
        stepped_up_until=sign_in.stepped_up_until,
        workstation_id=sign_in.workstation_id,
        holds=sign_in.token_sha256,
        locks_after=after,
        locked=locked,
        glass=opened(glass),
    )


def half_signed_in(request: Request, db: Db) -> Actor:
    """Whoever knew the password, or 401. For the pages that ask for the second factor only."""
    actor = at_the_keys(
        db, token_of(request), active=not _is_live_refresh(request), now=clock.now()
    )
    if actor.assurance == TWO_FACTORS and actor.glass and actor.glass.is_looked_through(request):
        actor = _through(db, actor, actor.glass, request.url.path)
    _known(request, actor)
    if request.headers.get(SHOWN_TO, str(actor.sign_in_id)) != str(actor.sign_in_id):
        raise OtherHands
    return actor


def _through(session: Session, actor: Actor, glass: Glass, path: str) -> Actor:
    """Them, as a reader of that one stay, where they have no other right to it."""
    visits = glass.unit_id != actor.unit.id
    if not visits and actor.may(Permission.SEE_CHART):
        return actor
    unit = look_through(session, actor.id, glass, path)
    return replace(actor, unit=unit, reads_through=True, visits=visits)


def _known(request: Request, actor: Actor) -> None:
    """For what is written down about this request when it is refused."""
    request.state.staff_id = actor.id
    request.state.unit_id = actor.unit.id
    request.state.sign_in_id = actor.sign_in_id


# What asks the database nothing is `async`: a thread costs more than all that a check does.
async def enrolling(actor: Annotated[Actor, Depends(half_signed_in)]) -> Actor:
    """Who may see their own account: signed in, or with no second factor yet to sign in with."""
    if actor.assurance < TWO_FACTORS and actor.has_second_factor:
        raise HalfSignedIn("/sign-in/code")
    return actor


async def signed_in(actor: Annotated[Actor, Depends(enrolling)]) -> Actor:
    """The person at the keys, proved by two factors; or 401, or 403 on the way to the second."""
    if actor.assurance < TWO_FACTORS:
        raise HalfSignedIn("/account")
    return actor


def by_token(request: Request, db: Db) -> Actor:
    """The machine that holds this bearer token, or 401."""
    scheme, token = get_authorization_scheme_param(request.headers.get(AUTHORIZATION))
    if scheme.lower() != "bearer" or not token:
        raise SignedOut("Send a device token: Authorization: Bearer …")
    presented = {"token_sha256": token_hash(token.strip())}
    row = db.execute(BEHIND_THE_TOKEN, presented).one_or_none()
    if row is None:
        raise SignedOut("This token is not known, or has been revoked.")
    machine, role, unit, denied, _ = row
    actor = Actor(
        id=machine.id,
        name=machine.name,
        role=role,
        unit=unit,
        denied=frozenset(denied or ()),
        sign_in_id=None,
    )
    _known(request, actor)
    return actor


def load(
    session: Session, actor: Actor, entity: type[Any], row_id: int, permission: Permission
) -> Any:
    """The one way to a row that an address names: the row and the right to it, or neither.

    The right comes first, so that a refusal tells nobody what exists; what lies on another unit is
    not there.
    """
    actor.must(permission)
    here = select(entity).where(entity.id == row_id, entity.unit_id == actor.unit.id)
    row = session.scalars(here).one_or_none()
    if row is None:
        raise NotFound("There is nothing like this on your unit.")
    return row


def _asking(**wanted: Any) -> Signature:
    return Signature(
        [Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind) for name, kind in wanted.items()]
    )


@dataclass(frozen=True)
class OneOf:
    """The row that `{stay_id}`, `{alert_id}` ... in the address names, for whoever may have it."""

    entity: type[Any]
    permission: Permission
    door: Callable[..., Any] = signed_in

    @property
    def __signature__(self) -> Signature:
        """What FastAPI hands over: the number in the address, the session, and who asks."""
        number = {f"{self.entity.__tablename__}_id": Id}
        return _asking(**number, db=Db, actor=Annotated[Actor, Depends(self.door)])

    def __call__(self, *, db: Session, actor: Actor, **address: int) -> Any:
        """The row, or 403 or 404."""
        return load(db, actor, self.entity, next(iter(address.values())), self.permission)


@dataclass(frozen=True)
class Allowed:
    """Whoever has this permission. Routes that load no row ask for this."""

    permission: Permission
    door: Callable[..., Any] = signed_in

    @property
    def __signature__(self) -> Signature:
        """What FastAPI hands over: who asks."""
        return _asking(actor=Annotated[Actor, Depends(self.door)])

    async def __call__(self, *, actor: Actor) -> Actor:
        """Them, or 403."""
        actor.must(self.permission)
        return actor


# What asks who somebody is; the lock screen adds its own.
DOORS: set[Callable[..., Any]] = {half_signed_in, enrolling, signed_in, by_token}


HalfIn = Annotated[Actor, Depends(half_signed_in)]
Enrolling = Annotated[Actor, Depends(enrolling)]
SignedIn = Annotated[Actor, Depends(signed_in)]
ByToken = Annotated[Actor, Depends(by_token)]
