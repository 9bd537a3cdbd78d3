"""Keeps the trail beside the watch: seals, anchors the head, and checks everything each night.

In a thread of its own, so that no patient's time ever waits for it. Any number may run.
"""

import threading
from collections.abc import Callable
from datetime import datetime, time, timedelta

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from backend.audit import anchors, key, places, sealer, verification
from backend.audit.anchors import Head
from backend.audit.models import AuditAnchor, AuditCheck
from backend.audit.sealer import CountsBackwards
from backend.audit.verification import Verdict
from backend.core import clock
from backend.core.db import table_of, watch_session
from backend.core.errors import UserError
from backend.core.settings import settings

PAUSE_S = 2.0
ANCHOR_EVERY = timedelta(minutes=5)
TRY_AGAIN_AFTER = timedelta(minutes=1)
# On the clock of the database's UTC: somewhere it is always day.
CHECK_AT = time(2)
SAY_AGAIN_AFTER_S = 60.0

ANCHORS = 7_105_107_110
CHECKS = 7_105_107_111
TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")
AS_SEALER = text("SET LOCAL ROLE vigil_sealer")
HEAD = text(
    "SELECT seq, hash, (SELECT sum(entries) FROM audit_batch)::bigint AS entries"
    " FROM audit_batch ORDER BY seq DESC LIMIT 1"
)
LAST_TRY = text(
    "SELECT max(at) FILTER (WHERE failure IS NULL) AS kept, max(at) AS tried"
    " FROM audit_anchor WHERE place = :place AND at > :since"
)
LAST_CHECK = text("SELECT max(at) FROM audit_check")

log = structlog.get_logger()


def run(stop: threading.Event, sessions: sessionmaker[Session] = watch_session) -> None:
    """Until told to stop. What cannot be done now is tried again; the log and /healthz say so."""
    said_at: datetime | None = None
    while not stop.wait(PAUSE_S):
        now = clock.now()
        quiet = said_at is not None and (now - said_at).total_seconds() < SAY_AGAIN_AFTER_S
        try:
            late = seal_all(sessions)
            if late > sealer.LATE_S and not quiet:
                log.error("audit_not_sealed", waiting_s=round(late))
                said_at = now
            anchor(sessions, now=now)
            check_nightly(sessions, now=now)
        except (SQLAlchemyError, UserError, OSError, CountsBackwards) as error:
            if not quiet:
                log.warning("audit_cannot_be_kept", kind=type(error).__name__)
                said_at = now


def seal_all(sessions: sessionmaker[Session]) -> float:
    """Seal until nothing is left to seal; returns how long the oldest that is left has waited."""
    while True:
        with sessions.begin() as session:
            if sealer.seal(session) < sealer.MOST:
                break
    with sessions.begin() as session:
        return sealer.lag_s(session)


def anchor(
    sessions: sessionmaker[Session], *, now: datetime, at_once: bool = False
) -> dict[str, str | None]:
    """Send the signed head to each place whose turn it is: what failed there, or None.

    What was sent and what failed are both rows, for whoever looks after privacy.
    """
    chosen = places.configured(settings())
    if not chosen:
        return {}
    signing = anchors.private_key(key.audit_key())
    done: dict[str, str | None] = {}
    with sessions.begin() as session:
        session.execute(AS_SEALER)
        if not session.scalar(TRY_LOCK, {"key": ANCHORS}):
            return {}
        head = session.execute(HEAD).one_or_none()
        if head is None:
            return {}
        for place, send in chosen.items():
            if not at_once and not _is_due(session, place, now):
                continue
            signed = Head(seq=head.seq, hash=head.hash, entries=head.entries, at=now.isoformat())
            done[place] = _sent(send, signed, signing)
            session.execute(
                insert(table_of(AuditAnchor)).inline(),
                {"place": place, "seq": head.seq, "failure": done[place]},
            )
    for place, failure in done.items():
        if failure:
            log.warning("audit_not_anchored", place=place, failure=failure)
    return done


def _is_due(session: Session, place: str, now: datetime) -> bool:
    asked = {"place": place, "since": now - 2 * ANCHOR_EVERY}
    kept, tried = session.execute(LAST_TRY, asked).one()
    if kept is not None and now - kept < ANCHOR_EVERY:
        return False
    return tried is None or tried == kept or bool(now - tried >= TRY_AGAIN_AFTER)


def _sent(send: Callable[[str], None], head: Head, signing: Ed25519PrivateKey) -> str | None:
    try:
        send(anchors.line(head, signing))
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__
    return None


def check_nightly(sessions: sessionmaker[Session], *, now: datetime) -> Verdict | None:
    """Check everything once after two in the morning (UTC), and write down what was found."""
    due = datetime.combine(now.date(), CHECK_AT, tzinfo=now.tzinfo)
    if now < due:
        due -= timedelta(days=1)
    with sessions.begin() as session:
        session.execute(AS_SEALER)
        last = session.scalar(LAST_CHECK)
        if last is not None and last >= due:
            return None
        if not session.scalar(TRY_LOCK, {"key": CHECKS}):
            return None
        return _checked(session, sessions, now)


def _checked(session: Session, sessions: sessionmaker[Session], now: datetime) -> Verdict:
    with sessions.begin() as reading:
        verdict = verification.verify(reading, now=clock.now(), anchored=_kept_here())
    note(session, verdict)
    if verdict.status:
        log.error("audit_check_failed", status=verdict.status, at=now.isoformat())
    return verdict


def _kept_here() -> list[Head]:
    """The heads in our own file of anchors, where there is one."""
    path = settings().audit_anchor_file
    if path is None or not path.exists():
        return []
    return anchors.read_file(path, anchors.private_key(key.audit_key()).public_key())


def note(session: Session, verdict: Verdict) -> None:
    """Write down what a check found; the session acts as the sealer."""
    session.execute(
        insert(table_of(AuditCheck)).inline(),
        {
            "status": verdict.status,
            "entries": verdict.entries,
            "sentences": verdict.sentences,
        },
    )
