"""Admit a patient; move or discharge one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, Allowed
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.accounts.units.models import Bed
from backend.audit import service as audit
from backend.care.admission import service
from backend.care.admission.forms import AdmissionForm, DischargeForm, MoveForm, local_moment
from backend.care.admission.service import Seen
from backend.clinical import scale
from backend.core import clock
from backend.core.db import Db
from backend.core.errors import Conflict, Invalid
from backend.core.web import Screen, go, render, stands_on, wants_fragment
from backend.protocols import queries as protocols
from backend.stays import queries as stay_queries
from backend.stays.access import StayToManage
from backend.stays.models import DischargeReason, Stay
from backend.stays.queries import Banner

router = APIRouter()
Admits = Annotated[Actor, Depends(Allowed(Permission.MANAGE_STAYS))]

SUBSTANCES = ("benzodiazepines", "alcohol", "opioids", "stimulants", "cannabis", "gabapentinoids")
TYPED = (
    "family_name",
    "given_name",
    "born_on",
    "allergies",
    "risks",
    "use_history",
    "last_use_at",
    "bed_id",
)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One box to tick."""

    value: str
    label: str
    ticked: bool = False


@dataclass(frozen=True, kw_only=True)
class AdmissionScreen(Screen, template="care/admission.html"):
    """An admission form: empty, or as it was typed when it was refused."""

    key: UUID
    opened_by: int
    opened_in: int | None
    refusal: tuple[str, ...]
    typed: dict[str, str]
    free_beds: Sequence[Bed]
    substances: tuple[Choice, ...]
    instruments: tuple[Choice, ...]
    templates: tuple[Choice, ...]
    latest_birth: str
    latest_use: str


@dataclass(frozen=True, kw_only=True)
class StayScreen(Screen, template="care/stay.html"):
    """Move or discharge one patient."""

    banner: Banner
    key: UUID
    discharge_key: UUID
    opened_by: int
    opened_in: int | None
    placement_id: int | None
    free_beds: Sequence[Bed]
    reasons: tuple[str, ...]


@router.get("/admit")
def admission_screen(db: Db, actor: Admits) -> Response:
    return render(_admission(db, actor))


def _admission(
    session: Session,
    actor: Actor,
    form: AdmissionForm | None = None,
    refused: Invalid | Conflict | None = None,
) -> AdmissionScreen:
    now = clock.now()
    protocol = protocols.in_force(session, actor.unit.id, at=now).protocol
    known = protocol.intervals
    ticked = form.instruments if form else ["news2"]
    fields = refused.fields.values() if isinstance(refused, Invalid) else ()
    return AdmissionScreen(
        shell=shell(actor, here="admit", now=now),
        key=form.key if form else uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        refusal=(refused.sentence, *fields) if refused else (),
        typed={name: str(getattr(form, name, None) or "") for name in TYPED},
        free_beds=stay_queries.free_beds(session, actor.unit.id),
        substances=tuple(
            Choice(value=one, label=one, ticked=form is not None and one in form.substances)
            for one in SUBSTANCES
        ),
        instruments=tuple(
            Choice(
                value=key,
                label="Vital signs, NEWS2" if key == "news2" else scale.latest()[key].name,
                ticked=key in ticked,
            )
            for key in sorted(known, key=lambda key: key != "news2")
            if key in scale.latest()
        ),
        templates=tuple(
            Choice(
                value=one.id,
                label=one.title,
                ticked=form is not None and one.id in form.templates,
            )
            for one in protocol.rounds.templates
        ),
        latest_birth=f"{now.astimezone(actor.zone):%Y-%m-%d}",
        latest_use=f"{now.astimezone(actor.zone):%Y-%m-%dT%H:%M}",
    )


@router.post("/admit")
def admit(
    request: Request, db: Db, actor: Admits, form: Annotated[AdmissionForm, Form()]
) -> Response:
    actor.signs(form)
    try:
        with db.begin_nested():
            stay = _admitted(db, actor, form)
    except (Invalid, Conflict) as refused:
        if wants_fragment(request):
            raise
        return render(_admission(db, actor, form, refused), refused.status)
    return go(request, f"/stays/{stay.id}")


def _admitted(db: Session, actor: Actor, form: AdmissionForm) -> Stay:
    now = clock.now()
    protocol = protocols.in_force(db, actor.unit.id, at=now).protocol
    templates = [one for one in protocol.rounds.templates if one.id in form.templates]
    unknown = set(form.instruments) - set(protocol.intervals)
    if unknown or len(templates) < len(set(form.templates)) or not (form.instruments or templates):
        raise Invalid(
            "Choose what is to be observed.", {"instruments": "Tick at least one of the list."}
        )
    if form.born_on is not None and form.born_on > now.astimezone(actor.zone).date():
        raise Invalid("Check the date of birth.", {"born_on": "This day has not come yet."})
    last_use_at = local_moment(form.last_use_at, actor.zone, field="last_use_at")
    if last_use_at is not None and last_use_at > now:
        raise Invalid("Check the last use.", {"last_use_at": "This time has not come yet."})
    return service.admit(
        db,
        actor.id,
        key=form.key,
        unit_id=actor.unit.id,
        family_name=form.family_name,
        given_name=form.given_name,
        born_on=form.born_on,
        allergies=form.allergies,
        risks=form.risk_labels(),
        substances=tuple(form.substances),
        use_history=form.use_history,
        last_use_at=last_use_at,
        bed_id=form.bed_id,
        instruments=tuple(form.instruments),
        usual=tuple(templates),
        at=now,
    )


@router.get("/stays/{stay_id}/manage")
def stay_screen(db: Db, actor: Admits, stay: StayToManage) -> Response:
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    return render(_screen(db, actor, stay))


def _screen(db: Session, actor: Actor, stay: Stay) -> StayScreen:
    now = clock.now()
    placement = stay_queries.placement_now(db, stay.id)
    return StayScreen(
        shell=shell(actor, here="stay", now=now),
        banner=stay_queries.banner(db, stay, actor.zone, now),
        key=uuid4(),
        discharge_key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        placement_id=placement.id if placement else None,
        free_beds=stay_queries.free_beds(db, actor.unit.id),
        reasons=tuple(reason.value for reason in DischargeReason),
    )


@router.post("/stays/{stay_id}/bed")
@stands_on("/stays/{stay_id}/manage")
def move(
    request: Request, db: Db, actor: Admits, stay: StayToManage, form: Annotated[MoveForm, Form()]
) -> Response:
    actor.signs(form, of=stay.id)
    service.move(
        db,
        actor.id,
        stay,
        key=form.key,
        bed_id=form.bed_id,
        at=clock.now(),
        seen=Seen(placement_id=form.placement_id, zone=actor.zone),
    )
    return go(request, f"/stays/{stay.id}")


@router.post("/stays/{stay_id}/discharge")
@stands_on("/stays/{stay_id}/manage")
def discharge(
    request: Request,
    db: Db,
    actor: Admits,
    stay: StayToManage,
    form: Annotated[DischargeForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    service.end(
        db,
        actor.id,
        stay,
        at=clock.now(),
        reason=form.reason,
        seen=Seen(placement_id=form.placement_id, zone=actor.zone),
    )
    return go(request, "/")
