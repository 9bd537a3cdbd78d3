"""What every measurement stands on: a database server of its own, forty beds, people signed in."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session, sessionmaker

from backend.accounts.sign_in.models import SignIn
from backend.accounts.units.models import Bed
from backend.clinical.sheet import Sheet
from backend.core import clock, db, embedded_postgres, postgres
from backend.core.settings import settings
from backend.observations import service as observations
from backend.observations.models import Source
from tests import build, people

BEDS = 40
SIGN_INS = 8
STAYED = timedelta(days=30)
MINUTE = timedelta(minutes=1)
BASE = "vigil"
# A range of numbers for each table, so that a number in a statement says which row is meant.
FIRST_IDS = {
    "stay": 1_000_000,
    "patient": 2_000_000,
    "observation": 100_000_000,
    "score": 300_000_000,
    "round": 500_000_000,
    "round_step": 600_000_000,
    "observation_order": 700_000_000,
    "alert": 800_000_000,
    "alert_step": 900_000_000,
    "audit_entry": 1_000_000_000,
}
# What is typed at a bedside, in turn: every fifth set is severe, and clears with the next.
CIWA_B_TOTALS = (12, 15, 11, 14, 66)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A stay that sets are recorded on."""

    stay_id: int
    patient_id: int


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A database server with one ward; `url` takes the name of a database on it."""

    data: Path
    server: str
    unit_id: int
    nora_id: int
    tokens: tuple[str, ...]
    sign_in_ids: tuple[int, ...]
    places: tuple[Place, ...]

    def opened(self, line: int) -> tuple[int, int]:
        """What a form of this line's browser carries: who opened it, and in which sign-in."""
        return self.nora_id, self.sign_in_ids[line]

    def url(self, database: str) -> str:
        """Another database of this server."""
        return named(self.server, database)

    def copy(self, database: str, *, of: str = BASE) -> str:
        """A database that begins as a copy of another, which nobody is connected to."""
        _administer(
            self.server,
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(database), sql.Identifier(of)
            ),
        )
        return self.url(database)

    def drop(self, database: str) -> None:
        """Gone, whoever is connected."""
        name = sql.Identifier(database)
        _administer(self.server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def named(server: str, database: str) -> str:
    parts = conninfo_to_dict(server) | {"dbname": database}
    return "postgresql://?" + "&".join(f"{key}={value}" for key, value in parts.items() if value)


def _administer(server: str, statement: sql.Composed) -> None:
    with psycopg.connect(named(server, "postgres"), autocommit=True) as connection:
        connection.execute(statement)


def on_the_unit(unit_id: int) -> str:
    """As a request has it: the web's role, with one unit on duty."""
    return f"{postgres.acting_as(postgres.WEB)} -c vigil.unit_id={unit_id}"


@contextmanager
def sessions_on(
    url: str, options: str = postgres.acting_as(postgres.CONSOLE)
) -> Iterator[sessionmaker[Session]]:
    """Sessions on a database, which see every unit unless they are told otherwise."""
    engine = create_engine(
        "postgresql://",
        creator=lambda: psycopg.connect(url, options=options),
    )
    try:
        yield sessionmaker(engine, expire_on_commit=False)
    finally:
        engine.dispose()


@contextmanager
def ground() -> Iterator[Ground]:
    """Everything in a folder of its own, which is gone afterwards."""
    data = Path(tempfile.mkdtemp(prefix="vigil-bench-"))
    for name in [name for name in os.environ if name.startswith("VIGIL_")]:
        del os.environ[name]
    os.environ["VIGIL_DATA_DIR"] = str(data)
    settings.cache_clear()
    try:
        yield _made(data)
    finally:
        for sessions in (db.new_session, db.console_session):
            sessions.kw["bind"].dispose()
        embedded_postgres.leave(data / "postgres")
        shutil.rmtree(data, ignore_errors=True)


def _made(data: Path) -> Ground:
    from backend.cli.migrate import upgrade  # noqa: PLC0415 (reads the settings)

    server = embedded_postgres.ensure_running(data / "postgres")
    upgrade()
    with psycopg.connect(server) as connection:
        for table, first in FIRST_IDS.items():
            connection.execute(
                sql.SQL("ALTER SEQUENCE {} RESTART WITH {}").format(
                    sql.Identifier(f"{table}_id_seq"), sql.Literal(first)
                )
            )
    with db.console_session.begin() as session:
        people.open_ward(session)
        _more_beds(session)
        ward = people.the_ward(session)
        admitted_at = clock.now() - STAYED
        stays = [
            build.stay(
                session,
                ward,
                bed=str(number),
                admitted_at=admitted_at,
                orders={"ciwa-b": 60, "news2": 60},
                patient_row=build.patient(session, ward, family_name=f"Pennywhistle{number}"),
            )
            for number in range(1, BEDS + 1)
        ]
        tokens = tuple(people.sign_in(session, ward.staff["nora"]) for _ in range(SIGN_INS))
        made = Ground(
            data=data,
            server=server,
            unit_id=ward.unit.id,
            nora_id=ward.staff["nora"].id,
            tokens=tokens,
            sign_in_ids=tuple(session.scalars(select(SignIn.id).order_by(SignIn.id))),
            places=tuple(Place(stay_id=one.id, patient_id=one.patient_id) for one in stays),
        )
        for stay in stays:
            for sheet in sheets(clock.now()):
                observations.record(
                    session,
                    made.nora_id,
                    stay,
                    key=uuid4(),
                    sheet=sheet,
                    source=Source.TYPED,
                )
    db.console_session.kw["bind"].dispose()
    return made


def sheets(now: datetime) -> Iterator[Sheet]:
    """One turn of what is typed, each set a moment after the one before."""
    for number, total in enumerate(CIWA_B_TOTALS):
        yield build.sheet(
            observed_at=now - timedelta(milliseconds=len(CIWA_B_TOTALS) - number),
            answers=build.ciwa_b(total),
        )


def _more_beds(session: Session) -> None:
    ward = people.the_ward(session)
    there = len(ward.beds)
    session.add_all(
        Bed(unit_id=ward.unit.id, label=str(number), position=number)
        for number in range(there + 1, BEDS + 1)
    )
    session.flush()
