"""What the application's own role could try against the trail, and what stops each."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from backend.core import postgres
from tests.audit import trail
from tests.conftest import WORKER, named, recreate, sessions_on

ON_DUTY = "SELECT set_config('vigil.unit_id', id::text, true) FROM unit WHERE code = 'lantern'"
REFUSED = (errors.InsufficientPrivilege, errors.RestrictViolation, errors.GeneratedAlways)

WRITE = "INSERT INTO audit_entry (actor_id, action, deed{}) VALUES (1, 'x.y', true{})"
ATTACKS = {
    "the time": WRITE.format(", at", ", '2020-01-01'"),
    "the order": WRITE.format(", xid", ", 1"),
    "the number": WRITE.format(", id", ", 1"),
    "the sign-in": WRITE.format(", sign_in_id", ", 1"),
    "the workstation": WRITE.format(", workstation_id", ", 1"),
    "the hash": WRITE.format(", detail_sha256", ", ''"),
    "the salt": WRITE.format(", detail_salt", ", ''"),
    "an update": "UPDATE audit_entry SET actor_id = NULL",
    "a deletion": "DELETE FROM audit_entry",
    "emptying": "TRUNCATE audit_entry",
    "the trigger": "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
    "replication": "SET session_replication_role = replica",
    "dropping": "DROP TABLE audit_entry",
    "an upsert": WRITE.format("", "") + " ON CONFLICT (id) DO UPDATE SET actor_id = NULL",
    "a merge": "MERGE INTO audit_entry USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    "a program": "COPY audit_entry TO PROGRAM 'cat'",
    "a false seal": "INSERT INTO audit_batch VALUES (9, 1, 1, 1, now(), '', '')",
    "breaking a seal": "DELETE FROM audit_batch",
    "a false anchor": "INSERT INTO audit_anchor (place, seq) VALUES ('file', 1)",
    "a false check": "INSERT INTO audit_check (status, entries, sentences) VALUES (0, 0, '{}')",
    "another function": "ALTER FUNCTION complete_audit_entry() RENAME TO nothing",
}


@pytest.fixture(scope="module")
def attacked(server: str, template: str, database: str) -> Iterator[str]:
    """One database for all attacks: each fails, or is rolled back."""
    assert database, "the settings point at the rolled-back one meanwhile"
    name = f"vigil_{WORKER}_attacked_test"
    recreate(server, name, template)
    with sessions_on(named(server, name)) as sessions:
        trail.sealed(sessions, 1)
    yield named(server, name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def app(attacked: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that may do what the application may."""
    settled = make_conninfo(attacked, options=postgres.acting_as(postgres.WEB))
    with psycopg.connect(settled) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("what", list(ATTACKS))
def test_the_application_cannot_forge_or_remove(app: psycopg.Connection[Any], what: str) -> None:
    with pytest.raises(REFUSED):
        app.execute(ATTACKS[what])


def test_the_application_may_write_what_happened(app: psycopg.Connection[Any]) -> None:
    """The same entry without the forged part is taken: the attacks fail for their own reason."""
    app.execute(ON_DUTY)
    app.execute(
        "INSERT INTO audit_entry (actor_id, action, deed, unit_id) SELECT staff.id, 'x.y', true,"
        " unit.id FROM staff, unit WHERE login_name = 'nora' AND code = 'lantern'"
    )


def test_what_a_person_does_is_not_written_without_the_person(
    app: psycopg.Connection[Any],
) -> None:
    with pytest.raises(errors.CheckViolation, match="somebody_did_it"):
        app.execute("INSERT INTO audit_entry (action, deed) VALUES ('observation.recorded', true)")


@pytest.mark.parametrize("deed", ["UPDATE audit_entry SET reason = 'x'", "DELETE FROM audit_entry"])
def test_grants_that_are_too_wide_are_not_enough(attacked: str, deed: str) -> None:
    with psycopg.connect(attacked) as connection:
        connection.execute("GRANT ALL ON audit_entry TO vigil_app")
        connection.execute("SET ROLE vigil_app")
        connection.execute(ON_DUTY)
        with pytest.raises(errors.RestrictViolation):
            connection.execute(deed)


@pytest.mark.parametrize("deed", ["DELETE FROM audit_entry", "TRUNCATE audit_entry"])
def test_a_superuser_who_pretends_to_replicate_is_refused_too(attacked: str, deed: str) -> None:
    with psycopg.connect(attacked) as admin:
        admin.execute("SET session_replication_role = replica")
        with pytest.raises(errors.RestrictViolation):
            admin.execute(deed)


@pytest.mark.parametrize(
    ("role", "table", "may"),
    [
        ("vigil_sealer", "audit_entry", {"SELECT"}),
        ("vigil_sealer", "audit_batch", {"SELECT", "INSERT"}),
        ("vigil_sealer", "observation", set()),
        ("vigil_sealer", "patient", set()),
        ("vigil_auditor", "audit_entry", {"SELECT"}),
        ("vigil_auditor", "audit_batch", {"SELECT"}),
        ("vigil_auditor", "observation", set()),
        ("vigil_app", "audit_batch", {"SELECT"}),
    ],
)
def test_each_role_may_do_its_part_and_no_more(
    app: psycopg.Connection[Any], role: str, table: str, may: set[str]
) -> None:
    asked = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
    found = {
        right
        for right in asked
        for (granted,) in app.execute(
            "SELECT has_table_privilege(%s, %s, %s)", (role, table, right)
        ).fetchall()
        if granted
    }
    assert found == may
