"""`vigil demo`: a demo unit with database, server and watch in one process tree."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from functools import partial
from typing import Annotated

import typer

from backend.core import log
from backend.core.errors import UserError
from backend.core.settings import settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    *,
    describe: Annotated[
        bool, typer.Option("--describe", help="Print the unit's figures, and start nothing.")
    ] = False,
) -> None:
    """Start everything, on an embedded PostgreSQL; Ctrl-C stops it, the data stays."""
    os.environ["VIGIL_DEMO"] = "true"
    os.environ.setdefault("VIGIL_LOG_LEVEL", "warning")
    settings.cache_clear()
    log.configure("warning")
    try:
        _prepare(serves=not describe)
        if describe:
            _describe()
            return
    except UserError as refused:
        typer.echo(f"vigil: {refused.sentence}", err=True)
        raise typer.Exit(1) from None
    # It ends by itself where this process is killed, and stops PostgreSQL as the last one out.
    watching = subprocess.Popen(  # noqa: S603 (our own program, no shell)
        [sys.executable, "-m", "backend.cli", "watch", f"--beside={os.getpid()}"]
    )
    stop = threading.Event()
    if speed := settings().demo_speed:
        _begin_to_live(stop, speed)
    try:
        _serve()
    finally:
        stop.set()
        watching.send_signal(signal.SIGTERM)
        try:
            watching.wait(timedelta(seconds=10).total_seconds())
        except subprocess.TimeoutExpired:
            watching.kill()


def _prepare(*, serves: bool) -> None:
    """Migrate only where there is something to migrate: loading the migrator is slow."""
    from backend.cli import serve  # noqa: PLC0415 (its libraries, after the settings)
    from backend.core import postgres  # noqa: PLC0415 (starts the server, after the settings)
    from backend.core.schema import is_current  # noqa: PLC0415

    if serves:
        serve.check_address()
    typer.echo("Starting PostgreSQL …")
    postgres.url()
    if not is_current():
        typer.echo("Preparing the database …")
        from backend.cli.migrate import upgrade  # noqa: PLC0415

        upgrade()
    from backend.demo import service  # noqa: PLC0415

    service.make(typer.echo, history=timedelta(days=settings().demo_days))


def _describe() -> None:
    from backend.core import clock  # noqa: PLC0415
    from backend.core.db import console_session  # noqa: PLC0415
    from backend.demo.describe import lines  # noqa: PLC0415
    from backend.demo.unit import unit_of  # noqa: PLC0415

    with console_session() as session:
        for line in lines(session, unit_of(session).id, clock.now()):
            typer.echo(line)


def _begin_to_live(stop: threading.Event, speed: float) -> None:
    """In a thread of the web process: it does little, and ends with it."""
    from backend.demo import service  # noqa: PLC0415

    living = partial(service.live, stop, speed=speed)
    threading.Thread(target=living, name="demo-staff", daemon=True).start()


def _serve() -> None:
    from backend.accounts.sign_in.service import DEMO_PASSWORD  # noqa: PLC0415
    from backend.cli import serve  # noqa: PLC0415
    from backend.demo.people import STAFF  # noqa: PLC0415

    typer.echo(f"\nVigil is on {settings().public_origin}   (Ctrl-C stops it)\n")
    typer.echo(f"Demo accounts, all with the password {DEMO_PASSWORD}:")
    for login_name, (name, role) in STAFF.items():
        typer.echo(f"  {login_name:<8}{role.value.replace('_', ' '):<16}{name}")
    typer.echo("")
    serve.run()
