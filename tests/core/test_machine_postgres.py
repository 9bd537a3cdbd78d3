"""The oldest PostgreSQL that we promise to support takes the application's connection."""

import psycopg
import pytest
from pydantic import SecretStr

from backend.core import postgres
from backend.core.settings import Settings
from tests.core import machine_postgres

OLDEST = str(postgres.OLDEST)


@pytest.mark.skipif(
    machine_postgres.programs(OLDEST) is None, reason=f"PostgreSQL {OLDEST} is not installed"
)
def test_the_oldest_server_we_support_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with machine_postgres.server(OLDEST) as url:
        with psycopg.connect(url) as owner:
            owner.execute("CREATE ROLE vigil_app NOLOGIN")
        said = Settings(database_url=SecretStr(url))
        monkeypatch.setattr(postgres, "settings", lambda: said)
        with postgres.connect() as connection:
            assert connection.info.server_version // 10_000 == postgres.OLDEST
