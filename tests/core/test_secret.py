"""The secret outside the database: made once, for one pair of eyes, and never guessed at."""

import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.core import secret
from backend.core.errors import Unavailable
from backend.core.settings import settings


@pytest.fixture(autouse=True)
def afresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("VIGIL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("VIGIL_SECRET_KEY", "")
    monkeypatch.setenv("VIGIL_DATABASE_URL", "")
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_beside_the_embedded_server_it_is_made_once_and_only_its_owner_reads_it(
    tmp_path: Path,
) -> None:
    first = secret.key("a purpose")
    kept = tmp_path / "data" / "secret_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert len(kept.read_text()) >= 64
    assert secret.key("a purpose") == first
    assert secret.key("another") != first
    assert [path.name for path in kept.parent.iterdir()] == ["secret_key"]


def test_of_two_that_start_at_once_only_one_makes_it(tmp_path: Path) -> None:
    ask = "from backend.core import secret; print(secret.key('x').hex())"

    def asked(_: int) -> str:
        done = subprocess.run(
            [sys.executable, "-c", ask], capture_output=True, text=True, check=True
        )
        return done.stdout

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(asked, range(4)))) == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret_key"]


def test_with_a_database_elsewhere_it_must_be_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = "postgresql://elsewhere/vigil_test?sslmode=verify-full"
    monkeypatch.setenv("VIGIL_DATABASE_URL", elsewhere)
    settings.cache_clear()
    with pytest.raises(Unavailable, match="VIGIL_SECRET_KEY_FILE"):
        secret.key("a purpose")
    file = tmp_path / "given"
    file.write_text("s" * 40)
    monkeypatch.setenv("VIGIL_SECRET_KEY_FILE", str(file))
    monkeypatch.delenv("VIGIL_SECRET_KEY")
    settings.cache_clear()
    assert len(secret.key("a purpose")) == 32


def test_what_is_sealed_opens_for_its_owner_its_purpose_and_its_secret_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sealed = secret.seal(b"seed", purpose="p", owner=1)
    assert b"seed" not in sealed
    assert secret.seal(b"seed", purpose="p", owner=1) != sealed
    assert secret.unseal(sealed, purpose="p", owner=1) == b"seed"
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for wrong, purpose, owner in ((sealed, "p", 2), (sealed, "q", 1), (changed, "p", 1)):
        with pytest.raises(Unavailable):
            secret.unseal(wrong, purpose=purpose, owner=owner)
    monkeypatch.setenv("VIGIL_SECRET_KEY", "another secret, of another server")
    settings.cache_clear()
    with pytest.raises(Unavailable, match="VIGIL_SECRET_KEY"):
        secret.unseal(sealed, purpose="p", owner=1)


def test_a_short_secret_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_SECRET_KEY", "hunter2")
    settings.cache_clear()
    with pytest.raises(SystemExit, match="VIGIL_SECRET_KEY: must be at least 32") as refused:
        settings()
    assert "hunter2" not in str(refused.value)


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VIGIL_DATA_DIR", str(tmp_path / "file" / "data"))
    settings.cache_clear()
    with pytest.raises(Unavailable, match="cannot keep its secret"):
        secret.key("a purpose")
