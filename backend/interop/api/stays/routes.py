"""Who lies on the unit; and a patient's coming, moving and going."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from backend.accounts import census
from backend.accounts.access import Actor, Allowed, ByToken, OneOf, by_token
from backend.accounts.permissions import Permission
from backend.audit import service as audit
from backend.care.disclosures.models import What
from backend.core import clock
from backend.core.db import Db
from backend.core.strict_json import Key, Moment, StrictJsonRoute
from backend.interop.api.away import ShownAway, shown_away
from backend.interop.api.leaving import Payload, ask_named, leave, leave_named
from backend.interop.api.stays import queries, service
from backend.interop.api.stays.forms import AdmissionBody, DischargeBody, PlacementBody
from backend.interop.api.stays.queries import Lying
from backend.patients import queries as patients
from backend.rounds import coming
from backend.rounds.models import RoundState
from backend.stays.leave import queries as away
from backend.stays.models import DischargeReason, Stay
from backend.stays.queries import day_of_stay

router = APIRouter(route_class=StrictJsonRoute, tags=["stays"])

Reader = Annotated[Actor, Depends(Allowed(Permission.SEE_CHART, by_token))]
Admitter = Annotated[Actor, Depends(Allowed(Permission.MANAGE_STAYS, by_token))]
ChartOf = Annotated[Stay, Depends(OneOf(Stay, Permission.SEE_CHART, by_token))]
StayToManage = Annotated[Stay, Depends(OneOf(Stay, Permission.MANAGE_STAYS, by_token))]


class BedNow(BaseModel):
    """Where somebody lies."""

    id: int
    label: str


class ShownStay(BaseModel):
    """A stay without the name: for lists and for matching."""

    id: int
    patient_code: str = Field(description="Stands for the name on screens that strangers see.")
    bed: BedNow | None
    admitted_at: Moment
    day_of_stay: int = Field(description="The day of admission, on the unit's clock, is day 1.")
    substances: list[str]
    discharged_at: Moment | None
    discharge_reason: DischargeReason | None


class ShownPatient(BaseModel):
    """Who it is, and what everybody at the bed must know."""

    code: str
    system: str
    identifier: str | None
    family_name: str
    given_name: str
    born_on: date | None
    allergies: str | None = Field(description="null: nobody has asked.")
    risks: list[str]


class DueRound(BaseModel):
    """What is to be observed next."""

    instrument: str
    due_at: Moment
    late_at: Moment
    state: RoundState


class StayInFull(ShownStay, Payload):
    """A stay with its patient and what is due."""

    patient: ShownPatient | None = Field(
        description="null: the patient has asked that nothing leaves with the name."
    )
    use_history: str | None
    last_use_at: Moment | None
    spo2_scale: int
    due: list[DueRound] = Field(description="Empty while somebody is away.")
    away: ShownAway | None = Field(description="null: on the unit.")


class Stays(Payload):
    """Everybody on the unit now, with or without a bed."""

    stays: list[ShownStay]


def _shown(lying: Lying, actor: Actor, now: datetime) -> dict[str, Any]:
    """The fields that every form of the answer has."""
    stay, bed = lying.stay, lying.bed
    return {
        "id": stay.id,
        "patient_code": lying.patient.code,
        "bed": BedNow(id=bed.id, label=bed.label) if bed else None,
        "admitted_at": stay.admitted_at,
        "day_of_stay": day_of_stay(stay, actor.zone, now),
        "substances": stay.substances,
        "discharged_at": stay.discharged_at,
        "discharge_reason": stay.discharge_reason,
    }


def _in_full(session: Session, actor: Actor, stay: Stay, *, named: bool) -> StayInFull:
    lying = queries.lying(session, stay)
    gone = away.away(session, [stay.id]).get(stay.id)
    patient = lying.patient
    return StayInFull(
        **_shown(lying, actor, clock.now()),
        patient=ShownPatient(
            code=patient.code,
            system=patient.source,
            identifier=patient.source_id,
            family_name=patient.family_name,
            given_name=patient.given_name,
            born_on=patient.born_on,
            allergies=patient.allergies,
            risks=list(patients.risks(session, [patient.id]).get(patient.id, ())),
        )
        if named
        else None,
        use_history=stay.use_history if named else None,
        last_use_at=stay.last_use_at,
        spo2_scale=stay.spo2_scale,
        due=[
            DueRound(
                instrument=row.instrument, due_at=row.due_at, late_at=row.late_at, state=row.state
            )
            for row in coming.on_stay(session, stay.id)
            if gone is None
        ],
        away=shown_away(gone),
    )


@router.get("/stays", summary="Everybody on the unit now")
def stays(db: Db, actor: Reader) -> Stays:
    """Without names: those are in the single stay, whose reading is written down."""
    now = clock.now()
    found = queries.lying_on(db, actor.unit.id)
    census.shown(db, actor, "api stays", [lying.stay.id for lying in found], now)
    shown = Stays(stays=[ShownStay(**_shown(lying, actor, now)) for lying in found])
    return leave(db, actor, What.STAYS, shown)


def _after_the_deed(session: Session, actor: Actor, stay: Stay) -> StayInFull:
    return leave_named(
        session,
        actor,
        What.STAY,
        stay,
        lambda named: _in_full(session, actor, stay, named=named),
    )


@router.get("/stays/{stay_id}", summary="One stay, with its patient", response_model=StayInFull)
def stay_in_full(db: Db, actor: ByToken, stay: ChartOf) -> StayInFull | Response:
    """That this was read is on the audit trail, and in the ledger of what has left with a name."""
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    return ask_named(
        db,
        actor,
        What.STAY,
        stay,
        lambda named: _in_full(db, actor, stay, named=named),
    )


@router.post("/stays", status_code=201, summary="Admit a patient")
def admit(db: Db, actor: Admitter, key: Key, body: AdmissionBody) -> StayInFull:
    """The patient is found by `system` and `identifier`, or registered.

    A name or date of birth that disagrees with the record is refused with 409. Allergies and risks
    are put beside those on record, never in their place.
    """
    who = body.patient
    stay = service.admit(
        db,
        actor.id,
        key=key,
        unit_id=actor.unit.id,
        who=service.Identity(
            system=who.system,
            identifier=who.identifier,
            family_name=who.family_name,
            given_name=who.given_name,
            born_on=who.born_on,
            allergies=who.allergies,
            risks=tuple(who.risks),
        ),
        at=body.admitted_at,
        bed_id=body.bed_id,
        substances=tuple(body.substances),
        use_history=body.use_history,
        last_use_at=body.last_use_at,
        observe=body.observe,
    )
    return _after_the_deed(db, actor, stay)


@router.post("/stays/{stay_id}/placements", status_code=201, summary="Move to another bed")
def move(db: Db, actor: ByToken, stay: StayToManage, key: Key, body: PlacementBody) -> StayInFull:
    """The bed before is free from that time on."""
    service.move(db, actor.id, stay, key=key, bed_id=body.bed_id, at=body.at)
    return _after_the_deed(db, actor, stay)


@router.post("/stays/{stay_id}/discharge", summary="End a stay")
def discharge(
    db: Db,
    actor: ByToken,
    stay: StayToManage,
    key: Key,  # noqa: ARG001 (a stay ends only once; asked for so that every deed is sent alike)
    body: DischargeBody,
) -> StayInFull:
    """The bed is free, nothing more falls due, and the alerts of the stay are closed."""
    service.discharge(db, actor.id, stay, at=body.at, reason=body.reason)
    return _after_the_deed(db, actor, stay)
