"""Every entry that was committed is sealed exactly once, whoever seals and however writers end."""

import random
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from backend.audit import keeper, sealer, verification
from backend.audit import service as audit
from backend.core import clock
from tests.audit import trail
from tests.conftest import sessions_on
from tests.people import the_ward

Sessions = sessionmaker[Session]


@pytest.fixture
def sessions(fresh_database: str) -> Iterator[Sessions]:
    with sessions_on(fresh_database) as made:
        keeper.seal_all(made)
        yield made


def _sum(sessions: Sessions) -> int:
    with sessions.begin() as session:
        return (
            session.scalar(text("SELECT coalesce(sum(entries), 0)::bigint FROM audit_batch")) or 0
        )


def test_an_entry_behind_an_open_transaction_waits_and_is_not_lost(sessions: Sessions) -> None:
    before = _sum(sessions)
    with sessions() as slow:
        nora = the_ward(slow).staff["nora"].id
        audit.record(slow, nora, "test.slow")  # its order is given now, its commit comes later
        trail.write(sessions, 3)
        keeper.seal_all(sessions)
        assert _sum(sessions) == before, "sealed past a transaction that may still commit"
        slow.commit()
    keeper.seal_all(sessions)
    assert _sum(sessions) == before + 4


def test_only_one_seals_at_a_time(sessions: Sessions) -> None:
    trail.write(sessions, 3)
    with sessions.begin() as one, sessions.begin() as other:
        assert sealer.seal(one) == 3
        assert sealer.seal(other) == 0


def test_a_sealer_that_dies_half_way_has_sealed_nothing(sessions: Sessions) -> None:
    before = _sum(sessions)
    trail.write(sessions, 3)
    with sessions() as dying:
        assert sealer.seal(dying) == 3
        dying.rollback()
    assert _sum(sessions) == before
    keeper.seal_all(sessions)
    assert _sum(sessions) == before + 3


def test_a_server_that_counts_from_below_what_was_sealed_is_an_alarm(
    sessions: Sessions, fresh_database: str
) -> None:
    """Filled from a dump, a new server gives lower numbers: they would never be sealed."""
    trail.write(sessions, 1)
    keeper.seal_all(sessions)
    with trail.tampering(fresh_database) as admin:
        admin.execute("UPDATE audit_batch SET last_xid = 9000000000 WHERE seq = 1")
        admin.execute("DELETE FROM audit_batch WHERE seq > 1")
    with sessions.begin() as session, pytest.raises(sealer.CountsBackwards):
        sealer.seal(session)


def _write(sessions: Sessions, chance: random.Random, committed: list[int]) -> None:
    """Transactions of a writer who may linger, and may give up."""
    for _ in range(25):
        with sessions() as session:
            nora = the_ward(session).staff["nora"].id
            entries = chance.randint(1, 4)
            for _ in range(entries):
                audit.record(session, nora, "test.happened")
            if chance.random() < 0.2:
                time.sleep(chance.uniform(0.05, 0.4))
            if chance.random() < 0.25:
                session.rollback()
            else:
                session.commit()
                committed.append(entries)


def _seal_until(sessions: Sessions, stop: threading.Event, turns: list[int]) -> None:
    while not stop.is_set():
        with sessions.begin() as session:
            turns.append(sealer.seal(session, most=7))


def test_writers_that_abort_or_linger_and_three_sealers(
    sessions: Sessions, fresh_database: str
) -> None:
    seed = random.randrange(2**32)  # noqa: S311 (no secret)
    before, stop = _sum(sessions), threading.Event()
    committed: list[int] = []
    turns: list[list[int]] = [[], [], []]
    sealers = [
        threading.Thread(target=_seal_until, args=(sessions, stop, taken)) for taken in turns
    ]
    writers = [
        threading.Thread(target=_write, args=(sessions, random.Random(seed + number), committed))  # noqa: S311
        for number in range(8)
    ]
    for thread in (*sealers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in sealers:
        thread.join()
    keeper.seal_all(sessions)
    assert _sum(sessions) - before == sum(committed), f"seed {seed}"
    assert sum(map(sum, turns)) > 0, "they sealed while others wrote"
    with sessions.begin() as session:
        # Each entry lies between the ends of one batch and of no other, so the counts must agree.
        verdict = verification.verify(session, now=clock.now() + timedelta(hours=1))
    assert (verdict.status, verdict.sentences) == (0, []), f"seed {seed}"
    with psycopg.connect(fresh_database) as connection:
        there = connection.execute(
            "SELECT count(*) FROM audit_entry WHERE action = 'test.happened'"
        ).fetchone()
    assert there == (sum(committed),)
