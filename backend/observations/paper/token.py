"""What the picture on a blank sheet holds: patient, instrument and time, read by Vigil alone."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from backend.core import secret
from backend.core.errors import NotFound, Unavailable

PURPOSE = "paper"


@dataclass(frozen=True, kw_only=True)
class Blank:
    """One printed sheet."""

    stay_id: int
    instrument: str
    due_at: datetime
    # What it is stored under: a sheet that is typed in twice is one set.
    key: UUID


def made(unit_id: int, stay_id: int, instrument: str, due_at: datetime) -> str:
    """Another for every sheet that is printed, and of no use on another unit."""
    said = json.dumps([stay_id, instrument, int(due_at.timestamp())])
    sealed = secret.seal(said.encode(), purpose=PURPOSE, owner=unit_id)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def read(unit_id: int, token: str) -> Blank:
    """The sheet, or NotFound: made up, cut off, or printed on another unit."""
    secret.key(PURPOSE)  # where the server lacks its secret, that is what is wrong
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        said = json.loads(secret.unseal(sealed, purpose=PURPOSE, owner=unit_id))
    except (binascii.Error, ValueError, Unavailable):
        raise NotFound("There is nothing like this on your unit.") from None
    stay_id, instrument, due = said
    return Blank(
        stay_id=stay_id,
        instrument=instrument,
        due_at=datetime.fromtimestamp(due, UTC),
        key=UUID(bytes=hashlib.sha256(sealed).digest()[:16]),
    )
