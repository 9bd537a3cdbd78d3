"""What a patient asked to be kept back, what was told in an emergency, what they should know."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, Allowed, OneOf, SignedIn
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.audit import service as audit
from backend.care.disclosures import queries
from backend.care.disclosures.models import Verdict
from backend.care.disclosures.queries import Wish
from backend.care.sharing import service
from backend.care.sharing.forms import AnswerForm, EmergencyForm, RestrictionForm
from backend.clinical import shift as shifts
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.errors import Invalid, UserError
from backend.core.web import Screen, go, render, stands_on, wants_fragment
from backend.stays import queries as stay_queries
from backend.stays.models import Stay
from backend.stays.queries import Banner

router = APIRouter()

SharingOf = Annotated[Stay, Depends(OneOf(Stay, Permission.SEE_CONSENTS))]
WishOf = Annotated[Stay, Depends(OneOf(Stay, Permission.TAKE_CONSENT))]
EmergencyOf = Annotated[Stay, Depends(OneOf(Stay, Permission.DISCLOSE_IN_EMERGENCY))]
ReviewOf = Annotated[Stay, Depends(OneOf(Stay, Permission.REVIEW_DISCLOSURES))]
Reader = Annotated[Actor, Depends(Allowed(Permission.SEE_CONSENTS))]


@dataclass(frozen=True, kw_only=True)
class ShownWish:
    """One request, in words."""

    id: int
    key: UUID
    asked: str
    about: str
    taken: str
    state: str
    history: tuple[str, ...]
    verdicts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SharingScreen(Screen, template="care/sharing.html"):
    """Restrictions and emergencies of one patient."""

    banner: Banner
    opened_by: int
    opened_in: int | None
    wishes: tuple[ShownWish, ...]
    may_take: bool
    may_disclose: bool
    may_review: bool
    wish_key: UUID
    emergency_key: UUID
    now_local: str
    typed: dict[str, str]
    refusals: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PatientNoticeScreen(Screen, template="care/patient_notice.html"):
    """42 CFR 2.22 in plain words, to print and hand over."""

    unit_name: str


@router.get("/stays/{stay_id}/sharing")
def sharing_screen(db: Db, actor: SignedIn, stay: SharingOf) -> Response:
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    return render(_screen(db, actor, stay))


def _screen(
    session: Session,
    actor: Actor,
    stay: Stay,
    typed: EmergencyForm | None = None,
    refusals: tuple[str, ...] = (),
) -> SharingScreen:
    now = clock.now()
    local = f"{now.astimezone(actor.zone):%Y-%m-%dT%H:%M}"
    empty = {"recipient": "", "affiliation": "", "nature": "", "told": "", "told_at": local}
    return SharingScreen(
        shell=shell(actor, here="stay", now=now),
        banner=stay_queries.banner(session, stay, actor.zone, now),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        wishes=tuple(
            _shown(one, actor) for one in queries.wishes(session, stay.patient_id, stay.unit_id)
        ),
        may_take=actor.may(Permission.TAKE_CONSENT),
        may_disclose=actor.may(Permission.DISCLOSE_IN_EMERGENCY),
        may_review=actor.may(Permission.REVIEW_DISCLOSURES),
        wish_key=uuid4(),
        emergency_key=uuid4(),
        now_local=local,
        typed={name: getattr(typed, name) for name in empty} if typed else empty,
        refusals=refusals,
    )


def _shown(wish: Wish, actor: Actor) -> ShownWish:
    request = wish.request
    names = wish.names
    about = f"nothing to {request.recipient}" if request.recipient else "nothing with the name"
    open_to = (
        (Verdict.LIFTED,) if wish.verdict is Verdict.AGREED else (Verdict.AGREED, Verdict.DECLINED)
    )
    return ShownWish(
        id=request.id,
        key=uuid4(),
        asked=request.asked,
        about=about,
        taken=f"{local_time.day_and_time(request.asked_at, actor.zone)},"
        f" taken by {names[request.taken_by]}",
        state=wish.verdict.value if wish.verdict else "not decided yet",
        history=tuple(
            f"{one.verdict.value} {local_time.day_and_time(one.decided_at, actor.zone)}"
            f" by {names[one.decided_by]}: {one.reason}"
            for one in wish.answers
        ),
        verdicts=tuple(verdict.value for verdict in open_to),
    )


@router.post("/stays/{stay_id}/emergency")
@stands_on("/stays/{stay_id}/sharing")
def told_in_emergency(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: EmergencyOf,
    form: Annotated[EmergencyForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    try:
        service.told_in_emergency(
            db,
            actor.id,
            stay,
            key=form.key,
            recipient=form.recipient,
            affiliation=form.affiliation,
            told_at=_local(form.told_at, actor),
            nature=form.nature,
            told=form.told,
            now=clock.now(),
        )
    except UserError as error:
        if wants_fragment(request):
            raise
        fields = tuple(error.fields.values()) if isinstance(error, Invalid) else ()
        page = _screen(db, actor, stay, form, (error.sentence, *fields))
        return render(page, error.status)
    return go(request, f"/stays/{stay.id}/sharing")


def _local(typed: str, actor: Actor) -> datetime:
    try:
        moment = datetime.fromisoformat(typed).replace(tzinfo=None)
        return shifts.local_to_utc(moment, actor.zone)
    except shifts.LocalTimeError as error:
        raise Invalid("Check the time.", {"told_at": str(error)}) from None
    except (ValueError, OverflowError):
        raise Invalid("Check the time.", {"told_at": "Write when it was told."}) from None


@router.post("/stays/{stay_id}/restrictions")
@stands_on("/stays/{stay_id}/sharing")
def ask_restriction(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: WishOf,
    form: Annotated[RestrictionForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    service.ask_restriction(
        db, actor.id, stay, key=form.key, asked=form.asked, recipient=form.recipient
    )
    return go(request, f"/stays/{stay.id}/sharing")


@router.post("/stays/{stay_id}/restrictions/answer")
@stands_on("/stays/{stay_id}/sharing")
def answer_restriction(
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: ReviewOf,
    form: Annotated[AnswerForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    service.answer_restriction(
        db,
        actor.id,
        stay,
        key=form.key,
        restriction_id=form.restriction_id,
        verdict=form.verdict,
        reason=form.reason,
    )
    return go(request, f"/stays/{stay.id}/sharing")


@router.get("/patient-notice")
def patient_notice(db: Db, actor: Reader) -> Response:  # noqa: ARG001 (the gate's)
    return render(
        PatientNoticeScreen(
            shell=shell(actor, here="notice", now=clock.now()), unit_name=actor.unit.name
        )
    )
