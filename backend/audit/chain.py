"""What exactly a seal is the hash of: written once for the database, once for whoever checks it.

An entry is the text of a JSON array of its fields as strings, times as microseconds since 1970, and
of its details only their salted hash. A batch is SHA-256 over the hash of the batch before, its own
header written the same way, and the hashes of its entries in order.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Before the first batch.
NOTHING = bytes(32)

AT = "(extract(epoch FROM at) * 1000000)::bigint"
# As the database names them; each is cast to text.
FIELDS = (
    "id",
    "xid",
    AT,
    "actor_id",
    "sign_in_id",
    "workstation_id",
    "unit_id",
    "stay_id",
    "patient_id",
    "action",
    "deed",
    "object_type",
    "object_id",
    "quarter_hour",
    "encode(detail_sha256, 'hex')",
)
ENTRY_SQL = (
    "sha256(convert_to(jsonb_build_array("
    + ", ".join(f"({field})::text" for field in FIELDS)
    + ")::text, 'UTF8'))"
)
HEADER_SQL = (
    "convert_to(jsonb_build_array(seq::text, entries::text, last_xid::text, last_id::text,"
    f" {AT}::text)::text, 'UTF8')"
)


def microseconds(moment: datetime) -> int:
    """Exactly, as the database counts them."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def _array(values: Iterable[Any]) -> bytes:
    written = [None if value is None else str(value) for value in values]
    return json.dumps(written, ensure_ascii=False).encode()


def entry_hash(fields: Sequence[Any]) -> bytes:
    """The hash of one entry, from its FIELDS as text or None."""
    return hashlib.sha256(_array(fields)).digest()


def batch_hash(
    previous: bytes,
    *,
    seq: int,
    entries: int,
    last_xid: int,
    last_id: int,
    at: datetime,
    hashes: Iterable[bytes],
) -> bytes:
    """The hash of one batch."""
    header = _array((seq, entries, last_xid, last_id, microseconds(at)))
    return hashlib.sha256(previous + header + b"".join(hashes)).digest()


def detail_hash(salt: bytes, detail: str) -> bytes:
    """What an entry keeps of its details."""
    return hashlib.sha256(salt + detail.encode()).digest()
