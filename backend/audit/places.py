"""Where the signed head of the audit chain goes: a file, a log host, an address, as settings say.

Each is named by the deployer and by nobody else; nothing of it comes from the database or a page.
"""

import fcntl
import http.client
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from backend.core.settings import Settings

PATIENCE_S = 10

Send = Callable[[str], None]


def configured(chosen: Settings) -> dict[str, Send]:
    """Each place by its name; none when the deployer has named none."""
    places: dict[str, Send] = {}
    if chosen.audit_anchor_file:
        places["file"] = partial(append, chosen.audit_anchor_file)
    if chosen.audit_anchor_syslog:
        places["syslog"] = partial(to_syslog, chosen.audit_anchor_syslog)
    if chosen.audit_anchor_webhook:
        places["webhook"] = partial(post, chosen.audit_anchor_webhook.get_secret_value())
    return places


def append(path: Path, line: str) -> None:
    """At the end of the file, whole, and on the disk when this returns."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.write(handle, line.encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)


def to_syslog(place: str, line: str) -> None:
    """One message (RFC 5424 over TCP, framed as in RFC 6587) to `host:port`."""
    host, _, port = place.rpartition(":")
    # 13 * 8 + 5: log audit, notice.
    message = f"<109>1 - - vigil - audit-head - {line}".encode()
    with socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE_S) as link:
        link.sendall(str(len(message)).encode() + b" " + message)


def post(url: str, line: str) -> None:
    """As JSON to the one address that is allowed; a redirect is followed nowhere."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    link = kind(str(parts.hostname), parts.port, timeout=PATIENCE_S)
    try:
        path = parts.path or "/"
        link.request(
            "POST",
            f"{path}?{parts.query}" if parts.query else path,
            body=line.encode(),
            headers={"Content-Type": "application/json"},
        )
        status = link.getresponse().status
        if not 200 <= status < 300:
            raise OSError(f"answered {status}")
    except http.client.HTTPException as error:
        raise OSError(type(error).__name__) from error
    finally:
        link.close()
