"""The one secret that the database does not hold: whoever steals a backup lacks it."""

import os
import secrets
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.core.errors import Unavailable
from backend.core.settings import settings

NONCE_BYTES = 12


def key(purpose: str) -> bytes:
    """32 bytes for one purpose: who learns one of them learns none of the others."""
    given = settings().secret_key
    if given:
        return _derived(given.get_secret_value(), purpose)
    if settings().database_url:
        raise Unavailable(
            "Vigil lacks its secret: put 32 or more random characters into a file that only it can"
            " read, and name it in VIGIL_SECRET_KEY_FILE. All web servers need the same one."
        )
    return _derived(_kept(settings().data_dir), purpose)


def seal(plain: bytes, *, purpose: str, owner: int) -> bytes:
    """Unreadable without the secret, and of no use to anybody but its owner."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key(purpose)).encrypt(nonce, plain, f"{purpose}:{owner}".encode())


def unseal(sealed: bytes, *, purpose: str, owner: int) -> bytes:
    """What was sealed. Another secret than then is a fault that only the deployer can mend."""
    nonce, text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return AESGCM(key(purpose)).decrypt(nonce, text, f"{purpose}:{owner}".encode())
    except InvalidTag:
        raise Unavailable(
            "What was sealed cannot be opened: VIGIL_SECRET_KEY is not the one it was sealed with."
        ) from None


@cache
def _derived(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=f"vigil {purpose}".encode()).derive(
        secret.encode()
    )


@cache
def _kept(folder: Path) -> str:
    """Beside the embedded server's data, made once, for its owner's eyes."""
    path = folder / "secret_key"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            f"Vigil cannot keep its secret in {path} ({type(error).__name__}): set VIGIL_DATA_DIR"
            " to a folder where it can, or VIGIL_SECRET_KEY_FILE."
        ) from None


def _make(path: Path) -> None:
    """Whole or not at all, and of two that start at once only one makes it."""
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink()
