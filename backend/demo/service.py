"""Make the demo unit once, live its last two weeks, and go on living while somebody looks."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid5
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction

from backend import watch
from backend.accounts.staff.models import Staff
from backend.accounts.units.models import Bed, Unit
from backend.alerts import queries as alert_queries
from backend.alerts.answers import service as answers
from backend.core import clock
from backend.core.db import console_session, watch_session
from backend.core.errors import Conflict, UserError
from backend.core.settings import settings
from backend.demo import coming, life, tonight
from backend.demo.people import EVENING_H, MORNING_H
from backend.demo.unit import SPACE, ZONE, is_made, open_unit, unit_of
from backend.demo.ward import Planned, Ward, dice, live_through
from backend.patients.models import Patient
from backend.protocols import queries as protocols
from backend.rounds import queries as rounds
from backend.rounds.reassessments import service as reassessments
from backend.stays import queries as stay_queries
from backend.stays.models import Stay

HISTORY = timedelta(days=14)
PAUSE_S = 5.0
TURNS_EVERY = timedelta(minutes=5)
TOLD_EVERY = timedelta(hours=12)
# The first patients come over this long.
FILLS_OVER_H = 40.0
# In this bed somebody was given something and nobody has written down yet whether it helped.
GIVEN_IN_BED, GIVEN_AGO = "15", timedelta(minutes=62)

log = structlog.get_logger()


def make(say: Callable[[str], None], *, history: timedelta = HISTORY) -> None:
    """The unit, its people, its patients and their last two weeks, unless they are there."""
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
        unit = open_unit(session, now - timedelta(days=30))
        ward = _ward(session, unit)
        beds = {bed.label: bed.id for bed in session.scalars(select(Bed))}
    _plan(ward, beds, now - history, now)
    with _in_no_hurry():
        _live_until(ward, now, say)
        _answer_some(ward)
    unfinished.unlink()


def _plan(ward: Ward, beds: Mapping[str, int], begin: datetime, now: datetime) -> None:
    """Who is known to come, and when shifts begin; everything else follows from these."""
    tonight.plan(ward, beds, now)
    for label, bed_id in beds.items():
        comes_at = begin + timedelta(hours=dice("opens", label).uniform(0, FILLS_OVER_H))
        ward.plan(comes_at, partial(coming.admit, ward, bed_id), now=comes_at)
    for shift in _shifts(begin, now)[:1]:
        ward.plan(shift, partial(coming.hand_over, ward), now=shift)
    given_at = now - GIVEN_AGO
    ward.plan(given_at, partial(_given, ward, beds[GIVEN_IN_BED]), now=given_at)


def _live_until(ward: Ward, now: datetime, say: Callable[[str], None]) -> None:
    """Each deed at its time; and every few minutes what the watch would have done meanwhile."""
    turned = told = ward.planned[0].at - timedelta(days=1)

    def begins(at: datetime) -> bool:
        nonlocal turned
        if at - turned >= TURNS_EVERY or at == now:
            turned = at
            with clock.as_if(at):
                watch.turn()
        return True

    def done(planned: Planned) -> None:
        nonlocal told
        if planned.at - told >= TOLD_EVERY:
            told = planned.at
            say(f"  living through {planned.at:%a %d %b %H:%M} …")
        with clock.as_if(planned.at):
            _do(ward, planned)

    live_through(ward, now, begins, done)
    begins(now)


@contextmanager
def _in_no_hurry() -> Iterator[None]:
    """Commits do not wait for the disk: a history that was cut short is made anew anyway."""

    def relax(_: Session, __: SessionTransaction, connection: Connection) -> None:
        connection.execute(text("SET LOCAL synchronous_commit = off"))

    for sessions in (console_session, watch_session):
        event.listen(sessions, "after_begin", relax)
    try:
        yield
    finally:
        for sessions in (console_session, watch_session):
            event.remove(sessions, "after_begin", relax)


def live(stop: threading.Event, *, speed: float) -> None:
    """The staff goes on: at their pace, or `speed` times as fast. Until `stop` is set."""
    while not stop.is_set():
        try:
            _live(stop, speed=speed)
        except (SQLAlchemyError, OSError) as error:
            # The ward is taken up again as it is found: nothing is kept that is not stored.
            log.warning("demo_staff_cannot_reach_database", kind=type(error).__name__)
            stop.wait(PAUSE_S)


def _live(stop: threading.Event, *, speed: float) -> None:
    now = clock.now()
    with console_session.begin() as session:
        ward = _ward(session, unit_of(session), speed=speed, lived_until=now)
        _take_up(ward, session, now)

    def begins(at: datetime) -> bool:
        return not stop.wait(max(0.0, (at - clock.now()).total_seconds()))

    for_ever = now + timedelta(days=3650)
    while not stop.is_set() and ward.planned:
        live_through(ward, for_ever, begins, partial(_do, ward))


def _do(ward: Ward, planned: Planned) -> None:
    """One deed in one transaction. What the services refuse is not done, and the ward goes on."""
    try:
        with console_session.begin() as session:
            planned.does(session, clock.now())
    except UserError as refused:
        ward.refused[refused.sentence] += 1
        log.info("demo_staff_refused", sentence=refused.sentence)


def _ward(
    session: Session, unit: Unit, *, speed: float = 1.0, lived_until: datetime | None = None
) -> Ward:
    staff = {person.login_name: person.id for person in session.scalars(select(Staff))}
    return Ward(unit.id, ZoneInfo(ZONE), staff, speed=speed, lived_until=lived_until)


def _take_up(ward: Ward, session: Session, now: datetime) -> None:
    """The ward as it is found: who lies there, which beds are free, what rings."""
    known = session.execute(
        select(Stay, Patient.source_id)
        .join(Patient, Patient.id == Stay.patient_id)
        .where(Stay.unit_id == ward.unit_id, Stay.discharged_at.is_(None))
    ).all()
    ward.next_number = 1 + session.scalars(select(func.count()).select_from(Stay)).one()
    for stay, source_id in known:
        someone = coming.person_of(source_id or "", stay.id)
        ward.persons[stay.id] = someone
        ward.visits[stay.id] = 1_000
        bed = stay_queries.bed_now(session, stay.id)
        leaves_at = max(stay.admitted_at + someone.stays, now + timedelta(hours=6))
        if bed is not None:
            ward.plan(leaves_at, partial(coming.discharge, ward, stay.id, bed.id), now=now)
        life.look(ward, stay.id, session, now)
    for bed in stay_queries.free_beds(session, ward.unit_id):
        comes_at = now + timedelta(hours=dice("fills", bed.id).uniform(1, 12))
        ward.plan(comes_at, partial(coming.admit, ward, bed.id), now=now)
    ward.plan(_shifts(now, now + timedelta(days=2))[0], partial(coming.hand_over, ward), now=now)


def _shifts(begin: datetime, end: datetime) -> list[datetime]:
    """Every beginning of a shift between two moments, by the unit's clock."""
    hour = begin.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    found = []
    while hour < end:
        if hour.astimezone(ZoneInfo(ZONE)).hour in {MORNING_H, EVENING_H}:
            found.append(hour)
        hour += timedelta(hours=1)
    return found


