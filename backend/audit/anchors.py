"""The signed head of the chain, as it is written down where no database administrator reaches."""

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from backend.core.errors import Invalid

WHAT = "vigil-audit-head"


@dataclass(frozen=True, kw_only=True)
class Head:
    """The newest batch at a moment. `entries`: how many all batches up to it have sealed."""

    seq: int
    hash: bytes
    entries: int
    at: str


def private_key(secret: str) -> Ed25519PrivateKey:
    """From the 32 bytes that the secret file holds in base64; Invalid when it holds others."""
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(secret, validate=True))
    except (ValueError, binascii.Error):
        raise Invalid(
            "The audit key must be 32 bytes in base64: `vigil audit new-key` makes one."
        ) from None


def public_key(text: str) -> Ed25519PublicKey:
    """From what `vigil audit key` prints."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.strip(), validate=True))
    except (ValueError, binascii.Error):
        raise Invalid("That is no public key: `vigil audit key` prints it.") from None


def new_secret() -> str:
    """A new key, as the secret file holds it."""
    return base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def public_text(key: Ed25519PrivateKey) -> str:
    """The public half, to be kept by whoever checks."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _signed_text(head: Head) -> bytes:
    return json.dumps([WHAT, head.seq, head.hash.hex(), head.entries, head.at]).encode()


def line(head: Head, key: Ed25519PrivateKey) -> str:
    """One line of JSON: says everything, needs nothing else but the public key."""
    signature = base64.b64encode(key.sign(_signed_text(head))).decode()
    return json.dumps(
        {
            "what": WHAT,
            "seq": head.seq,
            "hash": head.hash.hex(),
            "entries": head.entries,
            "at": head.at,
            "signature": signature,
        }
    )


def read(lines: Iterable[str], key: Ed25519PublicKey | None) -> list[Head]:
    """The heads of these lines; Invalid on one that nobody signed with this key."""
    heads = []
    for number, written in enumerate(lines, start=1):
        if not written.strip():
            continue
        try:
            told = json.loads(written)
            head = Head(
                seq=int(told["seq"]),
                hash=bytes.fromhex(told["hash"]),
                entries=int(told["entries"]),
                at=str(told["at"]),
            )
            if key is not None:
                key.verify(base64.b64decode(told["signature"], validate=True), _signed_text(head))
        except InvalidSignature:
            raise Invalid(f"Line {number} of the anchors was not signed with this key.") from None
        except (ValueError, KeyError, TypeError, OverflowError):
            raise Invalid(f"Line {number} of the anchors cannot be read.") from None
        heads.append(head)
    return heads


def read_file(path: Path, key: Ed25519PublicKey | None) -> list[Head]:
    """The heads of a file of such lines."""
    try:
        return read(path.read_text().splitlines(), key)
    except (OSError, UnicodeDecodeError):
        raise Invalid("The file of anchors cannot be read.") from None
