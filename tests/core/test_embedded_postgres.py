"""The server that Vigil brings along: shared by processes, stopped by the last, hard to kill."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from backend.core import embedded_postgres
from backend.core.errors import Unavailable

USE = """
import sys
from pathlib import Path
from backend.core import embedded_postgres
print(embedded_postgres.ensure_running(Path(sys.argv[1])), flush=True)
sys.stdin.readline()
"""


SOCKETS = "SELECT trim('\"' FROM current_setting('unix_socket_directories'))"


def server_pid(folder: Path) -> int:
    """The server's own process."""
    return int((folder / "postmaster.pid").read_text().split()[0])


def runs(pid: int) -> bool:
    """Whether this process is alive; it may end a moment after its pid file is gone."""
    try:
        psutil.Process(pid).wait(0.5)
    except psutil.TimeoutExpired:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    return False


def kill(pid: int) -> None:
    """As the kernel does when memory is short."""
    os.kill(pid, signal.SIGKILL)
    assert not runs(pid)


def another_user(folder: Path) -> subprocess.Popen[str]:
    """A second process that uses the same server until its input ends."""
    process = begin(folder)
    assert process.stdout
    assert process.stdout.readline().startswith("postgresql://")
    return process


def begin(folder: Path) -> subprocess.Popen[str]:
    """Start such a process, and do not wait until it has the server."""
    return subprocess.Popen(
        [sys.executable, "-c", USE, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> None:
    """Let the other process finish by itself."""
    process.communicate("\n", timeout=30)
    assert process.returncode == 0


def one(url: str, question: str) -> object:
    """A single value."""
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
        return row and row[0]


def test_it_is_postgresql_18_that_keeps_what_it_has_acknowledged(url: str) -> None:
    assert str(one(url, "SHOW server_version")).startswith("18.")
    for durable in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert one(url, f"SHOW {durable}") == "on"


def test_nobody_else_on_the_machine_can_reach_it(url: str, folder: Path) -> None:
    assert one(url, "SHOW listen_addresses") == ""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_failing_statement_leaves_no_value_in_the_servers_log(url: str, folder: Path) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE patient (name text UNIQUE)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO patient VALUES ('Okonkwo'), ('Okonkwo')")
    deadline = time.monotonic() + 5
    while "patient_name_key" not in (log := written(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "patient_name_key" in log
    assert "Okonkwo" not in log


def written(folder: Path) -> str:
    """All that the server has logged."""
    return "".join(path.read_text() for path in (folder / "log").iterdir())


def test_the_last_process_out_stops_it(folder: Path) -> None:
    embedded_postgres.ensure_running(folder)
    pid = server_pid(folder)
    other = another_user(folder)
    assert server_pid(folder) == pid
    embedded_postgres.leave(folder)
    assert runs(pid)
    end(other)
    assert not runs(pid)


def test_a_user_that_was_killed_does_not_keep_it_running(folder: Path, url: str) -> None:
    pid = server_pid(folder)
    other = another_user(folder)
    other.kill()
    other.communicate()
    assert one(url, "SELECT 1") == 1
    embedded_postgres.leave(folder)
    assert not runs(pid)


def test_after_a_kill_it_comes_back_with_everything(folder: Path, url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    kill(server_pid(folder))
    assert embedded_postgres.ensure_running(folder) == url
    assert one(url, "SELECT count(*) FROM kept") == 1
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE kept")


def test_a_child_that_is_still_busy_after_the_kill_is_waited_for(folder: Path, url: str) -> None:
    connection = psycopg.connect(url, autocommit=True)
    try:
        busy = connection.info.backend_pid
        connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 20000000)")
        kill(server_pid(folder))
        assert psutil.pid_exists(busy)
        assert one(embedded_postgres.ensure_running(folder), "SELECT 1") == 1
        assert not runs(busy)
    finally:
        connection.close()


def test_a_pid_file_that_names_another_program_does_not_stop_the_start(
    folder: Path, url: str
) -> None:
    kill(server_pid(folder))
    stale = folder / "postmaster.pid"
    lines = stale.read_text().splitlines()
    account = embedded_postgres._account(folder)  # noqa: SLF001 (same account)
    become = {"user": account.pw_uid} if os.geteuid() == 0 else {}
    innocent = subprocess.Popen(["sleep", "60"], **become)  # type: ignore[call-overload]
    try:
        stale.write_text("\n".join([str(innocent.pid), *lines[1:]]) + "\n")
        assert one(embedded_postgres.ensure_running(folder), "SELECT 1") == 1
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()
    assert embedded_postgres.ensure_running(folder) == url


def test_processes_that_start_together_share_one_server(folder: Path) -> None:
    others = [begin(folder) for _ in range(3)]
    answers = {process.stdout.readline() for process in others if process.stdout}
    assert len(answers) == 1
    pid = server_pid(folder)
    for process in others:
        end(process)
    assert not runs(pid)


def test_a_folder_too_deep_for_a_socket_works_too(place: Path) -> None:
    folder = place / ("deep " * 10 + "down") / ("x" * 60) / "postgres"
    try:
        assert one(embedded_postgres.ensure_running(folder), "SELECT 1") == 1
        sockets = Path(str(one(embedded_postgres.ensure_running(folder), SOCKETS)))
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    finally:
        embedded_postgres.leave(folder)
    assert not sockets.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends an account to the server")
def test_a_folder_that_was_closed_meanwhile_is_opened_for_the_server(place: Path) -> None:
    folder = place / "postgres"
    try:
        embedded_postgres.ensure_running(folder)
        embedded_postgres.leave(folder)
        place.chmod(0o700)
        assert one(embedded_postgres.ensure_running(folder), "SELECT 1") == 1
        assert stat.S_IMODE(place.stat().st_mode) == 0o701
    finally:
        embedded_postgres.leave(folder)


def test_data_of_another_version_is_refused_with_the_way_out(place: Path) -> None:
    folder = place / "postgres"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("17\n")
    with pytest.raises(Unavailable, match="written by PostgreSQL 17"):
        embedded_postgres.ensure_running(folder)


def test_a_folder_of_something_else_is_left_alone(place: Path) -> None:
    folder = place / "postgres"
    folder.mkdir()
    (folder / "notes").write_text("mine")
    with pytest.raises(Unavailable, match="holds something else than a PostgreSQL"):
        embedded_postgres.ensure_running(folder)
    assert [path.name for path in folder.iterdir()] == ["notes"]


def test_a_place_that_cannot_be_written_is_named(place: Path) -> None:
    (place / "file").write_text("")
    with pytest.raises(Unavailable, match="set VIGIL_DATA_DIR"):
        embedded_postgres.ensure_running(place / "file" / "postgres")


def test_a_set_up_that_was_cut_short_is_begun_again(place: Path) -> None:
    unfinished = place / "postgres.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    folder = place / "postgres"
    try:
        assert one(embedded_postgres.ensure_running(folder), "SELECT 1") == 1
        assert not unfinished.exists()
    finally:
        embedded_postgres.leave(folder)


def test_a_server_with_a_full_queue_is_busy_and_not_dead(tmp_path: Path) -> None:
    """Taken for dead it would be started once more, and everybody would wait for that in vain."""
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as first:
        server.bind(str(tmp_path / ".s.PGSQL.5432"))
        server.listen(0)
        first.connect(str(tmp_path / ".s.PGSQL.5432"))
        assert embedded_postgres._listens(tmp_path)  # noqa: SLF001 (what only load shows)
    assert not embedded_postgres._listens(tmp_path)  # noqa: SLF001
