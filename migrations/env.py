"""Runs migrations one at a time, alone, as the role that owns the tables."""

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from backend import tables
from backend.core import postgres

# Any number will do, as long as it is always the same one.
LOCK = 7_105_107_108

config = context.config


def run() -> None:
    """Take the lock, then one transaction per migration."""
    url = config.attributes.get("url") or postgres.owner_url()
    # Without a pool the connection ends here, and the lock with it, also when a migration fails.
    with create_engine(url, poolclass=NullPool).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
        connection.execute(text(OWNER))
        connection.execute(text("SET ROLE vigil_owner"))
        connection.execute(text("SET lock_timeout = '4s'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=tables.metadata,
            transaction_per_migration=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()


# The owner must exist before the first migration can run as it. The roles that serve, watch and
# administer are made here too, so that a migration only ever grants.
OWNER = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigil_owner') THEN
        CREATE ROLE vigil_owner NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigil_app') THEN
        CREATE ROLE vigil_app NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigil_watch') THEN
        CREATE ROLE vigil_watch NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigil_console') THEN
        CREATE ROLE vigil_console NOLOGIN IN ROLE vigil_app;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigil_sealer') THEN
        CREATE ROLE vigil_sealer NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigil_auditor') THEN
        CREATE ROLE vigil_auditor NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigil_purger') THEN
        CREATE ROLE vigil_purger NOLOGIN;
    END IF;
    EXECUTE format(
        'GRANT vigil_owner, vigil_app, vigil_watch, vigil_console, vigil_sealer, vigil_auditor'
        ' TO %I', session_user);
    EXECUTE format('GRANT CREATE, CONNECT ON DATABASE %I TO vigil_owner', current_database());
    -- Whoever owns the tables hands one function to the role that it runs as.
    GRANT vigil_purger TO vigil_owner;
    GRANT USAGE, CREATE ON SCHEMA public TO vigil_owner WITH GRANT OPTION;
    GRANT USAGE ON SCHEMA public TO vigil_app, vigil_watch, vigil_console, vigil_purger;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another database of the same server is being set up at this moment
END
$$
"""

run()
