"""Where the database is, and how the application connects to it."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from backend.core import embedded_postgres
from backend.core.errors import Unavailable
from backend.core.settings import settings

OLDEST = 15

# Sees the rows of the unit on duty, and none without one.
WEB = "vigil_app"
# See every unit: what time does, and what somebody types on the server itself.
WATCH = "vigil_watch"
CONSOLE = "vigil_console"


def acting_as(role: str) -> str:
    """Start-up options. A nurse waits for none of these: better a refusal than a hanging screen."""
    settled = {
        "role": role,
        "lock_timeout": "4s",
        "statement_timeout": "10s",
        "idle_in_transaction_session_timeout": "15s",
        "timezone": "UTC",
    }
    return " ".join(f"-c {name}={value}" for name, value in settled.items())


# A network that swallows packets is noticed in seconds, not in the two hours of TCP.
PATIENCE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


def url() -> str:
    """The deployer's database, or that of the embedded server, which is running afterwards."""
    given = settings().database_url
    if given:
        return given.get_secret_value()
    return embedded_postgres.ensure_running(settings().data_dir / "postgres")


def owner_url() -> str:
    """For whoever may become `vigil_owner`: migrations, and nothing else."""
    given = settings().owner_database_url
    return given.get_secret_value() if given else url()


def connect(role: str = WEB) -> psycopg.Connection[Any]:
    """May do what this role may do, and waits no longer than a nurse would."""
    target = url()
    own = conninfo_to_dict(target).get("options")
    options = f"{own} {acting_as(role)}" if own else acting_as(role)
    try:
        connection: psycopg.Connection[Any] = psycopg.connect(
            target, **PATIENCE, application_name="vigil", options=options
        )
    except psycopg.OperationalError as error:
        if "permission denied to set role" in str(error):
            raise Unavailable(
                f"This login may not act as {role}. docs/deploy.md says which login runs what."
            ) from None
        if f'role "{role}"' in str(error) or 'parameter "role"' in str(error):
            raise Unavailable(
                "The database has not been prepared for Vigil: run `vigil migrate`."
            ) from None
        raise
    if connection.info.server_version < OLDEST * 10_000:
        found = connection.info.server_version // 10_000
        connection.close()
        raise Unavailable(f"Vigil needs PostgreSQL {OLDEST} or newer, and this one is {found}.")
    return connection
