"""A real PostgreSQL, built by the migrations, one database per worker; each test rolled back."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
GIVEN = os.environ.get("VIGIL_DATABASE_URL", "")
if GIVEN and not str(conninfo_to_dict(GIVEN).get("dbname", "")).endswith("_test"):
    pytest.exit("VIGIL_DATABASE_URL names a database that does not end in _test: not touched.", 2)
# `make mutants` has made one database for a thousand short runs.
READY = os.environ.get("VIGIL_TEST_DATABASE") == "ready"
# Before anything of ours is imported: nothing may start in the real data folder.
DATA = Path(tempfile.mkdtemp(prefix=f"vigil-{WORKER}-"))
atexit.register(shutil.rmtree, DATA, ignore_errors=True)  # also where no test needed a server
os.environ["VIGIL_DATA_DIR"] = str(DATA)
os.environ["VIGIL_SECRET_KEY"] = "a secret that opens nothing but tests"  # noqa: S105
for name in [name for name in os.environ if name.startswith("VIGIL_") and name.endswith("_FILE")]:
    del os.environ[name]

import hypothesis  # noqa: E402 (after the environment is set)
from fastapi.testclient import TestClient  # noqa: E402
from sqlalchemy import create_engine, text  # noqa: E402
from sqlalchemy.orm import Session, sessionmaker  # noqa: E402

from backend.core import db, embedded_postgres, postgres  # noqa: E402
from backend.core.settings import settings  # noqa: E402
from tests import people  # noqa: E402
from tests.people import Ward  # noqa: E402

# A law is not broken because a machine is busy.
hypothesis.settings.register_profile("busy machine", deadline=None)
hypothesis.settings.load_profile("busy machine")


def named(url: str, database: str) -> str:
    """The same server, another database, in the form that every library reads."""
    parts = conninfo_to_dict(url)
    parts["dbname"] = database
    query = "&".join(f"{key}={value}" for key, value in parts.items() if value is not None)
    return f"postgresql://?{query}"


def _execute(url: str, statement: sql.Composed) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The server that all databases of this worker live on."""
    yield postgres.url()
    embedded_postgres.leave(DATA / "postgres")
    shutil.rmtree(DATA, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """A migrated database with one ward in it: others are copied of it."""
    return made_ready(f"vigil_{WORKER}_template_test", server)


def made_ready(name: str, server: str | None = None) -> str:
    """A new database of this name, migrated, with the ward; settings point at it."""
    from backend.cli.migrate import upgrade  # noqa: PLC0415

    server = server or postgres.url()
    recreate(server, name)
    _point_at(named(server, name))
    upgrade()
    with db.console_session.begin() as session:
        people.open_ward(session)
    hang_up()
    return name


def recreate(server: str, name: str, template: str = "template0") -> None:
    """Make the database anew, as a copy of another."""
    name_, template_ = sql.Identifier(name), sql.Identifier(template)
    _execute(server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name_))
    _execute(server, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name_, template_))


def _point_at(url: str) -> None:
    os.environ["VIGIL_DATABASE_URL"] = url
    settings.cache_clear()


@contextmanager
def pointing_at(url: str) -> Iterator[None]:
    """Settings that name another database for a while: for the migrator, which asks them."""
    before = os.environ.get("VIGIL_DATABASE_URL", "")
    _point_at(url)
    hang_up()
    try:
        yield
    finally:
        hang_up()
        _point_at(before)


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> str:
    """The database of every test that is rolled back."""
    if READY:
        return GIVEN
    name, server = f"vigil_{WORKER}_test", request.getfixturevalue("server")
    recreate(server, name, request.getfixturevalue("template"))
    url = named(server, name)
    _point_at(url)
    return url


@pytest.fixture
def fresh_database(server: str, template: str, database: str) -> Iterator[str]:
    """A database of its own, for tests that really commit, kill or restart. Dropped afterwards."""
    assert database, "the settings point at the rolled-back one meanwhile"
    name = f"vigil_{WORKER}_fresh_test"
    recreate(server, name, template)
    yield named(server, name)
    _execute(
        server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    )


def hang_up() -> None:
    """Every pooled connection ends, whoever it acts as."""
    for sessions in (db.new_session, db.watch_session, db.console_session):
        sessions.kw["bind"].dispose()


@contextmanager
def sessions_on(url: str, role: str = postgres.CONSOLE) -> Iterator[sessionmaker[Session]]:
    """Sessions of a role of ours on a database, each with its own connection."""
    connection_string = make_conninfo(url, options=postgres.acting_as(role))
    engine = create_engine(
        "postgresql://", creator=lambda: psycopg.connect(connection_string), pool_size=20
    )
    try:
        yield sessionmaker(engine, expire_on_commit=False)
    finally:
        engine.dispose()


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    """A session that sees every unit, and whose every commit is undone when the test ends."""
    assert database
    connection = db.console_session.kw["bind"].connect()
    transaction = connection.begin()
    with Session(
        connection, join_transaction_mode="create_savepoint", expire_on_commit=False
    ) as open_session:
        yield open_session
    transaction.rollback()
    connection.close()


@pytest.fixture
def ward(session: Session) -> Ward:
    """The unit, its beds and its people."""
    return people.the_ward(session)


@pytest.fixture
def client(
    session: Session, ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str | None], TestClient]]:
    """`client("nora")` is nora's browser; `client(None)` is nobody's."""
    from backend.main import app  # noqa: PLC0415

    def same_session() -> Iterator[Session]:
        """As the web has it: row-level security, and no unit before somebody is known."""
        session.execute(text("SELECT set_config('vigil.unit_id', '', true)"))
        session.execute(text("SET LOCAL ROLE vigil_app"))
        try:
            with session.begin_nested():
                yield session
        finally:
            session.execute(text("SET LOCAL ROLE vigil_console"))

    app.dependency_overrides[db.request_session] = same_session
    monkeypatch.setattr(db, "apart", contextmanager(same_session))
    opened: list[TestClient] = []

    def browser(name: str | None) -> TestClient:
        made = TestClient(
            app,
            base_url=settings().public_origin,
            follow_redirects=False,
            raise_server_exceptions=False,
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        if name is not None:
            made.cookies.set("vigil", people.browses(session, ward.staff[name]))
        opened.append(made)
        return made

    yield browser
    for made in opened:
        made.close()
    app.dependency_overrides.clear()
