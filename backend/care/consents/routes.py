"""The consents of a patient: what holds, what held, add one, change one, take one back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, OneOf, SignedIn
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.audit import service as audit
from backend.care.consents import queries, service, words
from backend.care.consents.forms import ConsentForm, EndForm
from backend.care.consents.models import (
    EndKind,
    PurposeKind,
    RecipientClass,
    RecipientKind,
    RecordKind,
    SignedHow,
)
from backend.care.consents.queries import Signed
from backend.clinical import shift as shifts
from backend.core import clock
from backend.core.db import Db
from backend.core.errors import Invalid, UserError
from backend.core.web import Screen, go, render, stands_on, wants_fragment
from backend.stays import queries as stay_queries
from backend.stays.models import Stay
from backend.stays.queries import Banner

router = APIRouter()

ConsentsOf = Annotated[Stay, Depends(OneOf(Stay, Permission.SEE_CONSENTS))]
ConsentFrom = Annotated[Stay, Depends(OneOf(Stay, Permission.TAKE_CONSENT))]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of a list, with what it was before."""

    value: str
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class ShownConsent:
    """One version of a consent, in words."""

    id: int
    what: str
    to_whom: str
    what_for: str
    how_long: str
    signed: str
    state: str
    holds: bool
    stands: bool
    end_key: UUID
    version_of: int | None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The form, with what was typed into it before."""

    key: UUID
    supersedes_id: int | None
    scope: tuple[Choice, ...]
    recipient_kinds: tuple[Choice, ...]
    recipient: str
    classes: tuple[Choice, ...]
    purposes: tuple[Choice, ...]
    purpose: str
    expires_on: str
    expires_with: str
    signed_how: tuple[Choice, ...]
    signed_at: str
    latest_signed: str
    earliest_end: str


@dataclass(frozen=True, kw_only=True)
class ConsentsScreen(Screen, template="care/consents.html"):
    """Everything that a patient has allowed."""

    banner: Banner
    opened_by: int
    opened_in: int | None
    may_take: bool
    holding: tuple[ShownConsent, ...]
    past: tuple[ShownConsent, ...]
    ends: tuple[str, ...]
    entry: Entry
    refusals: tuple[str, ...]


@router.get("/stays/{stay_id}/consents")
def consents_screen(db: Db, actor: SignedIn, stay: ConsentsOf, change: str = "") -> Response:
    """With `change`, the form holds the consent that a new version is made of."""
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    return render(_screen(db, actor, stay, change=change))


def _screen(
    session: Session,
    actor: Actor,
    stay: Stay,
    *,
    change: str = "",
    typed: ConsentForm | None = None,
    refusals: tuple[str, ...] = (),
) -> ConsentsScreen:
    now = clock.now()
    today = now.astimezone(actor.zone).date()
    every = queries.of_patient(session, stay.patient_id, stay.unit_id)
    shown = [_shown(one, actor, now) for one in every]
    base = next((one for one in every if str(one.consent.id) == change and one.stands), None)
    return ConsentsScreen(
        shell=shell(actor, here="stay", now=now),
        banner=stay_queries.banner(session, stay, actor.zone, now),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        may_take=actor.may(Permission.TAKE_CONSENT),
        holding=tuple(one for one in shown if one.holds),
        past=tuple(one for one in shown if not one.holds),
        ends=tuple(kind.value for kind in EndKind),
        entry=_entry(now.astimezone(actor.zone), today.isoformat(), base, typed),
        refusals=refusals,
    )


def _shown(one: Signed, actor: Actor, now: datetime) -> ShownConsent:
    today = now.astimezone(actor.zone).date()
    return ShownConsent(
        id=one.consent.id,
        what=words.what(one.consent),
        to_whom=words.to_whom(one.consent),
        what_for=words.what_for(one.consent),
        how_long=words.how_long(one.consent),
        signed=words.signed(one, actor.zone),
        state=words.state(one, actor.zone, today),
        holds=words.holds(one, today),
        stands=one.stands,
        end_key=uuid4(),
        version_of=one.consent.supersedes_id,
    )


def _entry(now: datetime, today: str, base: Signed | None, typed: ConsentForm | None) -> Entry:
    """Empty, as the consent that is changed, or as it was typed."""
    form = typed or (base.consent if base else None)
    recipient = form.recipient if form else ""
    by_kind = form is not None and form.recipient_kind is RecipientKind.CLASS
    chosen_class = typed.recipient_class if typed else recipient if by_kind else None
    return Entry(
        key=uuid4(),
        supersedes_id=typed.supersedes_id if typed else base.consent.id if base else None,
        scope=_choices(RecordKind, form.scope if form else []),
        recipient_kinds=_choices(RecipientKind, [form.recipient_kind] if form else []),
        recipient=recipient if typed or not by_kind else "",
        classes=_choices(RecipientClass, [chosen_class] if chosen_class else []),
        purposes=_choices(PurposeKind, [form.purpose_kind] if form else []),
        purpose=(form.purpose or "") if form else "",
        expires_on=form.expires_on.isoformat() if form and form.expires_on else "",
        expires_with=(form.expires_with or "") if form else "",
        signed_how=_choices(SignedHow, [typed.signed_how] if typed else []),
        signed_at=typed.signed_at if typed else f"{now:%Y-%m-%dT%H:%M}",
        latest_signed=f"{now:%Y-%m-%dT%H:%M}",
        earliest_end=today,
    )


def _choices(every: type[StrEnum], chosen: Sequence[str]) -> tuple[Choice, ...]:
    return tuple(Choice(value=one.value, chosen=one.value in chosen) for one in every)


@router.post("/stays/{stay_id}/consents")
@stands_on("/stays/{stay_id}/consents?change={supersedes_id}")
def give(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: ConsentFrom,
    form: Annotated[ConsentForm, Form()],
) -> Response:
    """Recorded; or the page again, with what was typed and why not."""
    actor.signs(form, of=stay.id)
    now = clock.now()
    try:
        service.give(
            db,
            actor.id,
            stay,
            key=form.key,
            terms=form.terms(_local(form.signed_at, actor)),
            today=now.astimezone(actor.zone).date(),
            now=now,
            supersedes_id=form.supersedes_id,
        )
    except UserError as error:
        if wants_fragment(request):
            raise
        return render(
            _screen(db, actor, stay, typed=form, refusals=_sentences(error)), error.status
        )
    return go(request, f"/stays/{stay.id}/consents")


def _sentences(error: UserError) -> tuple[str, ...]:
    more = error.fields.values() if isinstance(error, Invalid) else ()
    return (error.sentence, *more)


def _local(typed: str, actor: Actor) -> datetime:
    try:
        moment = datetime.fromisoformat(typed).replace(tzinfo=None)
        return shifts.local_to_utc(moment, actor.zone)
    except shifts.LocalTimeError as error:
        raise Invalid("Check the time.", {"signed_at": str(error)}) from None
    except (ValueError, OverflowError):
        raise Invalid("Check the time.", {"signed_at": "Write when it was signed."}) from None


@router.post("/stays/{stay_id}/consents/end")
@stands_on("/stays/{stay_id}/consents")
def end(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: ConsentFrom,
    form: Annotated[EndForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    service.end(
        db,
        actor.id,
        stay,
        key=form.key,
        consent_id=form.consent_id,
        kind=form.kind,
        said_how=form.said_how,
    )
    return go(request, f"/stays/{stay.id}/consents")
