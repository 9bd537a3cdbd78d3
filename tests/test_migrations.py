"""Migrations: one head, the models and the tables agree, and both ways work with rows in them."""

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.cli.migrate import upgrade
from backend.core.errors import Unavailable
from backend.core.schema import is_current, newest
from backend.core.web import ROOT
from backend.tables import metadata
from tests import build
from tests.care import build as care
from tests.conftest import pointing_at, sessions_on
from tests.people import the_ward


def _config(url: str | None = None) -> Config:
    config = Config(toml_file=ROOT / "pyproject.toml")
    if url:
        config.attributes["url"] = url
    return config


def test_there_is_one_head_and_we_read_it_without_the_migrator() -> None:
    heads = ScriptDirectory.from_config(_config()).get_heads()
    assert heads == [newest()]


def test_the_models_and_the_migrated_tables_agree(fresh_database: str) -> None:
    command.check(_config(fresh_database))


def test_up_and_down_and_up_again_with_rows_in_every_table(fresh_database: str) -> None:
    """The previous release must be able to come back while there is data."""
    with sessions_on(fresh_database) as sessions, sessions.begin() as session:
        ward = the_ward(session)
        stay = build.stay(session, ward, orders={"ciwa-b": 240, "news2": 240})
        build.recorded(session, ward, stay, answers=build.ciwa_b(45))
        care.shared(session, ward, stay)
    due = "SELECT id, due_at, late_at, missed_at, next_step_at, state FROM round ORDER BY id"
    with psycopg.connect(fresh_database) as connection:
        due_before = connection.execute(due).fetchall()
    command.downgrade(_config(fresh_database), "0001")
    command.upgrade(_config(fresh_database), "head")
    with psycopg.connect(fresh_database) as connection:
        assert connection.execute(due).fetchall() == due_before, "a due time was lost"
        row = connection.execute("SELECT count(*) FROM score").fetchone()
        assert row is not None
        assert row[0] == 2
    command.downgrade(_config(fresh_database), "base")
    with psycopg.connect(fresh_database) as connection:
        left = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        assert left == [("alembic_version",)]
    command.upgrade(_config(fresh_database), "head")


# Tables that hold a stay or a patient and stay when they go, and why.
OUTLIVES = {
    "audit_entry": "sealed: its words are emptied, its numbers stay and name nobody any more",
}


def test_whatever_is_of_a_stay_or_patient_goes_with_them_or_says_why_not(session: Session) -> None:
    """A new table calls `SELECT goes_with_a_purge('name')` in its migration."""
    tables = metadata.tables
    of_them = {"stay", "patient"}
    while more := {
        name
        for name, table in tables.items()
        if name not in of_them
        and any(key.referred_table.name in of_them for key in table.foreign_key_constraints)
    }:
        of_them |= more
    of_them |= {n for n, t in tables.items() if {"stay_id", "patient_id"} & set(t.columns.keys())}
    policy = text("SELECT tablename FROM pg_policies WHERE policyname = 'goes_with_a_purge'")
    # What was shared is not of one stay, and goes where nobody else was named in it.
    shared = {"disclosure", "disclosure_review"}
    assert set(session.scalars(policy)) == (of_them - set(OUTLIVES)) | shared


def test_a_database_of_a_newer_vigil_is_refused_in_a_sentence(fresh_database: str) -> None:
    with psycopg.connect(fresh_database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pointing_at(fresh_database):
        assert not is_current()
        with pytest.raises(Unavailable, match="prepared by a newer Vigil"):
            upgrade()
        with pytest.raises(Unavailable, match="no such revision"):
            upgrade("nowhere")


@pytest.mark.parametrize(
    "table",
    [
        "observation",
        "score",
        "instrument_definition",
        "round_step",
        "alert_step",
        "audit_entry",
        "unit_protocol",
        "consent",
        "consent_end",
        "disclosure",
        "disclosure_patient",
        "restriction",
        "restriction_answer",
        "retention_rule",
        "legal_hold",
        "legal_hold_end",
        "glass",
        "glass_end",
        "glass_review",
    ],
)
@pytest.mark.parametrize("deed", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_facts_are_never_changed_even_by_the_owner(
    fresh_database: str, table: str, deed: str
) -> None:
    """Grants stop the application; triggers stop the owner, who has every grant."""
    with sessions_on(fresh_database) as sessions, sessions.begin() as session:
        ward = the_ward(session)
        stay = build.stay(session, ward, orders={"ciwa-b": 240})
        build.recorded(session, ward, stay, answers=build.ciwa_b(45))
        care.shared(session, ward, stay)
    statement = sql.SQL(deed).format(sql.Identifier(table))
    for role in ("vigil_app", "vigil_owner"):
        with psycopg.connect(fresh_database) as connection:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
            refused = (
                psycopg.errors.InsufficientPrivilege,
                psycopg.errors.RestrictViolation,
                psycopg.errors.GeneratedAlways,
            )
            with pytest.raises(refused):
                connection.execute(statement)
