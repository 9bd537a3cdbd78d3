"""The part of the trail that was asked for, put into words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, get_args
from urllib.parse import urlencode
from uuid import UUID, uuid4

from fastapi import Query
from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.shell import shell
from backend.accounts.staff import queries as staff
from backend.audit.models import AuditEntry
from backend.core import local_time
from backend.core.errors import Invalid, NotFound
from backend.core.web import LARGEST_ID, Screen
from backend.reports.privacy import queries, words
from backend.reports.privacy.queries import Asked, Seer
from backend.reports.privacy.words import Of, What

AT_ONCE = 50
LABELS = ("Everything", "Looked at", "Done", "Taken out", "Refused", "Sign-ins", "Glass broken")
WHATS: dict[What, str] = dict(zip(get_args(What), LABELS, strict=True))
PLACES: dict[Of, str] = {"unit": "This unit", "none": "No unit: signing in, accounts"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Looking:
    """What the address asks for. No day and no code that was typed is ever refused with a fault."""

    patient: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None
    person: Annotated[str, Query(pattern=r"^\d{0,9}$")] = ""
    what: Annotated[What, Query()] = "all"
    of: Annotated[Of, Query()] = "unit"
    since: Annotated[str, Query(max_length=20)] = ""
    until: Annotated[str, Query(max_length=20)] = ""
    before: Annotated[str, Query(pattern=r"^(\d{1,17}-\d{1,17})?$")] = ""

    @property
    def person_id(self) -> int | None:
        """The person, if one was chosen."""
        return int(self.person) if self.person else None

    def asked(self, actor: Actor) -> Asked:
        """As a question; Invalid when a day cannot be read."""
        first, last = _day(self.since), _day(self.until)
        return Asked(
            unit_id=actor.unit.id if self.of == "unit" else None,
            patient_id=self.patient,
            actor_id=self.person_id,
            what=self.what,
            since=datetime.combine(first, time(), actor.zone) if first else None,
            until=datetime.combine(last + timedelta(days=1), time(), actor.zone) if last else None,
            before=_place(self.before),
        )

    def older(self, last: AuditEntry) -> str:
        """The address of the page after this entry."""
        micros = (last.at - EPOCH) // timedelta(microseconds=1)
        said = vars(self) | {"before": f"{micros}-{last.id}"}
        return "/privacy/log?" + urlencode({name: value for name, value in said.items() if value})


def _day(said: str) -> date | None:
    try:
        day = date.fromisoformat(said) if said else None
    except ValueError:
        raise Invalid("Write a day as 2026-11-24.") from None
    if day is not None and not 2000 <= day.year <= 2200:
        raise Invalid("Choose a day of this century.")
    return day


def _place(before: str) -> tuple[datetime, int] | None:
    if not before:
        return None
    micros, number = before.split("-")
    return EPOCH + timedelta(microseconds=int(micros)), int(number)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One entry of a list to choose from."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One entry as it reads."""

    when: str
    at: str
    who: str
    what: str
    refused: bool
    patient: str
    details: str


@dataclass(frozen=True, kw_only=True)
class SeerLine:
    """One person who had to do with the patient."""

    name: str
    times: int
    first: str
    last: str


@dataclass(frozen=True, kw_only=True)
class LogScreen(Screen, template="reports/audit_log.html"):
    """A part of the trail."""

    heading: str
    patient: int | None
    people: tuple[Choice, ...]
    whats: tuple[Choice, ...]
    places: tuple[Choice, ...]
    since: str
    until: str
    refusal: str | None
    seers: tuple[SeerLine, ...]
    shown_to: tuple[SeerLine, ...]
    entries: tuple[Shown, ...]
    older: str | None
    key: UUID
    opened_by: int
    opened_in: int | None
    person: str
    what: str
    of: str


def people(db: Session, actor: Actor, chosen: int | None) -> tuple[Choice, ...]:
    return tuple(
        Choice(value=str(number), label=name, chosen=number == chosen)
        for number, name in queries.people(db, actor.unit.id)
    )


def log(
    db: Session, actor: Actor, looking: Looking, now: datetime, *, refusal: str | None = None
) -> LogScreen:
    """A page of it; on a patient's first page also who saw them at all."""
    patient, code = looking.patient, None
    if patient is not None:
        code = queries.codes(db, [patient]).get(patient)
        if code is None:
            raise NotFound("There is no such patient on this unit.")
    entries = [] if refusal else queries.page(db, looking.asked(actor), AT_ONCE + 1)
    names = staff.names(db, words.people(entries))
    who = people(db, actor, looking.person_id)
    first = patient if not looking.before else None
    seers = queries.who_saw(db, actor.unit.id, first) if first else []
    boards = queries.who_saw_on_a_board(db, actor.unit.id, first) if first else []
    return LogScreen(
        shell=shell(actor, here="privacy", now=now),
        heading=_heading(looking, code, next((one.label for one in who if one.chosen), None)),
        patient=patient,
        people=who,
        whats=_choices(WHATS, looking.what),
        places=_choices(PLACES, looking.of),
        since=looking.since,
        until=looking.until,
        refusal=refusal,
        seers=tuple(_seer(one, actor) for one in seers),
        shown_to=tuple(_seer(one, actor) for one in boards),
        entries=_shown(db, entries[:AT_ONCE], names, actor),
        older=looking.older(entries[AT_ONCE - 1]) if len(entries) > AT_ONCE else None,
        key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        person=looking.person,
        what=looking.what,
        of=looking.of,
    )


def _choices(all_of: Mapping[Any, str], chosen: str) -> tuple[Choice, ...]:
    return tuple(Choice(value=v, label=label, chosen=v == chosen) for v, label in all_of.items())


def moment(at: datetime, actor: Actor) -> str:
    """`Tue 24 Nov 2026 23:30`: the trail goes back for years."""
    year = at.astimezone(actor.zone).year
    return f"{local_time.day(at, actor.zone)} {year} {local_time.clock_time(at, actor.zone)}"


def _heading(looking: Looking, code: str | None, person: str | None) -> str:
    if code and person:
        return f"What {person} did with {code}"
    if code:
        return f"Who saw {code}"
    plain = "The audit trail" if looking.of == "unit" else "What is of no unit"
    return f"What {person} did" if person else plain


def _shown(
    db: Session, entries: Sequence[AuditEntry], names: dict[int, str], actor: Actor
) -> tuple[Shown, ...]:
    codes = queries.codes(db, [one.patient_id for one in entries if one.patient_id is not None])
    return tuple(
        Shown(
            when=moment(one.at, actor),
            at=local_time.machine(one.at),
            who=words.who(one, names),
            what=words.action(one),
            refused=one.action.endswith(".refused"),
            patient=words.patient(one, codes),
            details=words.details(one, names),
        )
        for one in entries
    )


def _seer(one: Seer, actor: Actor) -> SeerLine:
    return SeerLine(
        name=one.name,
        times=one.times,
        first=moment(one.first_at, actor),
        last=moment(one.last_at, actor),
    )
