"""Make tags, replace one, and say what a scanned one proves."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.core import live, secret
from backend.core.errors import Conflict
from backend.rounds.door_tags import queries
from backend.rounds.door_tags.models import DoorTag

CODE_BYTES = 16
# Whoever scans a tag stands at the door; some minutes later they may stand anywhere.
PROVES_FOR = timedelta(minutes=5)


def make_missing(session: Session, actor_id: int, unit_id: int, *, now: datetime) -> int:
    """A tag for each bed that has none; how many."""
    made = 0
    for bed, tag in queries.of_beds(session, unit_id):
        if tag is None:
            _make(session, actor_id, unit_id, bed.id, now)
            made += 1
    return made


def replace(session: Session, actor_id: int, old: DoorTag, *, now: datetime) -> DoorTag:
    """A new code for this bed; from now on the old one says that it is old. Twice is once."""
    if old.replaced_at is not None:
        raise Conflict("This tag has been replaced already. Print the page again.")
    old.replaced_at, old.replaced_by = now, actor_id
    session.flush()
    return _make(session, actor_id, old.unit_id, old.bed_id, now)


def _make(session: Session, actor_id: int, unit_id: int, bed_id: int, now: datetime) -> DoorTag:
    tag = DoorTag(
        unit_id=unit_id,
        bed_id=bed_id,
        code=secrets.token_urlsafe(CODE_BYTES),
        made_by=actor_id,
        made_at=now,
    )
    session.add(tag)
    session.flush()
    audit.record(
        session, actor_id, "door_tag.made", unit_id=unit_id, door_tag_id=tag.id, bed_id=bed_id
    )
    live.announce(session, "rounds")
    return tag


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A tag that was scanned, and when."""

    tag_id: int
    at: datetime


def signed(scan: Scan, *, actor_id: int, stay_id: int) -> str:
    """For the form that opens next: of this person, for this patient, and for nothing else."""
    said = f"{scan.tag_id}.{int(scan.at.timestamp())}"
    return f"{said}.{_seal(said, actor_id, stay_id)}"


def proven(token: str | None, *, actor_id: int, stay_id: int, now: datetime) -> Scan | None:
    """What a form brings back; None where it proves nothing, or not any more."""
    said, _, seal = (token or "").rpartition(".")
    tag_id, _, at = said.partition(".")
    known = _seal(said, actor_id, stay_id)
    if not hmac.compare_digest(seal.encode(), known.encode()):
        return None
    scan = Scan(tag_id=int(tag_id), at=datetime.fromtimestamp(int(at), UTC))
    return scan if now - scan.at <= PROVES_FOR else None


def _seal(said: str, actor_id: int, stay_id: int) -> str:
    words = f"{said}.{actor_id}.{stay_id}".encode()
    return hmac.new(secret.key("door tag"), words, "sha256").hexdigest()
