"""Write what an import found: past stays as a whole, and many sets in few round trips."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

from psycopg import sql
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from backend.accounts.permissions import Role
from backend.accounts.staff import queries as staff_queries
from backend.accounts.staff import service as staff
from backend.accounts.staff.models import Staff
from backend.accounts.units import queries as units_queries
from backend.accounts.units import service as units
from backend.accounts.units.models import Unit
from backend.audit import service as audit
from backend.clinical.scale import Score
from backend.clinical.sheet import Sheet
from backend.core import clock
from backend.core.errors import Conflict
from backend.interop.csv_import import queries
from backend.observations.models import Observation, Source
from backend.observations.models import Score as ScoreRow
from backend.observations.queries import VITAL_COLUMNS
from backend.observations.service import score_columns
from backend.patients.models import Patient
from backend.protocols import service as protocols
from backend.stays.models import DischargeReason, Stay

IMPORTER = "importer"
# Any number will do, as long as nothing else locks it.
LOCK = 1989_04_23
# A unit that nobody has opened yet: its people can change both later.
SHIFTS = (time(7), time(19))


@dataclass(frozen=True, kw_only=True)
class NewSet:
    """One set, ready to be written."""

    key: UUID
    stay_id: int
    patient_id: int
    unit_id: int
    sheet: Sheet
    scores: Mapping[str, Score]
    entered_at: datetime
    late_entry: bool
    protocol_id: int


@dataclass(frozen=True, kw_only=True)
class PastStay:
    """A stay that is over, ready to be written."""

    key: UUID
    patient_id: int
    first: datetime
    end: datetime


def importer(session: Session) -> Staff:
    """The machine's account that imported rows name. Nobody can sign in with it."""
    row = staff_queries.by_login_name(session, IMPORTER)
    if row is None:
        by = staff.console(session)
        row = staff.create(
            session, by.id, login_name=IMPORTER, name="Records from elsewhere", password=None
        )
    return row


def the_unit(session: Session, code: str, *, time_zone: str) -> Unit:
    """The unit. One that does not exist is opened, with the protocol that Vigil ships.

    No clinician has approved that protocol: the audit names the machine that took it over.
    """
    unit = units_queries.by_code(session, code)
    by = importer(session)
    if unit is not None:
        return unit
    console = staff.console(session)
    unit = units.create(
        session,
        console.id,
        code=code,
        name=f"Unit {code.strip()}",
        time_zone=time_zone,
        shift_starts=SHIFTS,
    )
    now = clock.now()
    staff.post(session, console.id, by, unit_id=unit.id, role=Role.INTERFACE, now=now)
    protocols.adopt_default(
        session, unit_id=unit.id, drafted_by=console.id, approved_by=by.id, effective_at=now
    )
    return unit


@contextmanager
def only_import(sessions: sessionmaker[Session]) -> Iterator[None]:
    """One import at a time: each looks first at what is stored, and relies on it.

    The lock is the connection's, so it is gone when this process is, however that happens.
    """
    with sessions() as session:
        connection = session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        if not connection.scalar(select(func.pg_try_advisory_lock(LOCK))):
            raise Conflict("Another import is running. Start this one when that has ended.")
        try:
            yield
        finally:
            connection.execute(select(func.pg_advisory_unlock(LOCK)))


def patients(
    session: Session, actor_id: int, *, unit_id: int, source: str, source_ids: Collection[str]
) -> dict[str, int]:
    """The patients of this origin, registered at their first row: the file knows no names."""
    found = queries.patients(session, source, source_ids)
    rows = [
        {
            "unit_id": unit_id,
            "code": f"{source}-{source_id}",
            "family_name": source_id,
            "given_name": source,
            "source": source,
            "source_id": source_id,
        }
        for source_id in dict.fromkeys(source_ids)
        if source_id not in found
    ]
    if rows:
        made = session.execute(insert(Patient).returning(Patient.source_id, Patient.id), rows)
        new = {str(source_id): int(patient_id) for source_id, patient_id in made}
        subjects = [(None, {"patient_id": patient_id}) for patient_id in new.values()]
        audit.record_on_stays(
            session, actor_id, "patient.registered", unit_id=unit_id, subjects=subjects
        )
        found |= new
    return found


