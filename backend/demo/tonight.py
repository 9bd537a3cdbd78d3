"""Plan what is written of this night's patients (`night.py`) into the ward's two weeks."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from uuid import uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.clinical.schedule import HowOften
from backend.clinical.sheet import Sheet
from backend.demo import night
from backend.demo.courses import answers_adding_up_to
from backend.demo.night import Moment
from backend.demo.unit import SPACE
from backend.demo.ward import Ward
from backend.observations import service as observations
from backend.observations.models import Source
from backend.patients import service as patients
from backend.protocols import queries as protocols
from backend.rounds.orders import service as orders
from backend.stays import service as stays
from backend.stays.models import Stay

# A bed is made this long before somebody of this night comes.
MADE_BEFORE = timedelta(hours=5)


def plan(ward: Ward, beds: Mapping[str, int], now: datetime) -> None:
    """Their coming and each of their sets, as long ago as it is written; their beds kept free."""
    for invented in night.patients(now.astimezone(ward.zone).hour):
        comes_at = now - invented.admitted_ago
        bed_id = beds[invented.bed] if invented.bed else None
        if bed_id is not None:
            ward.kept_free[bed_id] = comes_at - MADE_BEFORE
        used_at = now - invented.last_use_ago
        admits = partial(_admit, ward, invented, bed_id=bed_id, last_use_at=used_at)
        ward.plan(comes_at, admits, now=now)
        for moment in invented.moments:
            written_at = now - moment.ago + moment.delay
            ward.plan(written_at, partial(_chart, ward, invented, moment=moment), now=now)


def _key(invented: night.Patient) -> str:
    return f"stay {invented.code}"


def _admit(
    ward: Ward,
    invented: night.Patient,
    session: Session,
    at: datetime,
    *,
    bed_id: int | None,
    last_use_at: datetime,
) -> None:
    by = ward.staff["chen"]
    patient = patients.register(
        session,
        by,
        unit_id=ward.unit_id,
        family_name=invented.family_name,
        given_name=invented.given_name,
        born_on=invented.born_on,
        allergies=invented.allergies,
        risks=invented.risks,
        code=invented.code,
        source="demo",
        source_id=invented.code,
    )
    stay = stays.admit(
        session,
        by,
        key=uuid5(SPACE, _key(invented)),
        patient_id=patient.id,
        unit_id=ward.unit_id,
        at=at,
        bed_id=bed_id,
        substances=invented.substances,
        use_history=invented.use_history,
        last_use_at=last_use_at,
        source="demo",
    )
    in_force = protocols.in_force(session, ward.unit_id, at=at)
    for instrument, interval_minutes in invented.orders.items():
        orders.order(
            session,
            ward.staff["priya"],
            stay,
            key=uuid5(SPACE, f"order {invented.code} {instrument}"),
            instrument=instrument,
            how_often=HowOften(interval_minutes=interval_minutes),
            at=at,
            in_force=in_force,
        )


def _chart(
    ward: Ward,
    invented: night.Patient,
    session: Session,
    at: datetime,
    *,
    moment: Moment,
) -> None:
    stay = session.scalars(select(Stay).where(Stay.key == uuid5(SPACE, _key(invented)))).one()
    by = ward.staff[moment.by]
    key = uuid5(SPACE, f"set {invented.code} {moment.ago}")
    sheet = Sheet(
        observed_at=at - moment.delay,
        outcome=moment.outcome,
        vitals=moment.vitals,
        answers=moment.answers,
        unscored=moment.unscored,
        note=moment.note,
    )
    if moment.first_written_total is None:
        observations.record(session, by, stay, key=key, sheet=sheet, source=Source.TYPED)
        return
    instrument, total = moment.first_written_total
    wrong = answers_adding_up_to(instrument, total, Random(total))  # noqa: S311 (invents)
    first = observations.record(
        session,
        by,
        stay,
        key=key,
        sheet=replace(sheet, answers={**moment.answers, instrument: wrong}),
        source=Source.TYPED,
    )
    observations.correct(
        session,
        by,
        stay,
        key=uuid5(key, "correction"),
        supersedes_id=first.id,
        reason="Read from the wrong column of the paper sheet.",
        sheet=sheet,
    )
