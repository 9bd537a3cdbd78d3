"""The demo unit is made whole, and in a database of its own."""

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from backend.core.errors import Conflict
from backend.core.settings import settings
from backend.demo import service
from tests.conftest import pointing_at, recreate


def test_a_demo_that_was_cut_short_is_not_taken_for_whole(
    server: str, fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.cli.migrate import upgrade  # noqa: PLC0415

    recreate(server, str(conninfo_to_dict(fresh_database)["dbname"]))
    said: list[str] = []

    def say(words: str) -> None:
        said.append(words)
        if "living" in words:
            raise KeyboardInterrupt

    with pointing_at(fresh_database):
        monkeypatch.setenv("VIGIL_DATA_DIR", str(tmp_path))
        settings.cache_clear()
        upgrade()
        with pytest.raises(KeyboardInterrupt):
            service.make(say)
        with pytest.raises(Conflict, match=f"cut short while it was made: remove {tmp_path}"):
            service.make(said.append)


def test_a_database_that_holds_a_real_unit_is_refused(fresh_database: str) -> None:
    with pointing_at(fresh_database), pytest.raises(Conflict, match="holds a real unit"):
        service.make(print)
