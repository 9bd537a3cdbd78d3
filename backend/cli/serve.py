"""`vigil serve`: the web application."""

import signal
import sys

import typer

from backend.core import log
from backend.core.settings import settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def serve() -> None:
    """Serve the web application on VIGIL_HOST and VIGIL_PORT."""
    log.configure()
    run()


def run() -> None:
    """Serve until told to stop. Open streams would hold a graceful stop for ever: 3 s."""
    import uvicorn  # noqa: PLC0415 (a report need not wait for the server to load)

    # uvicorn hands the signal on when it has stopped; dying of it would leave PostgreSQL running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
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
