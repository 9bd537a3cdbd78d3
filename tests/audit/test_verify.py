"""Each way to tamper with the trail is found, and told apart by the command's exit status."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as hypothesis_settings
from psycopg import errors
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from backend.audit import sealer, verification
from backend.audit.anchors import Head
from backend.audit.verification import NOT_SEALED, OK, WRONG_COUNT, WRONG_HASH, WRONG_HEAD
from backend.core import clock
from tests.audit import trail
from tests.conftest import sessions_on

Sessions = sessionmaker[Session]


@pytest.fixture
def sessions(fresh_database: str) -> Iterator[Sessions]:
    """A trail of three batches after the first."""
    with sessions_on(fresh_database) as made:
        trail.sealed(made)
        yield made


def _verified(sessions: Sessions, **asked: Any) -> verification.Verdict:
    with sessions.begin() as session:
        return verification.verify(session, now=asked.pop("now", clock.now()), **asked)


def _head(sessions: Sessions) -> Head:
    with sessions.begin() as session:
        seq, digest, entries = session.execute(
            text(
                "SELECT seq, hash, (SELECT sum(entries)::bigint FROM audit_batch)"
                " FROM audit_batch ORDER BY seq DESC LIMIT 1"
            )
        ).one()
    return Head(seq=seq, hash=digest, entries=entries, at="then")


def _ids(admin: psycopg.Connection[Any]) -> list[int]:
    """The entries of the second but last batch."""
    return [
        row[0]
        for row in admin.execute(
            "SELECT id FROM audit_entry WHERE action = 'test.happened' ORDER BY id LIMIT 4"
        ).fetchall()
    ]


def test_an_honest_trail_is_well(sessions: Sessions) -> None:
    verdict = _verified(sessions, anchored=[_head(sessions)])
    assert (verdict.status, verdict.sentences) == (OK, [])
    assert verdict.batches >= 3
    assert verdict.entries >= 12


@pytest.mark.parametrize(
    "edit",
    [
        "action = 'test.did_not'",
        "actor_id = (SELECT id FROM staff WHERE login_name = 'olga')",
        "at = at - interval '1 microsecond'",
        "subject = '{}'",
        "reason = 'because of her'",
        "deed = false",
        "detail_salt = NULL",
        "detail_salt = NULL, subject = '{}', reason = NULL",
        "unit_id = NULL",
    ],
)
def test_an_edited_entry_is_found(sessions: Sessions, fresh_database: str, edit: str) -> None:
    with trail.tampering(fresh_database) as admin:
        admin.execute(
            f"UPDATE audit_entry SET {edit} WHERE id = %s",  # noqa: S608
            (_ids(admin)[1],),
        )
    verdict = _verified(sessions)
    assert verdict.status == WRONG_HASH
    assert "changed" in verdict.sentences[0]


def test_a_deleted_entry_is_found(sessions: Sessions, fresh_database: str) -> None:
    with trail.tampering(fresh_database) as admin:
        admin.execute("DELETE FROM audit_entry WHERE id = %s", (_ids(admin)[1],))
    verdict = _verified(sessions)
    assert verdict.status == WRONG_COUNT
    assert "sealed 4 entries, and 3 are there" in verdict.sentences[0]


def test_an_entry_put_in_afterwards_is_found(sessions: Sessions, fresh_database: str) -> None:
    with trail.tampering(fresh_database) as admin:
        admin.execute(
            "INSERT INTO audit_entry (id, xid, at, actor_id, action, deed, detail_sha256)"
            " SELECT 900000, xid, at - interval '1 hour', actor_id, action,"
            " deed, detail_sha256 FROM audit_entry WHERE id = %s",
            (_ids(admin)[1],),
        )
    verdict = _verified(sessions)
    assert verdict.status == WRONG_COUNT
    assert "put in" in verdict.sentences[0]


def test_entries_in_another_order_are_found(sessions: Sessions, fresh_database: str) -> None:
    with trail.tampering(fresh_database) as admin:
        first, second, *_ = _ids(admin)
        xids = dict(
            admin.execute(
                "SELECT id, xid FROM audit_entry WHERE id IN (%s, %s)", (first, second)
            ).fetchall()
        )
        for one, other in ((first, second), (second, first)):
            admin.execute("UPDATE audit_entry SET xid = %s WHERE id = %s", (xids[other], one))
    assert _verified(sessions).status == WRONG_HASH


def test_swapped_batches_are_found(sessions: Sessions, fresh_database: str) -> None:
    with trail.tampering(fresh_database) as admin:
        for seq, other in ((3, 1_000), (2, 3), (1_000, 2)):
            admin.execute("UPDATE audit_batch SET seq = %s WHERE seq = %s", (other, seq))
    assert _verified(sessions).status in {WRONG_HASH, WRONG_COUNT}


def test_a_removed_batch_is_found(sessions: Sessions, fresh_database: str) -> None:
    with trail.tampering(fresh_database) as admin:
        admin.execute("DELETE FROM audit_batch WHERE seq = 2")
    verdict = _verified(sessions)
    assert verdict.status == WRONG_COUNT
    assert any("Batch 2 is missing" in sentence for sentence in verdict.sentences)


def test_a_chain_written_anew_over_an_edit_is_found_by_the_anchor(
    sessions: Sessions, fresh_database: str
) -> None:
    """Who may do everything can also compute every hash again, but not what is kept elsewhere."""
    head = _head(sessions)
    with trail.tampering(fresh_database) as admin:
        admin.execute("UPDATE audit_entry SET action = 'x.y' WHERE id = %s", (_ids(admin)[1],))
        admin.execute("TRUNCATE audit_batch")
    with sessions.begin() as session:
        while sealer.seal(session, most=4):
            pass
    assert _verified(sessions).status == OK
    verdict = _verified(sessions, anchored=[head])
    assert verdict.status == WRONG_HEAD


def test_a_tail_cut_off_is_found_by_the_anchor_and_by_nothing_else(
    sessions: Sessions, fresh_database: str
) -> None:
    head = _head(sessions)
    with trail.tampering(fresh_database) as admin:
        admin.execute(
            "DELETE FROM audit_entry WHERE (xid, id) >"
            " (SELECT last_xid, last_id FROM audit_batch WHERE seq = %s)",
            (head.seq - 1,),
        )
        admin.execute("DELETE FROM audit_batch WHERE seq = %s", (head.seq,))
    assert _verified(sessions).status == OK
    verdict = _verified(sessions, anchored=[head])
    assert verdict.status == WRONG_HEAD
    assert "ends at batch" in verdict.sentences[0]


def test_entries_that_nobody_seals_are_told(sessions: Sessions) -> None:
    trail.write(sessions, 2)
    assert _verified(sessions).status == OK
    late = _verified(sessions, now=clock.now() + timedelta(minutes=2))
    assert late.status == NOT_SEALED
    assert "2 entries wait for a seal" in late.sentences[0]


def test_only_what_was_sealed_since_is_read_again(sessions: Sessions, fresh_database: str) -> None:
    with trail.tampering(fresh_database) as admin:
        admin.execute("DELETE FROM audit_entry WHERE id = %s", (_ids(admin)[0],))
        (since,) = admin.execute("SELECT at FROM audit_batch ORDER BY seq DESC LIMIT 1").fetchone()  # type: ignore[misc]
    assert _verified(sessions, since=since).status == OK
    assert _verified(sessions, since=since).batches == 1
    assert _verified(sessions).status == WRONG_COUNT


def test_details_may_be_emptied_when_their_time_is_over_and_the_chain_holds(
    sessions: Sessions, fresh_database: str
) -> None:
    empty = "UPDATE audit_entry SET subject = '{}', reason = NULL, detail_salt = NULL WHERE id = %s"
    with psycopg.connect(fresh_database) as owner:
        entry = _ids(owner)[1]
        with pytest.raises(errors.RestrictViolation):
            owner.execute(empty, (entry,))
    with trail.tampering(fresh_database) as admin:
        # The database's clock cannot be moved: the trigger is told of another age instead.
        source = admin.execute("SELECT pg_get_functiondef('keep_audit_entry'::regproc)").fetchone()
        assert source is not None
        admin.execute(source[0].replace("6 years", "0 years"))
    with psycopg.connect(fresh_database) as owner:
        owner.execute(empty, (entry,))
    with psycopg.connect(fresh_database) as owner, pytest.raises(errors.RestrictViolation):
        owner.execute("UPDATE audit_entry SET action = 'x.y' WHERE id = %s", (entry,))
    later = clock.now() + verification.KEPT_FOR + timedelta(days=1)
    assert {status for status, _ in _verified(sessions, now=later).found} == set()
    assert _verified(sessions).status == WRONG_HASH


# What of an entry is sealed, and how to change one byte of it.
BYTE = "set_byte({0}, {{place}}, (get_byte({0}, {{place}}) + 1) % 256)"
ENTRY = {
    "id": "id + 1000000",
    "xid": "xid + 1",
    "at": "at + interval '1 microsecond'",
    "actor_id": "actor_id + 1",
    "sign_in_id": "coalesce(sign_in_id, 0) + 1",
    "workstation_id": "coalesce(workstation_id, 0) + 1",
    "unit_id": "unit_id + 1",
    "stay_id": "coalesce(stay_id, 0) + 1",
    "patient_id": "coalesce(patient_id, 0) + 1",
    "action": "overlay(action placing '#' from {place} for 1)",
    "deed": "NOT deed",
    "object_type": "coalesce(object_type, '') || '#'",
    "object_id": "coalesce(object_id, 0) + 1",
    "quarter_hour": "coalesce(quarter_hour, 0) + 1",
    "reason": "overlay(reason placing '#' from {place} for 1)",
    "subject": "subject || '{{\"number\": {place}9}}'",
    "detail_salt": BYTE.format("detail_salt"),
    "detail_sha256": BYTE.format("detail_sha256"),
}
BATCH = {
    "seq": "seq + 1000",
    "entries": "entries + 1",
    "last_xid": "last_xid + 1",
    "last_id": "last_id + 1",
    "at": "at + interval '1 microsecond'",
    "previous": BYTE.format("previous"),
    "hash": BYTE.format("hash"),
}


@given(
    change=strategies.sampled_from(
        [("audit_entry", *item) for item in ENTRY.items()]
        + [("audit_batch", *item) for item in BATCH.items()]
    ),
    place=strategies.integers(1, 6),
    which=strategies.integers(0, 10),
)
@hypothesis_settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_byte_of_a_sealed_field_that_changes_is_found(
    sessions: Sessions, fresh_database: str, change: tuple[str, str, str], place: int, which: int
) -> None:
    """The fixtures serve every example: each change is undone."""
    table, column, new = change
    key = "id" if table == "audit_entry" else "seq"
    where = "action = 'test.happened'" if table == "audit_entry" else "seq > 1"
    with trail.tampering(fresh_database) as admin:
        admin.execute(
            "ALTER TABLE audit_entry DROP CONSTRAINT IF EXISTS ck_audit_entry_a_stay_has_its_unit"
        )
        admin.execute(f"CREATE TABLE kept AS SELECT * FROM {table}")  # noqa: S608
        changed = admin.execute(
            f"UPDATE {table} SET {column} = {new.format(place=place)} WHERE {key} ="  # noqa: S608
            f" (SELECT {key} FROM {table} WHERE {where} ORDER BY {key}"
            f" OFFSET {which} % (SELECT count(*) FROM {table} WHERE {where}) LIMIT 1)"
        )
        assert changed.rowcount == 1
    verdict = _verified(sessions, now=clock.now() + timedelta(minutes=2))
    with trail.tampering(fresh_database) as admin:
        admin.execute(f"DELETE FROM {table}")  # noqa: S608
        admin.execute(
            f"INSERT INTO {table} SELECT * FROM kept"  # noqa: S608
        )
        admin.execute("DROP TABLE kept")
    assert verdict.status in {WRONG_HASH, WRONG_COUNT}
    assert _verified(sessions).status == OK
