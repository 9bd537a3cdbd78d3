"""Make the demo unit once, and play its last days through the services, in their order."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from random import Random
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend import watch
from backend.accounts import passwords
from backend.accounts.permissions import Role
from backend.accounts.sign_in.service import DEMO_PASSWORD
from backend.accounts.staff.models import Posting, Staff
from backend.accounts.units.models import Bed, Unit
from backend.alerts import queries as alert_queries
from backend.alerts.answers import service as answers
from backend.clinical.schedule import HowOften
from backend.clinical.sheet import Sheet
from backend.core import clock
from backend.core.db import console_session
from backend.core.errors import Conflict
from backend.core.settings import settings
from backend.demo import courses, safety
from backend.demo.courses import Moment, Patient
from backend.observations import service as observations
from backend.observations.models import Source
from backend.patients import service as patients
from backend.protocols import queries as protocols
from backend.protocols import service as protocol_service
from backend.rounds.orders import service as orders
from backend.stays import service as stays
from backend.stays.models import Stay

CODE = "demo"
ZONE = "Europe/Berlin"
# Keys are derived from names, so that making the unit twice makes nothing twice.
SPACE = UUID("5f0c7c1e-6f0b-4c55-9b6e-0f4f5d1c1989")
BEDS = ("1", "2", "3", "4", "5", "6")
STAFF = {
    "nora": ("Nora Okafor, RN", Role.NURSE),
    "noah": ("Noah Lindqvist, RN", Role.NURSE),
    "tess": ("Tess Amsel", Role.TECHNICIAN),
    "chen": ("Chen Ferro, RN", Role.CHARGE_NURSE),
    "priya": ("Dr Priya Vance", Role.PHYSICIAN),
    "theo": ("Theo Marsh", Role.THERAPIST),
    "ada": ("Ada Brandt", Role.ADMINISTRATOR),
    "vera": ("Dr Vera Holt", Role.APPROVER),
    "pavel": ("Pavel Simon", Role.PRIVACY_OFFICER),
}


def is_made(session: Session) -> bool:
    """Whether the demo unit is there. A database that holds only other units is refused."""
    codes = set(session.scalars(select(Unit.code)))
    if codes and CODE not in codes:
        raise Conflict(
            "This database holds a real unit. The demo needs a database, or a VIGIL_DATA_DIR, of"
            " its own."
        )
    return CODE in codes


def make(say: Callable[[str], None]) -> None:
    """The unit, its people, its patients and their last days, unless they are there already."""
    now = clock.now()
    folder = settings().data_dir
    unfinished = folder / "demo.unfinished"
    with console_session.begin() as session:
        if is_made(session):
            if unfinished.exists():
                raise Conflict(f"The demo was cut short while it was made: remove {folder} first.")
            return
        say("Making the demo unit …")
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.touch()
        unit = _open_unit(session, now - timedelta(days=30))
        staff = {person.login_name: person.id for person in session.scalars(select(Staff))}
    invented = courses.patients(now.astimezone(ZoneInfo(ZONE)).hour)
    deeds = sorted(_admissions(invented, now) + _sets(invented, now), key=lambda deed: deed[0])
    for number, (at, patient, moment) in enumerate(deeds):
        if number % 20 == 0:
            say(f"  playing {at:%a %H:%M} …")
        _let_time_pass(at)
        with clock.as_if(at), console_session.begin() as session:
            if moment is None:
                _admit(session, unit, patient, staff, at=at, now=now)
            else:
                _chart(session, patient, moment, staff, now)
    safety.look_after_some(staff, now, until=_let_time_pass)
    _let_time_pass(now)
    _answer_some(staff)
    unfinished.unlink()


Deed = tuple[datetime, Patient, Moment | None]


def _admissions(invented: list[Patient], now: datetime) -> list[Deed]:
    return [(now - patient.admitted_ago, patient, None) for patient in invented]


def _sets(invented: list[Patient], now: datetime) -> list[Deed]:
    return [
        (now - moment.ago + moment.delay, patient, moment)
        for patient in invented
        for moment in patient.moments
    ]


def _let_time_pass(until: datetime) -> None:
    """What the watch would have done meanwhile."""
    with clock.as_if(until):
        watch.turn()


def _open_unit(session: Session, opened_at: datetime) -> Unit:
    unit = Unit(code=CODE, name="Lantern Unit", time_zone=ZONE, shift_starts=[time(7), time(19)])
    session.add(unit)
    session.flush()
    session.add_all(
        Bed(unit_id=unit.id, label=label, position=position) for position, label in enumerate(BEDS)
    )
    password_hash = passwords.keep(DEMO_PASSWORD)
    people = {
        login_name: Staff(login_name=login_name, name=name, password_hash=password_hash)
        for login_name, (name, _) in STAFF.items()
    }
    session.add_all(people.values())
    session.flush()
    for login_name, (_, role) in STAFF.items():
        session.add(Posting(staff_id=people[login_name].id, unit_id=unit.id, role=role))
    protocol_service.adopt_default(
        session,
        unit_id=unit.id,
        drafted_by=people["ada"].id,
        approved_by=people["vera"].id,
        effective_at=opened_at,
    )
    return unit


def _admit(
    session: Session,
    unit: Unit,
    invented: Patient,
    staff: dict[str, int],
    *,
    at: datetime,
    now: datetime,
) -> None:
    by = staff["chen"]
    patient = patients.register(
        session,
        by,
        unit_id=unit.id,
        family_name=invented.family_name,
        given_name=invented.given_name,
        born_on=invented.born_on,
        allergies=invented.allergies,
        risks=invented.risks,
        code=invented.code,
        source="demo",
        source_id=invented.code,
    )
    bed_id = session.scalars(
        select(Bed.id).where(Bed.unit_id == unit.id, Bed.label == invented.bed)
    ).one_or_none()
    stay = stays.admit(
        session,
        by,
        key=uuid5(SPACE, f"stay {invented.code}"),
        patient_id=patient.id,
        unit_id=unit.id,
        at=at,
        bed_id=bed_id,
        substances=invented.substances,
        use_history=invented.use_history,
        last_use_at=now - invented.last_use_ago,
        source="demo",
    )
    in_force = protocols.in_force(session, unit.id, at=at)
    for instrument, interval_minutes in invented.orders.items():
        orders.order(
            session,
            staff["priya"],
            stay,
            key=uuid5(SPACE, f"order {invented.code} {instrument}"),
            instrument=instrument,
            how_often=HowOften(interval_minutes=interval_minutes),
            at=at,
            in_force=in_force,
        )


def _chart(
    session: Session, invented: Patient, moment: Moment, staff: dict[str, int], now: datetime
) -> None:
    stay = session.scalars(
        select(Stay).where(Stay.key == uuid5(SPACE, f"stay {invented.code}"))
    ).one()
    by = staff[moment.by]
    key = uuid5(SPACE, f"set {invented.code} {moment.ago}")
    sheet = Sheet(
        observed_at=now - moment.ago,
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
    wrong = courses.answers_adding_up_to(instrument, total, Random(total))  # noqa: S311
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


def _answer_some(staff: dict[str, int]) -> None:
    """Somebody has one of the urgent alerts; the rest wait for the visitor."""
    with console_session.begin() as session:
        unit_id = session.scalars(select(Unit.id).where(Unit.code == CODE)).one()
        urgent = [
            alert
            for alert in alert_queries.open_on_unit(session, unit_id)
            if alert.level == "urgent" and alert.rule.startswith("higher-band-twice/ciwa-b")
        ]
        for alert in urgent[:1]:
            in_force = protocols.by_id(session, alert.protocol_id)
            answers.acknowledge(
                session,
                staff["nora"],
                alert,
                key=uuid5(SPACE, f"taken {alert.rule}"),
                plan="Seen at the bedside; vital signs again, physician told",
                recheck_minutes=in_force.protocol.recheck_minutes[alert.level][-1],
                at=clock.now(),
            )