def _given(ward: Ward, bed_id: int, session: Session, at: datetime) -> None:
    """A dose as needed: whether it helped is to be seen an hour later."""
    stay = next(
        (
            one
            for one in stay_queries.current(session, ward.unit_id)
            if (bed := stay_queries.bed_now(session, one.id)) is not None and bed.id == bed_id
        ),
        None,
    )
    if stay is None:
        return
    scales = [one.instrument for one in rounds.orders_on_stay(session, stay.id)]
    reassessments.ask(
        session,
        ward.nurse(stay.id, at),
        stay,
        key=uuid5(SPACE, f"given {stay.id}"),
        instrument=next((one for one in scales if one != "news2"), "news2"),
        due_at=at + timedelta(hours=1),
        because="Given as needed an hour ago: did it help?",
        in_force=protocols.in_force(session, ward.unit_id, at=at),
    )


def _answer_some(ward: Ward) -> None:
    """Somebody has one of the urgent alerts; the rest wait for the visitor."""
    with console_session.begin() as session:
        urgent = [
            alert
            for alert in alert_queries.open_on_unit(session, ward.unit_id)
            if alert.level == "urgent"
            and alert.rule.startswith("higher-band-twice/ciwa-b")
            and alert.stay_id not in ward.persons
        ]
        for alert in urgent[:1]:
            in_force = protocols.by_id(session, alert.protocol_id)
            answers.acknowledge(
                session,
                ward.staff["nora"],
                alert,
                key=uuid5(SPACE, f"taken {alert.rule}"),
                plan="Seen at the bedside; vital signs again, physician told",
                recheck_minutes=in_force.protocol.recheck_minutes[alert.level][-1],
                at=clock.now(),
            )
