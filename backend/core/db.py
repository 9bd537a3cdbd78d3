"""The database: one base class, one session a request, one commit before the answer leaves."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum as PythonEnum
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, ClassVar, cast
from uuid import UUID
from weakref import WeakKeyDictionary

from fastapi import Depends
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    Engine,
    Enum,
    MetaData,
    Numeric,
    SQLColumnExpression,
    Table,
    Text,
    Time,
    Uuid,
    create_engine,
    func,
)
from sqlalchemy import cast as cast_in_sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass, Session, sessionmaker
from starlette.concurrency import run_in_threadpool

from backend.core import postgres
from backend.core.errors import Unavailable

CONNECTIONS = 40
# Fewer than the connections, and than the threads of the web server (40). A request changes threads
# while it holds a connection: with as many requests as either, half would wait for a thread and
# half for a connection, for ever. And no more than keep a processor busy while some wait for a row:
# beyond that they only wait for each other, and each takes a quarter longer.
REQUESTS_AT_ONCE = 12
# The next ones wait in line, but not so long that the person at the screen has given up.
WAIT_S = 30

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def _values(kind: type[PythonEnum]) -> list[str]:
    return [member.value for member in kind]


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, eq=False, repr=False):
    """Every table. Constructors are keyword-only and checked by the type checker."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        date: Date,
        time: Time,
        datetime: DateTime(timezone=True),
        Decimal: Numeric,
        UUID: Uuid,
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: ARRAY(Text),
        list[time]: ARRAY(Time),
        StrEnum: Enum(
            StrEnum,
            native_enum=False,
            length=40,
            create_constraint=True,
            values_callable=_values,
        ),
    }


def table_of(entity: type[Base]) -> Table:
    """The table behind an entity, for what is written too often to make objects of it."""
    return cast(Table, entity.__table__)


def _engine(role: str) -> Engine:
    """Nothing connects before the first query."""
    return create_engine(
        "postgresql://",
        creator=partial(postgres.connect, role),
        pool_size=20,
        max_overflow=CONNECTIONS - 20,
        pool_pre_ping=True,
    )


engine = _engine(postgres.WEB)
# For requests: row-level security shows the rows of the unit that `unit_on_duty` names.
new_session = sessionmaker(engine, expire_on_commit=False)
# For what belongs to every unit: time, and what is typed on the server itself.
watch_session = sessionmaker(_engine(postgres.WATCH), expire_on_commit=False)
console_session = sessionmaker(_engine(postgres.CONSOLE), expire_on_commit=False)


def unit_on_duty(unit_id: SQLColumnExpression[int] | int) -> ColumnElement[str]:
    """Selecting this opens the rows of one unit until the transaction ends."""
    return func.set_config("vigil.unit_id", cast_in_sql(unit_id, Text), True)  # noqa: FBT003 (SQL)


@contextmanager
def apart() -> Iterator[Session]:
    """A transaction of its own, for what must stay although the request is undone."""
    with new_session.begin() as session:
        yield session


_turns = WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]()


@asynccontextmanager
async def a_turn() -> AsyncIterator[None]:
    """Whoever came first goes first; nobody holds a thread or a connection while they wait."""
    turns = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(REQUESTS_AT_ONCE))
    try:
        async with asyncio.timeout(WAIT_S if turns.locked() else None):
            await turns.acquire()
    except TimeoutError:
        raise Unavailable(
            "Too much is asked of Vigil at this moment. Nothing was saved; try again in a moment."
        ) from None
    try:
        yield
    finally:
        turns.release()


async def request_session() -> AsyncIterator[Session]:
    """One transaction for the whole request. Only what talks to the database takes a thread."""
    async with a_turn():
        session = new_session()
        try:
            yield session
        except BaseException:
            await run_in_threadpool(session.close)
            raise
        await run_in_threadpool(_commit, session)


def _commit(session: Session) -> None:
    with session:
        session.commit()


# scope="function": the commit happens before the answer leaves, so "saved" is never a promise.
Db = Annotated[Session, Depends(request_session, scope="function")]
