"""A throw-away server of the machine's own PostgreSQL, to run the tests on an older one too.

`python -m tests.core.machine_postgres 15 pytest tests`: starts it, runs the rest, stops it.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

DATABASE = "vigil_test"


def programs(version: str) -> Path | None:
    """Where Debian keeps this version, if it is installed."""
    folder = Path("/usr/lib/postgresql") / version / "bin"
    return folder if (folder / "initdb").exists() else None


@contextmanager
def server(version: str) -> Iterator[str]:
    """The address of an empty database on a new server, which is gone afterwards."""
    found = programs(version)
    if found is None:
        raise FileNotFoundError(f"PostgreSQL {version} is not installed on this machine.")
    folder = Path(tempfile.mkdtemp(prefix=f"vigil-postgresql-{version}-"))
    become = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        become = {"user": account.pw_uid, "group": account.pw_gid}
        os.chown(folder, account.pw_uid, account.pw_gid)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(  # type: ignore[call-overload]
            [found / program, *arguments], cwd="/", check=True, stdout=subprocess.DEVNULL, **become
        )

    data = str(folder / "data")
    run(
        "initdb", "-D", data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"
    )
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c max_connections=200"
    run("pg_ctl", "start", "-w", "-D", data, "-l", str(folder / "log"), "-o", options)
    try:
        with psycopg.connect(
            f"postgresql://postgres@/postgres?host={folder}", autocommit=True
        ) as c:
            c.execute(f"CREATE DATABASE {DATABASE}")
        yield f"postgresql://postgres@/{DATABASE}?host={folder}"
    finally:
        run("pg_ctl", "stop", "--mode=immediate", "-w", "-D", data)
        shutil.rmtree(folder)


def main() -> int:
    """Run a command with VIGIL_DATABASE_URL naming such a server."""
    version, *command = sys.argv[1:]
    if programs(version) is None:
        sys.stdout.write(f"NOT RUN: PostgreSQL {version} is not installed on this machine.\n")
        return 0
    with server(version) as url:
        surroundings = os.environ | {"VIGIL_DATABASE_URL": url}
        return subprocess.run(command, env=surroundings, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
