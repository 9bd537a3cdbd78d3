"""Whoever waits for another process says what for, and gives up in the end."""

import fcntl
from pathlib import Path

import pytest

from backend.core import folder_lock
from backend.core.errors import Unavailable


def test_a_folder_that_another_process_holds_is_named_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert folder_lock.SAID_AFTER_S <= 3
    monkeypatch.setattr(folder_lock, "SAID_AFTER_S", 0)
    monkeypatch.setattr(folder_lock, "PATIENCE_S", 0.2)
    folder = tmp_path / "postgres"
    with folder_lock.lock_file(folder, "lock") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="end that one, or set VIGIL_DATA_DIR"):  # noqa: SIM117
            with folder_lock.alone(folder):
                pass
    assert capsys.readouterr().err.count(f"{tmp_path} is in use") == 1
    with folder_lock.alone(folder):
        assert capsys.readouterr().err == ""
