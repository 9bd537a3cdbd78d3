"""Make links, and open what they are for, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from urllib.parse import urlencode

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.accounts.links.models import Link, LinkKind
from backend.accounts.permissions import Role
from backend.accounts.sign_in import service as sign_in
from backend.accounts.sign_in.models import ONE_FACTOR
from backend.accounts.staff import queries as staff_queries
from backend.accounts.staff import service as staff
from backend.accounts.staff.models import Staff
from backend.accounts.units import service as units
from backend.audit import service as audit
from backend.core.errors import NotFound
from backend.core.settings import settings

LASTS = {
    LinkKind.FIRST_RUN: timedelta(days=1),
    LinkKind.INVITATION: timedelta(days=3),
    LinkKind.RECOVERY: timedelta(hours=4),
}
GONE = "This link has been used, or has expired. Ask for a new one."


def make(
    session: Session, actor_id: int, kind: LinkKind, person: Staff | None, *, now: datetime
) -> str:
    """A link's token, shown once. Earlier links of this person open nothing any more."""
    staff_id = person.id if person else None
    session.execute(
        update(Link)
        .where(Link.staff_id.is_not_distinct_from(staff_id), Link.spent_at.is_(None))
        .values(spent_at=now)
    )
    token = sign_in.new_token()
    session.add(
        Link(
            kind=kind,
            token_sha256=sign_in.token_hash(token),
            staff_id=staff_id,
            made_by=actor_id,
            made_at=now,
            expires_at=now + LASTS[kind],
        )
    )
    audit.record(session, actor_id, "link.made", kind=kind.value, staff_id=staff_id)
    return token


def address(token: str) -> str:
    """Where whoever was handed it chooses a password."""
    return f"{settings().public_origin}/welcome?{urlencode({'link': token})}"


def first_run(session: Session, *, now: datetime) -> str | None:
    """The link that sets Vigil up, where nobody could sign in yet, for who reads the terminal."""
    if staff_queries.how_many(session) > 0:
        return None
    return make(session, staff.console(session).id, LinkKind.FIRST_RUN, None, now=now)


def waiting(session: Session, token: str, *kinds: LinkKind, now: datetime) -> Link:
    """The link with this token, while it still opens. To look at it uses nothing up."""
    link = session.scalars(
        select(Link).where(
            Link.token_sha256 == sign_in.token_hash(token),
            Link.kind.in_(kinds),
            Link.spent_at.is_(None),
            Link.expires_at > now,
        )
    ).one_or_none()
    if link is None:
        raise NotFound(GONE)
    return link


def owner(session: Session, link: Link) -> Staff:
    """Whose link it is, while they work here."""
    person = staff_queries.by_id(session, link.staff_id) if link.staff_id else None
    if person is None or person.disabled_at is not None:
        raise NotFound(GONE)
    return person


def choose_password(session: Session, token: str, *, password: str, now: datetime) -> sign_in.Begun:
    """The person chooses a password and is half signed in. A second factor they have stays."""
    link = waiting(session, token, LinkKind.INVITATION, LinkKind.RECOVERY, now=now)
    person = owner(session, link)
    staff.change_password(session, person.id, person, password=password, now=now)
    _use_up(session, link, person.id, now)
    return sign_in.begin_as(session, person, assurance=ONE_FACTOR, now=now)


@dataclass(frozen=True, kw_only=True)
class FirstUnit:
    """The unit that the first administrator opens."""

    code: str
    name: str
    time_zone: str
    shift_starts: Sequence[time]
    beds: Sequence[str]


def set_up(
    session: Session,
    token: str,
    *,
    login_name: str,
    name: str,
    password: str,
    first: FirstUnit,
    now: datetime,
) -> sign_in.Begun:
    """The first unit and its administrator, who is half signed in and sets up a second factor."""
    link = waiting(session, token, LinkKind.FIRST_RUN, now=now)
    if staff_queries.how_many(session) > 0:
        raise NotFound(GONE)
    console = staff.console(session)
    person = staff.create(session, console.id, login_name=login_name, name=name, password=password)
    unit = units.create(
        session,
        person.id,
        code=first.code,
        name=first.name,
        time_zone=first.time_zone,
        shift_starts=first.shift_starts,
    )
    units.add_beds(session, person.id, unit, labels=first.beds)
    staff.post(session, console.id, person, unit_id=unit.id, role=Role.ADMINISTRATOR, now=now)
    _use_up(session, link, person.id, now)
    return sign_in.begin_as(session, person, assurance=ONE_FACTOR, now=now)


def _use_up(session: Session, link: Link, by: int, now: datetime) -> None:
    """Of two that come at once with the same link, one finds it used."""
    used = session.execute(
        update(Link)
        .where(Link.id == link.id, Link.spent_at.is_(None))
        .values(spent_at=now)
        .returning(Link.id)
    ).one_or_none()
    if used is None:
        raise NotFound(GONE)
    audit.note(session, by, "link.used", kind=link.kind.value, link_id=link.id)
