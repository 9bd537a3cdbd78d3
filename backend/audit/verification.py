"""Checks the whole trail again: every entry, every seal, and the heads that were kept elsewhere.

Nothing is taken from the database but the rows: what a hash is of stands in `chain`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from backend.audit import chain
from backend.audit.anchors import Head
from backend.audit.chain import NOTHING
from backend.audit.sealer import LATE_S

OK, WRONG_HASH, WRONG_COUNT, WRONG_HEAD, NOT_SEALED = range(5)
# Details may be emptied when this time is over, and no earlier (45 CFR 164.316(b)(2)).
KEPT_FOR = timedelta(days=6 * 365)
AT_ONCE = 2_000
MOST_SENTENCES = 20

BATCHES = text("SELECT * FROM audit_batch WHERE seq >= :first ORDER BY seq")
_AS_TEXT = ", ".join(f"({field})::text AS f{place}" for place, field in enumerate(chain.FIELDS))
ENTRIES = text(
    f"""
    SELECT xid, id, at, detail_salt, detail_sha256,
        jsonb_build_array(reason, subject)::text AS detail, {_AS_TEXT}
    FROM audit_entry WHERE (xid, id) > (:xid, :id) ORDER BY xid, id
    """  # noqa: S608 (put together of our own words)
)
SINCE = text("SELECT coalesce(max(seq), 0) FROM audit_batch WHERE at < :since")
EMPTIED = "[null, {}]"


@dataclass(kw_only=True)
class Verdict:
    """What was found: the graver the finding, the lower its status."""

    entries: int = 0
    batches: int = 0
    found: list[tuple[int, str]] = field(default_factory=list)

    @property
    def status(self) -> int:
        """0 when all is well, or the gravest finding."""
        return min((status for status, _ in self.found), default=OK)

    @property
    def sentences(self) -> list[str]:
        """What to tell a person, the gravest first."""
        told = [sentence for _, sentence in sorted(self.found, key=lambda pair: pair[0])]
        more = len(told) - MOST_SENTENCES
        return told[:MOST_SENTENCES] + ([f"And {more} more."] if more > 0 else [])

    def add(self, status: int, sentence: str) -> None:
        """One finding."""
        self.found.append((status, sentence))


def verify(
    session: Session,
    *,
    now: datetime,
    since: datetime | None = None,
    anchored: Sequence[Head] = (),
) -> Verdict:
    """Check every entry since the beginning, or since the last batch before `since`.

    The session has just begun: what is checked is one moment of the database.
    """
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    session.execute(text("SET LOCAL ROLE vigil_auditor"))
    session.execute(text("SET LOCAL statement_timeout = 0"))
    verdict = Verdict()
    first = session.scalar(SINCE, {"since": since}) if since else 0
    batches = list(session.execute(BATCHES, {"first": max(first or 0, 1)}))
    before = batches.pop(0) if first and batches else None
    waiting = _Reader(session, before)
    previous, seq = (before.hash, before.seq) if before else (NOTHING, 0)
    for batch in batches:
        _check(batch, waiting, verdict, previous=previous, seq=seq + 1, now=now)
        previous, seq = batch.hash, batch.seq
    _check_unsealed(waiting, verdict, now)
    _check_heads(session, anchored, verdict)
    return verdict


class _Reader:
    """The entries in the order of the seals, from the one after this batch."""

    def __init__(self, session: Session, after: Row[Any] | None) -> None:
        asked = {"xid": after.last_xid if after else -1, "id": after.last_id if after else -1}
        found = session.execute(ENTRIES, asked, execution_options={"yield_per": AT_ONCE})
        self._rows = iter(found)
        self._next = next(self._rows, None)

    def up_to(self, xid: int, entry_id: int) -> Iterator[Row[Any]]:
        """Those that a batch with this end holds."""
        while self._next is not None and (self._next.xid, self._next.id) <= (xid, entry_id):
            yield self._next
            self._next = next(self._rows, None)

    def rest(self) -> Iterator[Row[Any]]:
        """Those that no batch holds."""
        while self._next is not None:
            yield self._next
            self._next = next(self._rows, None)


def _check(
    batch: Row[Any], waiting: _Reader, verdict: Verdict, *, previous: bytes, seq: int, now: datetime
) -> None:
    hashes = []
    details = 0
    for row in waiting.up_to(batch.last_xid, batch.last_id):
        hashes.append(chain.entry_hash(tuple(row)[-len(chain.FIELDS) :]))
        details += not _tells_what_it_told(row, now)
    verdict.batches += 1
    verdict.entries += len(hashes)
    when = f"{batch.at:%Y-%m-%d %H:%M:%S} UTC"
    if batch.seq != seq:
        verdict.add(WRONG_COUNT, f"Batch {seq} is missing: after {seq - 1} comes {batch.seq}.")
    if len(hashes) != batch.entries:
        verdict.add(
            WRONG_COUNT,
            f"Batch {batch.seq} of {when} sealed {batch.entries} entries,"
            f" and {len(hashes)} are there: entries were removed or put in.",
        )
        return
    if details:
        verdict.add(
            WRONG_HASH,
            f"Batch {batch.seq} of {when}: the details of {details} entries were changed.",
        )
    sealed = chain.batch_hash(
        batch.previous,
        seq=batch.seq,
        entries=batch.entries,
        last_xid=batch.last_xid,
        last_id=batch.last_id,
        at=batch.at,
        hashes=hashes,
    )
    if sealed != batch.hash:
        verdict.add(
            WRONG_HASH, f"Batch {batch.seq} of {when}: an entry or the seal itself was changed."
        )
    elif batch.seq == seq and batch.previous != previous:
        verdict.add(WRONG_HASH, f"Batch {batch.seq} of {when} does not follow from {seq - 1}.")


def _tells_what_it_told(row: Row[Any], now: datetime) -> bool:
    """Whether the details are those that were sealed, or were emptied when their time was over."""
    if row.detail_salt is None:
        return bool(row.detail == EMPTIED and row.at < now - KEPT_FOR)
    return bool(chain.detail_hash(row.detail_salt, row.detail) == row.detail_sha256)


def _check_unsealed(waiting: _Reader, verdict: Verdict, now: datetime) -> None:
    unsealed = list(waiting.rest())
    late = [row for row in unsealed if (now - row.at).total_seconds() > LATE_S]
    if late:
        oldest = min(row.at for row in late)
        verdict.add(
            NOT_SEALED,
            f"{len(late)} entries wait for a seal, the oldest since {oldest:%Y-%m-%d %H:%M:%S} UTC:"
            " is the watch running?",
        )
    verdict.entries += len(unsealed)


def _check_heads(session: Session, anchored: Sequence[Head], verdict: Verdict) -> None:
    """The newest head that was kept elsewhere, and any other, is still in the chain."""
    if not anchored:
        return
    sealed: dict[int, tuple[bytes, int]] = {}
    total = 0
    for row in session.execute(text("SELECT seq, hash, entries FROM audit_batch ORDER BY seq")):
        total += row.entries
        sealed[row.seq] = (row.hash, total)
    newest = max(sealed, default=0)
    behind = [head for head in anchored if head.seq > newest]
    if behind:
        last = max(behind, key=lambda head: head.seq)
        verdict.add(
            WRONG_HEAD,
            f"The trail ends at batch {newest}, and batch {last.seq} was anchored at {last.at}:"
            " the newest entries were removed, or an older backup was restored.",
        )
    for head in anchored:
        if head.seq in sealed and sealed[head.seq] != (head.hash, head.entries):
            verdict.add(
                WRONG_HEAD, f"Batch {head.seq} is not the one that was anchored at {head.at}."
            )
