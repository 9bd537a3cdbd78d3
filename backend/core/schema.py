"""Which migration the database is at, asked without loading the migrator."""

import re

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.core.db import new_session
from backend.core.errors import UserError
from backend.core.web import ROOT

VERSIONS = ROOT / "migrations" / "versions"


def newest() -> str:
    """The revision that no other builds on."""
    texts = [path.read_text() for path in VERSIONS.glob("*.py")]
    made = {m for t in texts for m in re.findall(r'^revision = "(.+)"', t, re.MULTILINE)}
    built_on = {m for t in texts for m in re.findall(r'^down_revision = "(.+)"', t, re.MULTILINE)}
    (head,) = made - built_on
    return str(head)


def is_current() -> bool:
    """Whether the database is at the newest revision; False when it has never been prepared."""
    try:
        with new_session() as session:
            at = session.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except (SQLAlchemyError, psycopg.Error, UserError):
        return False
    return at == newest()
