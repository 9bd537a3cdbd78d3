"""`vigil serve`: the web application."""

import signal
import socket
import sys

import typer

from backend.core import clock, log
from backend.core.errors import Unavailable, UserError
from backend.core.settings import settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def serve() -> None:
    """Serve the web application on VIGIL_HOST and VIGIL_PORT."""
    stop_in_order()
    log.configure()
    check_address()
    _say_how_to_begin()
    run()


def _say_how_to_begin() -> None:
    """Where nobody could sign in yet: a link that opens once, for whoever reads this terminal."""
    from psycopg import Error  # noqa: PLC0415 (only a server asks)
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from backend import tables  # noqa: F401, PLC0415 (deeds need every table)
    from backend.accounts.links import service as links  # noqa: PLC0415
    from backend.core.db import new_session  # noqa: PLC0415

    try:
        with new_session.begin() as session:
            token = links.first_run(session, now=clock.now())
    except (Error, SQLAlchemyError, UserError):
        return  # no database, or none that is prepared: /healthz says so
    if token:
        typer.echo(
            "Nobody can sign in yet. This opens once, within a day, and makes the first"
            f" administrator and unit:\n\n  {settings().public_origin}/first-run?link={token}\n"
        )


def check_address() -> None:
    """Before anything is started: the port may be taken, and a log line is no sentence."""
    host, port = settings().host, settings().port
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server itself does
            probe.bind(address)
    except OSError as error:
        raise Unavailable(
            f"Vigil cannot listen on {host}, port {port} ({error.strerror}): stop what runs there,"
            " or name another port in VIGIL_PORT."
        ) from None


def stop_in_order() -> None:
    """Told to stop, leave as at the end: dying of the signal would leave PostgreSQL running.

    From the start on, because what is looked up first starts it; uvicorn hands the signal on.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def run() -> None:
    """Serve until told to stop. Open streams would hold a graceful stop for ever: 3 s."""
    import uvicorn  # noqa: PLC0415 (a report need not wait for the server to load)

    stop_in_order()
    uvicorn.run(
        "backend.main:app",
        host=settings().host,
        port=settings().port,
        timeout_graceful_shutdown=3,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=bool(settings().trusted_proxies),
        forwarded_allow_ips=settings().trusted_proxies,
        h11_max_incomplete_event_size=16 * 1024,
        limit_concurrency=2000,
    )
