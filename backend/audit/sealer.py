"""Seals what has been written: one batch over the one before, by one sealer at a time.

An entry is taken only when no transaction that began before it can still commit, so that none slips
in behind a seal, in whatever order they end. Nothing is ever changed.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.audit.chain import ENTRY_SQL, HEADER_SQL, NOTHING

# Any number will do, as long as every sealer takes the same.
LOCK = 7_105_107_109
MOST = 10_000
# Longer, and something is wrong: somebody should look.
LATE_S = 60

HEAD = text("SELECT seq, last_xid, last_id, hash FROM audit_batch ORDER BY seq DESC LIMIT 1")
SEAL = text(
    f"""
    WITH taken AS MATERIALIZED (
        SELECT xid, id, {ENTRY_SQL} AS hash FROM audit_entry
        WHERE (xid, id) > (:last_xid, :last_id)
            AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        ORDER BY xid, id LIMIT :most
    ), last AS (
        SELECT xid, id FROM taken ORDER BY xid DESC, id DESC LIMIT 1
    ), batch AS (
        SELECT :seq AS seq, (SELECT count(*) FROM taken) AS entries,
            last.xid AS last_xid, last.id AS last_id, clock_timestamp() AS at
        FROM last
    )
    INSERT INTO audit_batch (seq, entries, last_xid, last_id, at, previous, hash)
    SELECT seq, entries, last_xid, last_id, at, :previous, sha256(
        :previous || {HEADER_SQL}
        || (SELECT string_agg(hash, ''::bytea ORDER BY xid, id) FROM taken)
    ) FROM batch
    RETURNING entries
    """  # noqa: S608 (put together of our own words)
)
BEHIND = text("SELECT :last_xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint")


class CountsBackwards(Exception):
    """This server counts transactions from below what was sealed: it was filled from a dump."""


def seal(session: Session, *, most: int = MOST) -> int:
    """Seal the next batch; returns how many entries, 0 when there are none or another seals."""
    session.execute(text("SET LOCAL ROLE vigil_sealer"))
    if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK}):
        return 0
    # A statement of its own: it must see what the sealer before us committed.
    head = session.execute(HEAD).one_or_none()
    asked = {
        "seq": head.seq + 1 if head else 1,
        "last_xid": head.last_xid if head else 0,
        "last_id": head.last_id if head else 0,
        "previous": head.hash if head else NOTHING,
        "most": most,
    }
    if session.scalar(BEHIND, {"last_xid": asked["last_xid"]}):
        raise CountsBackwards
    return session.scalar(SEAL, asked) or 0


def lag_s(session: Session) -> float:
    """How long the oldest entry has been waiting for its seal; 0 when none waits."""
    return session.scalar(text("SELECT seal_lag_s FROM audit_health")) or 0.0