def past_stays(
    session: Session, actor_id: int, *, unit_id: int, new: Sequence[PastStay]
) -> dict[UUID, Stay]:
    """Stays from their first row to after their last: over, so that nobody lies on the board."""
    rows = [
        {
            "key": one.key,
            "patient_id": one.patient_id,
            "unit_id": unit_id,
            "admitted_at": one.first,
            "admitted_by": actor_id,
            "substances": [],
            "spo2_scale": 1,
            "source": Source.IMPORT.value,
            "discharged_at": one.end,
            "discharged_by": actor_id,
            "discharge_reason": DischargeReason.OTHER,
        }
        for one in new
    ]
    try:
        with session.begin_nested():
            made = session.scalars(insert(Stay).returning(Stay), rows).all()
    except IntegrityError as error:
        raise Conflict("A patient has another stay at that time.") from error
    audit.record_on_stays(
        session,
        actor_id,
        "stay.imported",
        unit_id=unit_id,
        subjects=[(stay.id, {}) for stay in made],
    )
    return {stay.key: stay for stay in made}


def lengthen(
    session: Session, actor_id: int, stay: Stay, *, first: datetime, end: datetime
) -> None:
    """A later file knows more of a past stay: it began earlier, or ended later."""
    if stay.discharged_at is None or (stay.admitted_at <= first and end <= stay.discharged_at):
        return
    try:
        with session.begin_nested():
            session.execute(
                update(Stay)
                .where(Stay.id == stay.id)
                .values(
                    admitted_at=func.least(Stay.admitted_at, first),
                    discharged_at=func.greatest(Stay.discharged_at, end),
                )
            )
    except IntegrityError as error:
        raise Conflict("The patient has another stay at that time.") from error
    audit.record(session, actor_id, "stay.lengthened", unit_id=stay.unit_id, stay_id=stay.id)


def sets(session: Session, actor_id: int, new: Sequence[NewSet]) -> None:
    """The sets and their scores, by COPY: the database checks every row as it does any other."""
    if not new:
        return
    sequence = func.pg_get_serial_sequence("observation", "id")
    numbers = select(func.nextval(sequence)).select_from(func.generate_series(1, len(new)))
    ids = session.scalars(numbers).all()
    _copy(
        session,
        Observation.__tablename__,
        [
            _observation(actor_id, one, observation_id)
            for one, observation_id in zip(new, ids, strict=True)
        ],
    )
    _copy(
        session,
        ScoreRow.__tablename__,
        [
            _score(one, observation_id, score)
            for one, observation_id in zip(new, ids, strict=True)
            for score in one.scores.values()
        ],
    )


def _observation(actor_id: int, one: NewSet, observation_id: int) -> dict[str, Any]:
    return {
        "id": observation_id,
        "key": one.key,
        "request_sha256": hashlib.sha256(one.key.bytes).digest(),
        "stay_id": one.stay_id,
        "patient_id": one.patient_id,
        "unit_id": one.unit_id,
        "outcome": one.sheet.outcome,
        "source": Source.IMPORT.value,
        "observed_at": one.sheet.observed_at,
        "entered_at": one.entered_at,
        "late_entry": one.late_entry,
        "recorded_by": actor_id,
        "protocol_id": one.protocol_id,
        "note": one.sheet.note,
        **{name: getattr(one.sheet.vitals, name) for name in VITAL_COLUMNS},
    }


def _score(one: NewSet, observation_id: int, score: Score) -> dict[str, Any]:
    columns = score_columns(score)
    return {
        "observation_id": observation_id,
        "stay_id": one.stay_id,
        "patient_id": one.patient_id,
        "unit_id": one.unit_id,
        "observed_at": one.sheet.observed_at,
        **{
            name: json.dumps(value) if isinstance(value, dict) else value
            for name, value in columns.items()
        },
    }


def _copy(session: Session, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    names = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
    parts = {"names": names, "table": sql.Identifier(table), "here": sql.Identifier(f"new_{table}")}
    # Row-level security takes no COPY: it goes into a table of this connection's own first.
    own = sql.SQL(
        "CREATE TEMPORARY TABLE IF NOT EXISTS {here} AS SELECT {names} FROM {table} WITH NO DATA"
    )
    copy_in = sql.SQL("COPY {here} ({names}) FROM STDIN")
    store = sql.SQL("INSERT INTO {table} ({names}) SELECT {names} FROM {here}")
    empty = sql.SQL("TRUNCATE {here}")
    connection = session.connection().connection.driver_connection
    assert connection is not None  # noqa: S101 (for the type checker: the session has just used it)
    with connection.cursor() as cursor:
        cursor.execute(own.format(**parts))
        with cursor.copy(copy_in.format(**parts)) as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))
        cursor.execute(store.format(**parts))
        cursor.execute(empty.format(**parts))
