"""A trail that really commits, and what an administrator of the database could do to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy.orm import Session, sessionmaker

from backend.audit import keeper
from backend.audit import service as audit
from tests.people import the_ward

TABLES = ("audit_entry", "audit_batch", "audit_anchor", "audit_check")


def write(sessions: sessionmaker[Session], how_many: int = 3, **subject: Any) -> None:
    """This many entries by nora, each in a transaction of its own."""
    for number in range(how_many):
        with sessions.begin() as session:
            ward = the_ward(session)
            audit.record(
                session,
                ward.staff["nora"].id,
                "test.happened",
                unit_id=ward.unit.id,
                reason="because",
                number=number,
                **subject,
            )


def sealed(sessions: sessionmaker[Session], batches: int = 3, entries: int = 4) -> None:
    """A trail of so many batches, of so many entries each, after what was there before."""
    keeper.seal_all(sessions)
    for _ in range(batches):
        write(sessions, entries)
        keeper.seal_all(sessions)


@contextmanager
def tampering(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser who has switched every trigger off, and on again afterwards."""
    with psycopg.connect(url) as connection:
        for table in TABLES:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        connection.execute("ALTER TABLE audit_entry ALTER id DROP IDENTITY IF EXISTS")
        yield connection
        for table in TABLES:
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
        connection.commit()
