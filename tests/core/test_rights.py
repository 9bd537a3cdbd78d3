"""What each database role may do, read off the catalogue; and where secrets do not show."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.core.web import ROOT
from tests.processes import end, free_port, wait_until_served

CANARY = "hunter2-of-the-ward"
EVERY_RIGHT = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
# State that is not kept: what it says is kept elsewhere. Nothing else is ever deleted.
MAY_BE_DELETED: set[str] = set()
RIGHTS = text(
    """
    SELECT c.relname AS name, c.relkind::text AS kind, pg_get_userbyid(c.relowner) AS owner,
        ARRAY(SELECT p FROM unnest(CAST(:every AS text[])) p
              WHERE has_table_privilege(:role, c.oid, p)) AS may,
        has_any_column_privilege(:role, c.oid, 'UPDATE') AS changes_a_column,
        EXISTS (SELECT FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
                WHERE t.tgrelid = c.oid AND f.proname = 'refuse_change'
                    AND t.tgtype & 16 > 0 AND t.tgqual IS NULL) AS only_added_to -- any update
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm')
        AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND n.nspname NOT LIKE 'pg_toast%'
    """
)
OURS = text(
    "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,"
    " rolcanlogin FROM pg_roles WHERE rolname LIKE 'vigil\\_%'"
)


def _rights(session: Session, role: str) -> list[tuple[str, str, str, set[str], bool, bool]]:
    rows = session.execute(RIGHTS, {"role": role, "every": list(EVERY_RIGHT)})
    return [
        (r.name, r.kind, r.owner, set(r.may), r.changes_a_column, r.only_added_to) for r in rows
    ]


def test_the_application_may_do_what_its_work_needs_and_no_more(session: Session) -> None:
    """It adds to facts, changes state, and neither deletes, empties nor rebuilds anything."""
    tables = _rights(session, "vigil_app")
    assert len(tables) > 20
    for name, kind, owner, may, changes, only_added_to in tables:
        assert owner != "vigil_app", name
        assert not may & {"TRUNCATE", "REFERENCES", "TRIGGER"}, name
        assert "DELETE" not in may or name in MAY_BE_DELETED, name
        if only_added_to:
            assert not changes, f"{name} holds facts, and the application may change them"
        if kind != "r" or name == "alembic_version":
            assert may <= {"SELECT"}, name


def test_the_application_can_forge_neither_time_nor_order_of_the_audit(session: Session) -> None:
    forged = "SELECT has_column_privilege('vigil_app', 'audit_entry', :column, 'INSERT')"
    columns = set(
        session.scalars(
            text(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_name = 'audit_entry' AND column_default IS NOT NULL"
                " OR table_name = 'audit_entry' AND is_identity = 'YES'"
            )
        )
    )
    assert {"at", "xid"} <= columns
    for column in {"id", "at", "xid"} & columns:
        assert session.scalar(text(forged), {"column": column}) is False, column


def test_no_role_owns_bypasses_or_makes_others(session: Session) -> None:
    roles = {row.rolname: row for row in session.execute(OURS)}
    assert {"vigil_owner", "vigil_app"} <= set(roles)
    for name, row in roles.items():
        assert not any(
            (row.rolsuper, row.rolbypassrls, row.rolcreaterole, row.rolcreatedb, row.rolreplication)
        ), name
        assert not row.rolcanlogin, f"{name} is put on by a login and is none itself"
    for name in set(roles) - {"vigil_owner"}:
        assert not session.scalar(
            text("SELECT pg_has_role(:r, 'vigil_owner', 'MEMBER')"), {"r": name}
        )
        owns = "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = :r"
        assert session.scalar(text(owns), {"r": name}) == 0, name
    may = "SELECT has_schema_privilege('vigil_app', 'public', 'CREATE')"
    assert session.scalar(text(may)) is False


def test_nobody_has_rights_that_everybody_has(session: Session) -> None:
    """PUBLIC may read and write nothing of ours."""
    for name, _, _, _, _, _ in _rights(session, "vigil_app"):
        grants = session.scalars(
            text(
                "SELECT privilege_type FROM information_schema.role_table_grants"
                " WHERE table_name = :name AND grantee = 'PUBLIC' AND table_schema = 'public'"
            ),
            {"name": name},
        ).all()
        assert grants == [], name


def test_a_secret_shows_in_no_list_of_processes_and_in_no_log(
    fresh_database: str, tmp_path: Path
) -> None:
    secret, log = tmp_path / "url", tmp_path / "log"
    # A server that asks for no password is given one all the same.
    known = conninfo_to_dict(fresh_database).get("password")
    secret.write_text(fresh_database if known else f"{fresh_database}&password={CANARY}")
    shows = str(known or CANARY)
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if "DATABASE_URL" not in name}
    environment |= {
        "VIGIL_DATABASE_URL_FILE": str(secret),
        "VIGIL_PORT": str(port),
        "VIGIL_LOG_LEVEL": "debug",
    }
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.cli", "serve"],
            cwd=ROOT,
            env=environment,
            stdout=written,
            stderr=written,
        )
        try:
            wait_until_served(f"http://127.0.0.1:{port}")
            ours = psutil.Process(process.pid)
            for one in [ours, *ours.children(recursive=True)]:
                assert shows not in " ".join(one.cmdline())
                assert shows not in " ".join(one.environ().values())
        finally:
            end(process)
    assert shows not in log.read_text()
