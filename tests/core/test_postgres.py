"""How the application connects: as itself, impatiently, and with a sentence when it cannot."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from backend.core import postgres
from backend.core.errors import Unavailable
from backend.core.settings import Settings


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """No database but the one that a test names."""
    monkeypatch.delenv("VIGIL_DATABASE_URL", raising=False)


def deployed(monkeypatch: pytest.MonkeyPatch, **said: object) -> None:
    """From now on these are the settings."""
    monkeypatch.setattr(postgres, "settings", lambda: Settings.model_validate(said))


@pytest.fixture
def prepared(url: str) -> Iterator[str]:
    """A database in which the application's role exists."""
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE ROLE vigil_app NOLOGIN")
        yield url
        owner.execute("DROP ROLE vigil_app")


def test_the_application_is_never_its_login(
    prepared: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(monkeypatch, data_dir=folder.parent)
    assert postgres.url() == prepared
    with postgres.connect() as connection:
        row = connection.execute("SELECT current_user, session_user").fetchone()
    assert row == ("vigil_app", "postgres")
    with pytest.raises(Unavailable, match="run `vigil migrate`"):
        postgres.connect(postgres.WATCH)


@pytest.mark.parametrize(
    ("patience", "limit"),
    [
        ("lock_timeout", "4s"),
        ("statement_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "15s"),
    ],
)
def test_nothing_waits_longer_than_a_nurse_would(
    patience: str, limit: str, prepared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(monkeypatch, database_url=SecretStr(prepared))
    with postgres.connect() as connection:
        row = connection.execute("SELECT current_setting(%s)", [patience]).fetchone()
    assert row == (limit,)


def test_the_deployers_own_options_are_kept(prepared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, database_url=SecretStr(f"{prepared}&options=-c%20search_path%3Dward"))
    with postgres.connect() as connection:
        row = connection.execute("SELECT current_setting('search_path'), current_user").fetchone()
    assert row == ("ward", "vigil_app")


def test_a_database_without_vigils_roles_says_what_to_run(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(monkeypatch, database_url=SecretStr(url))
    with pytest.raises(Unavailable, match="run `vigil migrate`"):
        postgres.connect()


def test_an_old_server_is_refused_by_number(prepared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, database_url=SecretStr(prepared))
    monkeypatch.setattr(postgres, "OLDEST", 99)
    with pytest.raises(Unavailable, match="PostgreSQL 99 or newer, and this one is 18"):
        postgres.connect()


def test_a_server_that_is_away_stays_an_operational_error(monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, database_url=SecretStr("postgresql://u@127.0.0.1:1/vigil"))
    with pytest.raises(psycopg.OperationalError):
        postgres.connect()


def test_migrations_may_use_another_login_than_the_application(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    web, owner = (
        f"postgresql://{login}@db/vigil?sslmode=verify-full" for login in ("web", "owner")
    )
    deployed(monkeypatch, database_url=SecretStr(web), owner_database_url=SecretStr(owner))
    assert (postgres.url(), postgres.owner_url()) == (web, owner)
    deployed(monkeypatch, database_url=SecretStr(web))
    assert postgres.owner_url() == web
