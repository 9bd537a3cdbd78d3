"""The key that signs the chain's head: a secret file, or one made beside the embedded server."""

import base64
import os
import secrets

from backend.core.errors import Unavailable
from backend.core.settings import settings

FILE = "audit_key"


def audit_key() -> str:
    """32 bytes in base64. Without a database of the deployer's, Vigil makes one for itself once."""
    given = settings().audit_key
    if given:
        return given.get_secret_value()
    if settings().database_url:
        raise Unavailable("Set VIGIL_AUDIT_KEY_FILE: `vigil audit new-key` makes a key.")
    path = settings().data_dir / FILE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{FILE}.{os.getpid()}")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(32)))
        try:
            os.link(beside, path)  # whoever is first has made it; the other takes that one
        except FileExistsError:
            pass
        finally:
            beside.unlink()
    return path.read_text().strip()
