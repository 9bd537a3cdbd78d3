"""What the pages about people show."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from backend.accounts import passwords
from backend.accounts.access import Actor
from backend.accounts.factors import queries as factors
from backend.accounts.permissions import MACHINES, Role
from backend.accounts.shell import ROLE_WORDS, shell
from backend.accounts.sign_in import queries as sign_ins
from backend.accounts.staff import queries
from backend.accounts.staff.models import Staff
from backend.core import local_time
from backend.core.web import Screen

PERSONS_ROLES = tuple(role for role in Role if role not in MACHINES)


@dataclass(frozen=True, kw_only=True)
class RoleChoice:
    """One part that a person may play."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class StaffRow:
    """One person in the list."""

    id: int
    name: str
    login_name: str
    role_words: str
    state_words: str
    gone: bool


@dataclass(frozen=True, kw_only=True)
class StaffScreen(Screen, template="accounts/staff.html"):
    """Everybody of the unit, and a form for somebody new."""

    key: UUID
    opened_by: int
    opened_in: int | None
    unit_name: str
    people: tuple[StaffRow, ...]
    roles: tuple[RoleChoice, ...]
    name: str
    login_name: str
    refusal: str | None


@dataclass(frozen=True, kw_only=True)
class TheirSignIn:
    """One browser in which they are signed in."""

    id: int
    words: str


@dataclass(frozen=True, kw_only=True)
class PersonScreen(Screen, template="accounts/person.html"):
    """One person, and what may be done about them."""

    key: UUID
    opened_by: int
    opened_in: int | None
    person: StaffRow
    oneself: bool
    invited: bool
    roles: tuple[RoleChoice, ...]
    sign_ins: tuple[TheirSignIn, ...]


@dataclass(frozen=True, kw_only=True)
class LinkScreen(Screen, template="accounts/link.html"):
    """A link, shown once, for somebody to hand over."""

    address: str
    name: str
    lasts_words: str
    back: str


def role_choices(chosen: Role | None) -> tuple[RoleChoice, ...]:
    """Every part that a person may play here."""
    return tuple(
        RoleChoice(value=role.value, label=ROLE_WORDS[role], chosen=role is chosen)
        for role in PERSONS_ROLES
    )


def row(db: Session, actor: Actor, person: Staff, role: Role, now: datetime) -> StaffRow:
    """A person as the list says it."""
    if person.disabled_at is not None:
        state = f"let go on {local_time.day(person.disabled_at, actor.zone)}"
    elif person.password_hash == passwords.AWAITED:
        state = "invited, has not come yet"
    elif not factors.any_of(db, person.id):
        state = "no second factor yet"
    else:
        here = len(sign_ins.standing(db, person.id, now=now))
        state = "signed in" if here else "not signed in"
    return StaffRow(
        id=person.id,
        name=person.name,
        login_name=person.login_name,
        role_words=ROLE_WORDS[role],
        state_words=state,
        gone=person.disabled_at is not None,
    )


def staff_screen(
    db: Session,
    actor: Actor,
    *,
    now: datetime,
    name: str = "",
    login_name: str = "",
    role: Role | None = None,
    refusal: str | None = None,
) -> StaffScreen:
    """The list, and the form with what was typed into it."""
    return StaffScreen(
        shell=shell(actor, here="admin", now=now),
        key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        unit_name=actor.unit.name,
        people=tuple(
            row(db, actor, person, role_there, now)
            for person, role_there in queries.on_unit(db, actor.unit.id)
        ),
        roles=role_choices(role),
        name=name,
        login_name=login_name,
        refusal=refusal,
    )


def person_screen(db: Session, actor: Actor, person: Staff, *, now: datetime) -> PersonScreen:
    """One person of the unit."""
    posting = queries.posting_on(db, person.id, actor.unit.id)
    role = posting.role if posting else Role.NURSE
    return PersonScreen(
        shell=shell(actor, here="admin", now=now),
        key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        person=row(db, actor, person, role, now),
        oneself=person.id == actor.id,
        invited=person.password_hash == passwords.AWAITED,
        roles=role_choices(role),
        sign_ins=tuple(
            TheirSignIn(
                id=one.id,
                words=f"since {local_time.day_and_time(one.created_at, actor.zone, now)},"
                f" last used {local_time.day_and_time(one.last_active_at, actor.zone, now)}",
            )
            for one in sign_ins.standing(db, person.id, now=now)
        ),
    )
