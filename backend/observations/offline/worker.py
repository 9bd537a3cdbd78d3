"""The browser's worker and our own files that it keeps: another text for every change of one."""

import hashlib
import json
from functools import cache
from pathlib import Path

from backend.core.web import ROOT, VENDOR

STATIC = ROOT / "static"
# What it shows instead of a page that is not kept.
OTHERWISE = "/offline"


def _files() -> dict[str, Path]:
    ours = {f"/static/{path.name}": path for path in STATIC.iterdir() if path.is_file()}
    brought = {f"/static/vendor/{name}": ROOT / "node_modules" / at for name, at in VENDOR.items()}
    return ours | brought


@cache
def script() -> str:
    """The worker's text: the version, the files, and then what it does."""
    files = dict(sorted(_files().items()))
    told = hashlib.sha256()
    for path, file in files.items():
        told.update(path.encode() + file.read_bytes())
    told.update((ROOT / "templates" / "observations" / "offline.html").read_bytes())
    told.update((ROOT / "templates" / "base.html").read_bytes())
    known = [OTHERWISE, *(path for path in files if path != "/static/worker.js")]
    return (
        f"const VERSION = {json.dumps(told.hexdigest()[:16])};\n"
        f"const FILES = {json.dumps(known)};\n"
        f"{(STATIC / 'worker.js').read_text()}"
    )
